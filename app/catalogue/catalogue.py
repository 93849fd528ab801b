"""The server's catalogue: what it knows of clients, runs, files and events, in one SQLite file."""

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from msgspec.structs import replace
from sqlalchemy import select, update

from app.catalogue.analytics import Analytics
from app.catalogue.audit import AuditLog
from app.catalogue.clients import Clients, last_event, standing
from app.catalogue.console_tokens import ConsoleTokens
from app.catalogue.contents import Contents, StoredSizes
from app.catalogue.doomed import DoomedContents
from app.catalogue.enrolments import Enrolments
from app.catalogue.errors import CatalogueLost
from app.catalogue.events import ActivityLog, Events
from app.catalogue.files import Files
from app.catalogue.holds import Holds
from app.catalogue.kept_settings import KeptSettings
from app.catalogue.known_time import KnownTime, uptime_s
from app.catalogue.maintenance import checkpoint
from app.catalogue.metrics import Metrics
from app.catalogue.migrate import migrate
from app.catalogue.readers import Readers
from app.catalogue.removal import Removal
from app.catalogue.revocations import Revocations
from app.catalogue.runs import Runs
from app.catalogue.schema import meta
from app.catalogue.session import Session
from app.catalogue.store_moment import StoreMoment
from app.catalogue.strays import Strays
from app.catalogue.tokens import Tokens
from app.catalogue.transaction import Transaction
from app.catalogue.verification_schedule import VerificationSchedule
from app.catalogue.writer import Writer
from app.runtime.tasks import Tasks
from streams.model.base import utc_now
from streams.model.events import Event
from streams.model.failures import TidewatchError

LOOK_EVERY_S = 1.0
"""How often to look for what other processes, such as ``server enrol``, have written, in seconds."""
NOTE_EVERY_S = 5.0
"""How often it is noted beside the catalogue how far its events are, in seconds."""
RENEW_EVERY_S = 600.0
"""Age of a session in seconds; a copy of the file that is older is known for one when it is put back."""

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
        clock_s: Callable[[], float],
        stored_sizes: StoredSizes | None,
        raw_sizes: StoredSizes | None,
        session: Session | None,
    ) -> None:
        self.path = path
        self.session = session
        """Watches over the file, where this process is the server of it."""
        self.epoch = ""
        """Changes whenever the numbering of events begins afresh."""
        self.last_seq = 0
        """The number of the newest event handed to ``on_commit``."""
        self.readers = Readers(path)
        if session is None:
            self.writer = Writer(path, committed=self._committed, now=now)
        else:
            self.writer = Writer(
                path, committed=self._committed, now=now, check=session.check, opened=session.watch
            )
        self.known_time = KnownTime(self.readers, self.writer, now=now, clock_s=clock_s)
        self.tokens = Tokens(self.readers, self.writer, now=now)
        self.console_tokens = ConsoleTokens(self.readers, self.writer, self.tokens)
        self.revocations = Revocations(self.readers, self.writer, self.tokens)
        self.holds = Holds(self.readers, self.writer, self.known_time)
        self.audit = AuditLog(path, self.readers, self.writer)
        self.settings = KeptSettings(self.readers, self.writer)
        self.enrolments = Enrolments(self.writer, self.tokens)
        self.clients = Clients(self.readers, self.writer)
        self.contents = Contents(self.readers, self.writer, stored_sizes, now=now)
        self.runs = Runs(self.readers, self.writer, stored_sizes=stored_sizes, raw_sizes=raw_sizes, now=now)
        self.files = Files(self.readers, self.writer, now=now)
        self.events = Events(self.readers, self.writer)
        self.activity = ActivityLog(self.readers, self.writer)
        self.metrics = Metrics(self.readers, self.writer, now=now)
        self.analytics = Analytics(self.readers, self.writer, self.metrics, now=now)
        self.verification = VerificationSchedule(self.readers)
        self.removal = Removal(self.readers, self.writer, self.tokens)
        self.store_moment = StoreMoment(self.readers, self.writer)
        self.strays = Strays(self.readers, self.writer, self.known_time)
        self.doomed = DoomedContents(self.readers, self.writer, held=self.strays.put_back)
        self._on_commit = on_commit
        self._telling = asyncio.Lock()
        self._tasks = Tasks()
        self._begun = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        on_commit: OnCommit = lambda _events: None,
        now: Callable[[], datetime] = utc_now,
        clock_s: Callable[[], float] = uptime_s,
        stored_sizes: StoredSizes | None = None,
        raw_sizes: StoredSizes | None = None,
        session: Session | None = None,
    ) -> "Catalogue":
        """Open the catalogue at ``path``, creating it or bringing its schema up to date.

        ``stored_sizes`` and ``raw_sizes`` tell what the store has, and its own count of the bytes of it.
        ``on_commit`` gets the events of each write after its commit, in order of their numbers, on the loop.
        ``now`` is a clock that may be set, ``clock_s`` one that only goes on, while the machine is up.
        The one server of a catalogue gives a ``session``, which notices when the file is lost or replaced.
        Raises CatalogueTooNew, CatalogueUnwritable, CatalogueLocked or NotADatabase.
        """
        if session is not None:
            await asyncio.to_thread(session.prepare)
        await asyncio.to_thread(migrate, path)
        catalogue = cls(
            path,
            on_commit=on_commit,
            now=now,
            clock_s=clock_s,
            stored_sizes=stored_sizes,
            raw_sizes=raw_sizes,
            session=session,
        )
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

    async def keep_store(self, identity: str) -> None:
        """Note to which store the contents belong that this catalogue knows."""
        row = {"name": "store", "value": identity}

        def work(transaction: Transaction) -> None:
            known = transaction.all(select(meta.c.value).where(meta.c.name == "store"))
            if not known:
                transaction.insert(meta, [row])
            elif known[0].value != identity:
                transaction.run(update(meta).where(meta.c.name == "store").values(value=identity))

        await self.writer.write(work)

    async def close(self) -> None:
        """Finish the writes that wait and close everything."""
        await self._tasks.close()
        if self._begun:
            try:
                await self.metrics.flush()
                if self.session is not None:
                    await asyncio.to_thread(self.session.note, self.last_seq)
            except TidewatchError as error:
                _log.warning("catalogue_closed_without_all", reason=error.line())
        await self.writer.close()
        await self.readers.close()
        if self.session is not None:
            self.session.close()

    async def _begin(self) -> None:
        await self.writer.open()
        # Before the first write: what was told before the end of the last server is not told again.
        self.last_seq = await self.readers.read(last_event)
        await self.writer.write(_found)
        if self.session is not None:
            await self.writer.write(self.session.begin)
            await self._settle_session(self.session)
        self.epoch, self.last_seq = await self.readers.read(standing)
        await self.tokens.look_for_revoked()
        self._begun = True
        self._tasks.keep(self._look, "catalogue look")
        if self.session is not None:
            self._tasks.keep(partial(self._keep_session, self.session), "catalogue session")

    async def _settle_session(self, session: Session) -> None:
        await asyncio.to_thread(checkpoint, self.path)
        await asyncio.to_thread(session.settle, self.last_seq)

    async def _keep_session(self, session: Session) -> None:
        """Look whether the file is still there, and note how far it is, until cancelled."""
        renewed = noted = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await asyncio.to_thread(session.check)
            except CatalogueLost:
                return
            now = time.monotonic()
            if now - renewed >= RENEW_EVERY_S:
                renewed = now
                await self.writer.write(session.renew)
                await self._settle_session(session)
            if now - noted >= NOTE_EVERY_S:
                noted = now
                await asyncio.to_thread(session.note, self.last_seq)

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
