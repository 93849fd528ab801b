"""The time by which ages are judged: that of now, unless the clock has jumped, see ``clock_trust``.

It is kept in the catalogue, so that no restart takes a jump for the truth, and none begins the wait anew.
What is held for some hours before it is destroyed is held longer by a jump that is trusted in the end.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.clock_trust import CONFIRM_S, Clock, first, look
from app.catalogue.readers import Readers
from app.catalogue.schema import meta
from app.catalogue.times import SECOND_US, from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer

log = structlog.stdlib.get_logger(__name__)

WRITE_EVERY = timedelta(minutes=5)
_KNOWN_AT, _CLOCK = "known_at", "clock"
_put = insert(meta)
_PUT = _put.on_conflict_do_update(index_elements=["name"], set_={"value": _put.excluded.value})
OnBelieved = Callable[[Transaction, timedelta], None]
"""Is called inside the write that believes a jump forward, with its length."""


def uptime_s() -> float:
    """Return for how long the machine is up, with the time in which it slept where that is counted."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


@dataclass(frozen=True)
class Times:
    """They are the time of now, unless the clock has jumped or was set back."""

    judged: datetime
    """By it ages are judged."""
    latest: datetime
    """From it on things are held; a hold that begins after it was noted by a clock that was ahead."""
    newest: datetime
    """What came after it came while the clock was ahead. A jump that is not trusted may yet be the truth."""


class KnownTime:
    """Judges the server's clock."""

    def __init__(
        self,
        readers: Readers,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        clock_s: Callable[[], float] = uptime_s,
    ) -> None:
        self._readers, self._writer = readers, writer
        self._now, self._clock_s = now, clock_s
        self._clock: Clock | None = None
        self._written_at: datetime | None = None
        self._on_believed: list[OnBelieved] = []
        # Two that look at once would both believe a jump.
        self._looking = asyncio.Lock()

    @property
    def held_at(self) -> datetime | None:
        """The time by which ages are judged while the clock is not trusted; None while it is."""
        return None if self._clock is None or self._clock.settled else self._clock.trusted.at

    def on_believed(self, call: OnBelieved) -> None:
        """Call ``call`` whenever a jump forward is believed."""
        self._on_believed.append(call)

    async def times(self) -> "Times":
        """Return the times by which is destroyed and held."""
        now, clock = await self._look()
        trusted = clock.trusted.at
        return Times(judged=min(now, trusted), latest=trusted, newest=max(now, trusted))

    async def _look(self) -> tuple[datetime, Clock]:
        async with self._looking:
            now, clock_s = self._now(), self._clock_s()
            before = self._clock or await self._read() or first(now)
            clock, jump = look(before, now, clock_s)
            changed = (len(clock.unproven), clock.settled) != (len(before.unproven), before.settled)
            if changed or jump or self._written_at is None or abs(now - self._written_at) >= WRITE_EVERY:
                await self._writer.write(lambda transaction: self._write(transaction, clock, jump))
                self._written_at = now
            # After the write: where it fails, the jump is still to be believed, and what is held to be moved.
            self._clock = clock
        if before.settled and not clock.settled:
            log.warning(
                "clock_jumped",
                ahead_days=round(clock.unproven[-1].ahead_s / 86400, 1),
                hint=f"Ages are judged by the time before until the server was up {CONFIRM_S / 3600:g} h.",
            )
        if jump or (clock.settled and not before.settled):
            log.info("clock_believed_again" if clock.settled else "clock_believed_in_part")
        return now, clock

    async def _read(self) -> Clock | None:
        rows = await self._readers.rows(select(meta).where(meta.c.name.in_((_KNOWN_AT, _CLOCK))))
        kept = {row.name: row.value for row in rows}
        for name, text in sorted(kept.items()):
            try:
                if name == _CLOCK:
                    return msgspec.json.decode(text, type=Clock).stored()
                return first(from_us(int(text)))
            except (ValueError, OverflowError, TypeError) as error:
                log.warning("clock_state_unreadable", name=name, reason=str(error))
        return None

    def _write(self, transaction: Transaction, clock: Clock, jump: timedelta) -> None:
        if jump:
            for call in self._on_believed:
                call(transaction, jump)
        known_at = str(to_us(clock.trusted.at) // SECOND_US * SECOND_US)
        values = {_KNOWN_AT: known_at, _CLOCK: msgspec.json.encode(clock.stored()).decode()}
        transaction.run(_PUT, [{"name": name, "value": value} for name, value in values.items()])
