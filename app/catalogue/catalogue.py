"""The server's catalogue: what it knows of clients, runs, files and events, in one SQLite file."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from msgspec.structs import replace
from sqlalchemy import select

from app.catalogue.analytics import Analytics
from app.catalogue.clients import Clients, standing
from app.catalogue.contents import Contents, StoredSizes
from app.catalogue.enrolments import Enrolments
from app.catalogue.events import ActivityLog, Events
from app.catalogue.files import Files
from app.catalogue.metrics import Metrics
from app.catalogue.migrate import migrate
from app.catalogue.readers import Readers
from app.catalogue.removal import Removal
from app.catalogue.runs import Runs
from app.catalogue.schema import meta
from app.catalogue.tokens import Tokens
from app.catalogue.transaction import Transaction
from app.catalogue.verification_schedule import VerificationSchedule
from app.catalogue.writer import Writer
from streams.failures import TidewatchError
from streams.records.base import utc_now
from streams.records.events import Event

LOOK_EVERY_S = 1.0
"""How often to look for what other processes, such as ``server enrol``, have written, in seconds."""

OnCommit = Callable[[tuple[Event, ...]], None]
_log = structlog.get_logger(__name__)


class Catalogue:
    """All questions of the server to its database, one attribute for each subject.

    A write returns once it survives ``kill -9`` and the loss of power; its events are handed on by then.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_commit: OnCommit,
        now: Callable[[], datetime],
        stored_sizes: StoredSizes | None,
        raw_sizes: StoredSizes | None,
    ) -> None:
        self.path = path
        self.epoch = ""
        """Changes whenever the numbering of events begins afresh."""
        self.last_seq = 0
        """The number of the newest event handed to ``on_commit``."""
        self.readers = Readers(path)
        self.writer = Writer(path, committed=self._committed, now=now)
        self.tokens = Tokens(self.readers, self.writer, now=now)
        self.enrolments = Enrolments(self.writer, self.tokens)
        self.clients = Clients(self.readers, self.writer)
        self.contents = Contents(self.readers, self.writer, stored_sizes)
        self.runs = Runs(self.readers, self.writer, stored_sizes=stored_sizes, raw_sizes=raw_sizes, now=now)
        self.files = Files(self.readers, self.writer, now=now)
        self.events = Events(self.readers, self.writer)
        self.activity = ActivityLog(self.readers, self.writer)
        self.metrics = Metrics(self.readers, self.writer, now=now)
        self.analytics = Analytics(self.readers, self.writer, self.metrics, now=now)
        self.verification = VerificationSchedule(self.readers)
        self.removal = Removal(self.readers, self.writer, self.tokens)
        self._on_commit = on_commit
        self._telling = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        on_commit: OnCommit = lambda _events: None,
        now: Callable[[], datetime] = utc_now,
        stored_sizes: StoredSizes | None = None,
        raw_sizes: StoredSizes | None = None,
    ) -> "Catalogue":
        """Open the catalogue at ``path``, creating it or bringing its schema up to date.

        ``stored_sizes`` and ``raw_sizes`` tell what the store has, and its own count of the bytes of it.
        ``on_commit`` gets the events of each write after its commit, in order of their numbers, on the loop.
        Raises CatalogueTooNew, CatalogueUnwritable, CatalogueLocked or NotADatabase.
        """
        await asyncio.to_thread(migrate, path)
        catalogue = cls(path, on_commit=on_commit, now=now, stored_sizes=stored_sizes, raw_sizes=raw_sizes)
        try:
            await catalogue._begin()
        except BaseException:
            await catalogue.close()
            raise
        return catalogue

    @property
    def write_queue(self) -> int:
        """How many writes wait."""
        return self.writer.waiting

    async def close(self) -> None:
        """Finish the writes that wait and close everything."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            await self.metrics.flush()
        await self.writer.close()
        await self.readers.close()

    async def _begin(self) -> None:
        await self.writer.open()
        await self.writer.write(_found)
        self.epoch, self.last_seq = await self.readers.read(standing)
        await self.tokens.look_for_revoked()
        self._looking = asyncio.create_task(self._look(), name="catalogue look")

    async def _committed(self, transaction: Transaction) -> None:
        try:
            await self._tell_committed(transaction)
        except TidewatchError as error:
            # The next look hands them on.
            _log.warning("events_not_handed_on", reason=error.line())

    async def _tell_committed(self, transaction: Transaction) -> None:
        async with self._telling:
            through = transaction.sequences.get("events", 0)
            first = transaction.events[0].seq if transaction.events else through + 1
            if first > self.last_seq + 1:
                await self._tell_missed(first - 1)
            at = transaction.committed_at
            self._tell(tuple(replace(event, committed_at=at) for event in transaction.events))

    def _tell(self, events: tuple[Event, ...]) -> None:
        # What a look has told already is not told again.
        events = tuple(event for event in events if event.seq > self.last_seq)
        if not events:
            return
        self.last_seq = events[-1].seq
        try:
            self._on_commit(events)
        except Exception:  # noqa: BLE001  (logged with its trace)
            # The write is durable: its caller must not hear that it failed.
            _log.exception("events not handed on", first=events[0].seq, last=events[-1].seq)

    async def _tell_missed(self, through: int) -> None:
        """Hand on what other processes have written, up to a number."""
        while missed := await self.events.after(self.last_seq):
            self._tell(tuple(event for event in missed if event.seq <= through))
            if missed[-1].seq >= through:
                break
        # Some numbers are those of activity lines of the history, which have no event.
        self.last_seq = max(self.last_seq, through)

    async def _look(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                _, last = await self.readers.read(standing)
                if last > self.last_seq:
                    async with self._telling:
                        await self._tell_missed(last)
                await self.tokens.look_for_revoked()
                failing = False
            except TidewatchError as error:
                if not failing:
                    _log.warning("cannot look at the catalogue", reason=error.line())
                failing = True


def _found(transaction: Transaction) -> None:
    """Give a new catalogue its epoch."""
    if transaction.all(select(meta.c.value).where(meta.c.name == "epoch")):
        return
    rows = [
        {"name": "epoch", "value": uuid.uuid4().hex},
        {"name": "created_at", "value": transaction.now.isoformat()},
        {"name": "blob_bytes", "value": "0"},
    ]
    transaction.insert(meta, rows)
