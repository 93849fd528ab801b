"""Appends to the audit record of a running server, and tells its rows to the log and to consoles."""

import asyncio
import time
from collections import OrderedDict
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
GUESSES_AT_ONCE, GUESSES_AN_HOUR = 200, 60
"""Rows of its own that each action of nobody known may have, such as a wrong token: one for each network
while it lasts. Those above are counted together, in one row a minute."""
ROWS_AT_ONCE, ROWS_AN_HOUR = 2000, 1000
"""The same for each token: who has one fills no disk with rows either."""
MOST_BUDGETS = 20_000
MOST_WAITING = 5000
"""Notes that wait for a catalogue that takes none; more are only counted."""
FOLLOW_S = 1.0
"""How often rows of other processes are looked for."""
OTHERS = "other addresses"
MORE = "more of the same"


class _Budget:
    """Rows that may be had at once, and so many more an hour."""

    __slots__ = ("_an_hour", "_left", "_looked_s", "_most")

    def __init__(self, most: float, an_hour: float, now_s: float) -> None:
        self._most, self._an_hour = most, an_hour
        self._left, self._looked_s = most, now_s

    def take(self, now_s: float) -> bool:
        grown = (now_s - self._looked_s) * self._an_hour / 3600
        self._left, self._looked_s = min(self._most, self._left + grown), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


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
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._something = asyncio.Event()
        self._told = 0
        self._broken = False

    async def note(self, note: AuditNote) -> None:
        """Append a row; a catalogue that takes none is said in the log, and the note waits for it.

        Of somebody who has had too many rows it is only counted, see ``gather``.
        """
        if not self._affords(note):
            self._count(note)
            return
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

        Notes with the same action and ``key`` are equal. Who makes too many different ones, or nobody known
        does, has them counted together.
        """
        whole = (note.action, *key)
        known = self._gathered.get(whole)
        if known is not None:
            known.note, known.count = note, known.count + 1
        elif self._affords(note):
            self._gathered[whole] = _Gathered(note, self._clock())
            self.later(note)
        else:
            self._count(note)

    def _affords(self, note: AuditNote) -> bool:
        """Whether a note may have a row of its own: its token has some left, or for nobody its action."""
        key = note.who or note.action.value
        budget = self._budgets.pop(key, None)
        if budget is None:
            bounds = (ROWS_AT_ONCE, ROWS_AN_HOUR) if note.who else (GUESSES_AT_ONCE, GUESSES_AN_HOUR)
            budget = _Budget(*bounds, self._clock())
        self._budgets[key] = budget
        if len(self._budgets) > MOST_BUDGETS:
            self._budgets.popitem(last=False)
        return budget.take(self._clock())

    def _count(self, note: AuditNote) -> None:
        if not note.who:
            note = replace(note, address=OTHERS, target="", client_id=None)
        else:
            note = replace(note, target=f"{note.target} and {MORE}")
        whole = (note.action, note.who)
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
