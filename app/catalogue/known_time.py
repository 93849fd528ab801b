"""The last time that the server's clock was known to be right, and whether it is plausible now.

A clock that jumps a year ahead for a minute must not purge what was to be kept for a month. A jump forward of
more than ten minutes beyond what has passed by the clock of the machine's uptime, or of more than a day
since the server last ran, is believed only after the clock has stayed there for a day; until then nothing is
purged because of its age. What is held for some hours before it is destroyed is then held longer by the jump.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update

from app.catalogue.readers import Readers
from app.catalogue.schema import meta
from app.catalogue.times import SECOND_US, from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer

log = structlog.stdlib.get_logger(__name__)

JUMP = timedelta(minutes=10)
JUMP_WHILE_OFF = timedelta(days=1)
"""A server that is off each night must be able to believe its clock."""
CONFIRM_S = 24 * 3600.0
"""How long a clock that has jumped must stay there before it is believed, in seconds."""
WRITE_EVERY = timedelta(minutes=5)
_NAME = "known_at"
OnBelieved = Callable[[Transaction, timedelta], None]
"""Is called inside the write that believes a jump forward, with its length."""


def uptime_s() -> float:
    """Return for how long the machine is up, with the time in which it slept where that is counted."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


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
        self._known_at: datetime | None = None
        self._known_s: float | None = None
        """By the monotonic clock; None while only the catalogue tells of it."""
        self._written_at: datetime | None = None
        self._jumped_s: float | None = None
        self._on_believed: list[OnBelieved] = []

    def on_believed(self, call: OnBelieved) -> None:
        """Call ``call`` whenever a jump forward is believed."""
        self._on_believed.append(call)

    async def plausible(self) -> bool:
        """Return whether ages may be judged by the clock just now."""
        now, clock_s = self._now(), self._clock_s()
        known = self._known_at or await self._read() or now
        passed_s = clock_s - self._known_s if self._known_s is not None else 0.0
        ahead = now - known - timedelta(seconds=passed_s)
        jumped = ahead > (JUMP_WHILE_OFF if self._known_s is None else JUMP)
        if jumped:
            if self._jumped_s is None:
                self._jumped_s = clock_s
                log.warning(
                    "clock_jumped",
                    ahead_days=round(ahead / timedelta(days=1), 1),
                    hint=f"Nothing is purged for its age until it has stayed so for {CONFIRM_S / 3600:g} h.",
                )
            if clock_s - self._jumped_s < CONFIRM_S:
                # What is known stays as it is, so that a restart does not take the jump for the truth.
                return False
        if jumped or self._written_at is None or abs(now - self._written_at) >= WRITE_EVERY:
            await self._writer.write(
                lambda transaction: self._write(transaction, now, ahead if jumped else None)
            )
            self._written_at = now
        # After the write: where it fails, the jump is still to be believed, and what is held to be moved.
        if self._jumped_s is not None:
            log.info("clock_believed_again")
        self._jumped_s = None
        self._known_at, self._known_s = now, clock_s
        return True

    async def _read(self) -> datetime | None:
        rows = await self._readers.rows(select(meta.c.value).where(meta.c.name == _NAME))
        self._known_at = from_us(int(rows[0].value)) if rows else None
        return self._known_at

    def _write(self, transaction: Transaction, known: datetime, jump: timedelta | None) -> None:
        if jump is not None:
            for call in self._on_believed:
                call(transaction, jump)
        value = str(to_us(known) // SECOND_US * SECOND_US)
        done = transaction.run(update(meta).where(meta.c.name == _NAME).values(value=value))
        if not done.rowcount:
            transaction.insert(meta, [{"name": _NAME, "value": value}])
