"""Appends to the audit record of a running server, and tells its rows to the log and to consoles."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec.structs import replace

from app.catalogue.audit import AuditLog
from app.catalogue.audit_note import AuditNote
from app.catalogue.batch_write import MAX_ROWS
from app.catalogue.writer import FLOW
from app.runtime.tasks import to_its_end
from app.server.audit_budgets import AuditBudgets, has_own_row
from app.server.logbook import Logbook
from streams.model.failures import TidewatchError
from streams.model.logs import LogLine
from streams.model.vocabulary import AuditAction, LogLevel

log = structlog.stdlib.get_logger(__name__)
_lines = structlog.stdlib.get_logger("audit")
"""Rows as lines of the server's own log; consoles get them from the record itself."""

GATHER_S = 60.0
"""Equal notes within this time become one row with their count; the first has its own at once."""
WITHOUT_CATALOGUE = frozenset({AuditAction.STOP_SERVER, AuditAction.START_SERVER, AuditAction.CANCEL_RUN})
"""What is ordered of processes: it is done also while the disk fails, and noted when that is well."""
MAX_WAITING = 5000
"""Notes that wait for a catalogue that takes none; more are only counted."""
FOLLOW_S = 1.0
"""How often rows of other processes are looked for."""
OTHERS = "other addresses"
MORE = "more of the same"


@dataclass(slots=True)
class _Gathered:
    note: AuditNote
    since_s: float
    count: int = 0
    """How many came after the first."""
    written: bool = False
    """Whether it was tried to make the first durable."""


class Audit:
    """Appends to the record without holding up who is noted, and follows it."""

    def __init__(
        self, record: AuditLog, logbook: Logbook, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._logbook = logbook
        self._clock = clock
        self._waiting: list[AuditNote] = []
        self._lost = 0
        self._gathered: dict[Hashable, _Gathered] = {}
        self._budgets = AuditBudgets(clock)
        self._writing = asyncio.Lock()
        """Held by who takes notes from those that wait, until they are durable or wait again."""
        self._following = asyncio.Lock()
        """Held by who tells rows and writes the head."""
        self._something = asyncio.Event()
        self._told = 0
        self._broken = False
        self._head_failing = False

    async def intend(self, note: AuditNote) -> AuditNote:
        """Keep durably that an order begins, and return what its row is made of.

        Raises a ``TidewatchError`` where the catalogue takes no write: then nothing may be done either,
        except ``WITHOUT_CATALOGUE``.
        """
        try:
            return await to_its_end(self._record.intend(note))
        except TidewatchError as failure:
            if note.action not in WITHOUT_CATALOGUE:
                raise
            log.error("audit_not_written", action=note.action, who=note.who, reason=failure.message)
            return note

    async def note(self, note: AuditNote) -> None:
        """Append a row; a catalogue that takes none is said in the log, and the note waits for it.

        Who is cancelled meanwhile loses no note: it waits with the others. Of somebody who has had too many
        rows of a kind it is only counted, see ``gather``.
        """
        if not self._budgets.afford(note):
            self._count(note)
            if note.intent is not None:
                await self._logged(note, self._record.drop(note))
            return
        self.later(note)
        await self._logged(note, self._write())
        self._something.set()

    async def _logged(self, note: AuditNote, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` to its end; a failure of the catalogue is said in the log."""
        try:
            await to_its_end(work)
        except (TidewatchError, OSError) as failure:
            log.error("audit_not_written", action=note.action, who=note.who, reason=str(failure))

    def later(self, note: AuditNote) -> None:
        """Append a row soon, without waiting for it; of too many that wait, the less weighty are counted."""
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
            light = next((number for number, each in enumerate(self._waiting) if not has_own_row(each)), None)
            if light is None or not has_own_row(note):
                return
            del self._waiting[light]
        self._waiting.append(note)
        self._something.set()

    def gather(self, note: AuditNote, *key: Hashable) -> None:
        """Append a row for the first of equal notes, and one a minute with the count of those after it.

        Notes with the same action, result and ``key`` are equal. Who makes too many different ones of an
        action, or nobody known does, has them counted together.
        """
        self._gather(note, key)

    async def gather_durably(self, note: AuditNote, *key: Hashable) -> None:
        """Do as ``gather``, and return when the row of the first is durable: for what is given out then.

        A catalogue that takes no row is said in the log; it does not keep a restore from its contents.
        """
        gathered = self._gather(note, key)
        if gathered is not None and not gathered.written:
            await self._logged(note, self._write())
            gathered.written = True

    def _gather(self, note: AuditNote, key: tuple[Hashable, ...]) -> _Gathered | None:
        whole = (note.action, note.result, *key)
        known = self._gathered.get(whole)
        if known is not None:
            known.note, known.count = note, known.count + 1
        elif self._budgets.afford(note):
            known = self._gathered[whole] = _Gathered(note, self._clock())
            self.later(note)
        else:
            self._count(note)
        return known

    def _count(self, note: AuditNote) -> None:
        note = replace(note, intent=None)
        if not note.who:
            note = replace(note, address=OTHERS, target="", client_id=None)
        else:
            note = replace(note, target=f"{note.target} and {MORE}")
        whole = (note.action, note.result, note.who)
        known = self._gathered.setdefault(whole, _Gathered(note, self._clock()))
        known.note, known.count = note, known.count + 1

    async def run(self) -> None:
        """Write what waits and tell what was written, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(FOLLOW_S):
                    await self._something.wait()
            except TimeoutError:
                pass
            self._something.clear()
            await self.step()

    async def step(self) -> None:
        """Do once what ``run`` does; raises ``TidewatchError`` and keeps what could not be written.

        Several may do it at once, and be cancelled: what has begun is done to its end, by one at a time.
        """
        self._release(due_before=self._clock() - GATHER_S)
        await to_its_end(self._write())
        await self.follow()

    async def begin(self) -> None:
        """Take what is in the record now as told."""
        self._told = (await self._record.head()).seq
        if self._told and not await self._record.has_head():
            log.warning(
                "audit_head_missing", hint="A new one is written: rows cut off before are not missed."
            )

    async def close(self) -> None:
        """Write all that was gathered; a catalogue that takes none is said in the log."""
        self._release(due_before=float("inf"))
        try:
            await to_its_end(self._write())
            await self.follow()
        except (TidewatchError, OSError) as failure:
            count = len(self._waiting) + self._lost
            log.error("audit_not_written", count=count, reason=str(failure))

    async def follow(self) -> None:
        """Tell rows that have come since the last look, also those of other processes."""
        await to_its_end(self._follow())

    async def _follow(self) -> None:
        async with self._following:
            while fresh := await self._record.after(self._told):
                self._told = fresh[-1][0]
                lines = tuple(line for _, line in fresh)
                for line in lines:
                    _say(line)
                self._logbook.relay(lines)
            await self._save_head()

    async def _save_head(self) -> None:
        try:
            good = await self._record.save_head()
        except OSError as failure:
            if not self._head_failing:
                log.error("audit_head_not_written", reason=failure.strerror or str(failure))
            self._head_failing = True
            return
        self._head_failing = False
        if not good and not self._broken:
            log.error(
                "audit_chain_broken",
                hint="Rows of the audit record are gone, or audit.head is not its own. Run server check.",
            )
        self._broken = not good

    def _release(self, *, due_before: float) -> None:
        """Let what was gathered long enough wait to be written."""
        for key, gathered in list(self._gathered.items()):
            if gathered.since_s <= due_before:
                del self._gathered[key]
                if gathered.count:
                    self.later(replace(gathered.note, count=gathered.count))

    async def _write(self) -> None:
        """Write what waits, in its order; what is not written waits again, before what came meanwhile."""
        FLOW.set("audit")  # of this task alone: behind no client's own writes
        async with self._writing:
            # Not what comes meanwhile: who waits for one row does not write those of all others.
            left, most = len(self._waiting), MAX_ROWS
            while left > 0 and self._waiting:
                count = min(left, most)
                notes, self._waiting = self._waiting[:count], self._waiting[count:]
                try:
                    await self._record.note(*notes)
                except (TidewatchError, OSError, asyncio.CancelledError):
                    self._waiting[:0] = notes
                    raise
                except Exception:
                    # A bug, which must not keep all others out: the note that has it is dropped.
                    if count > 1:
                        self._waiting[:0] = notes
                        most = 1
                        continue
                    log.exception("audit_note_impossible", action=notes[0].action, who=notes[0].who)
                left -= count
            if self._lost:
                log.error("audit_notes_lost", count=self._lost)
                self._lost = 0


def _say(line: LogLine) -> None:
    level = "warning" if line.level is LogLevel.WARNING else "info"
    # Names that structlog has for itself are not used for fields.
    getattr(_lines, level)(line.message.replace(" ", "_"), client_id=line.client_id, **line.fields)
