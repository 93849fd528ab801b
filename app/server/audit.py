"""Appends to the audit record of a running server, and tells its rows to the log and to consoles."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from app.catalogue.audit import AuditLog, AuditNote
from app.server.logbook import Logbook
from streams.failures import TidewatchError
from streams.records.logs import LogLine
from streams.vocabulary import LogLevel

log = structlog.stdlib.get_logger(__name__)
_lines = structlog.stdlib.get_logger("audit")
"""Rows as lines of the server's own log; consoles get them from the record itself."""

GATHER_S = 60.0
"""Equal notes within this time become one row with their count; the first has its own at once."""
MOST_GATHERED = 200
"""Addresses and the like that are told apart within that time; the rest is counted together."""
MOST_WAITING = 5000
"""Notes that wait for a catalogue that takes none; more are only counted."""
FOLLOW_S = 1.0
"""How often rows of other processes are looked for."""
OTHERS = "other addresses"


@dataclass(slots=True)
class _Gathered:
    note: AuditNote
    since_s: float
    count: int = 0
    """How many came after the first."""


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
        self._something = asyncio.Event()
        self._told = 0
        self._broken = False

    async def note(self, note: AuditNote) -> None:
        """Append a row; a catalogue that takes none is said in the log, and the note waits for it."""
        try:
            await self._record.note(note)
        except (TidewatchError, OSError) as failure:
            log.error("audit_not_written", action=note.action, who=note.who, reason=str(failure))
            self.later(note)
        self._something.set()

    def later(self, note: AuditNote) -> None:
        """Append a row soon, without waiting for it."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(note)
        else:
            self._lost += 1
        self._something.set()

    def gather(self, note: AuditNote, *key: Hashable) -> None:
        """Append a row for the first of equal notes, and one a minute with the count of those after it.

        Notes with the same action and ``key`` are equal.
        """
        whole = (note.action, *key)
        if whole not in self._gathered and len(self._gathered) >= MOST_GATHERED:
            whole, note = (note.action,), replace(note, address=OTHERS, who="", target="", client_id=None)
        known = self._gathered.get(whole)
        if known is None:
            self._gathered[whole] = _Gathered(note, self._clock())
            self.later(note)
        else:
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
        """Do once what ``run`` does; raises ``TidewatchError`` and keeps what could not be written."""
        await self._write(due_before=self._clock() - GATHER_S)
        await self.follow()

    async def begin(self) -> None:
        """Take what is in the record now as told."""
        self._told = (await self._record.head()).seq

    async def close(self) -> None:
        """Write all that was gathered; a catalogue that takes none is said in the log."""
        try:
            await self._write(due_before=float("inf"))
            await self.follow()
        except (TidewatchError, OSError) as failure:
            log.error("audit_not_written", count=len(self._waiting), reason=str(failure))

    async def follow(self) -> None:
        """Tell rows that have come since the last look, also those of other processes."""
        while fresh := await self._record.after(self._told):
            self._told = fresh[-1][0]
            lines = tuple(line for _, line in fresh)
            for line in lines:
                _say(line)
            self._logbook.relay(lines)
        good = await self._record.save_head()
        if not good and not self._broken:
            log.error("audit_chain_broken", hint="Rows of the audit record are gone. Run server check.")
        self._broken = not good

    async def _write(self, *, due_before: float) -> None:
        for key, gathered in list(self._gathered.items()):
            if gathered.since_s <= due_before:
                del self._gathered[key]
                if gathered.count:
                    self.later(replace(gathered.note, count=gathered.count))
        if self._lost:
            log.error("audit_notes_lost", count=self._lost)
            self._lost = 0
        if self._waiting:
            notes = self._waiting[:]
            await self._record.note(*notes)
            del self._waiting[: len(notes)]


def _say(line: LogLine) -> None:
    level = "warning" if line.level is LogLevel.WARNING else "info"
    # Names that structlog has for itself are not used for fields.
    getattr(_lines, level)(line.message.replace(" ", "_"), client_id=line.client_id, **line.fields)
