"""One read-only connection: nothing can be written, nothing hangs, a cancel stops the statement.

Work on it runs in a thread of its own, which mostly waits for the process that reads the file
(``remote.RemoteSession``). A query that takes too long is stopped by the database itself, and a cancelled
one is interrupted there, so that the next does not wait behind it; a process that does not stop is killed.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.database import opening
from app.database.kept_orders import KeptOrders
from app.database.messages import sqlite_error
from app.database.opening import Unsteady
from app.database.remote import GRACE_S, RemoteSession
from app.database.session import BEGIN, Cursor, Params, Session, Values
from app.database.shield import Refusal, Screened, Shield, screen
from app.database.sqlite_errors import translated_file
from app.database.watch import FileWatch
from streams.model.database import RawText
from streams.model.failures import CommandFailed, DatabaseMissing, QueryCancelled

T = TypeVar("T")

ROW_LIMIT = 10_000
TIME_LIMIT_S = 10.0
STEADY_TRIES = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    """There are more rows than were asked for."""
    took_s: float


class Job:
    """One piece of work on the connection, and whether it is still wanted."""

    __slots__ = ("cancelled", "deadline", "number")

    def __init__(self, limit_s: float, number: int = 1) -> None:
        self.number = number
        self.cancelled = threading.Event()
        self.deadline = time.monotonic() + limit_s

    def over(self) -> bool:
        """Whether it must stop."""
        return self.cancelled.is_set() or time.monotonic() > self.deadline


class Reader:
    """What work in the connection's thread is given: the session, and when it must stop."""

    def __init__(self, session: Session, job: Job, opened: int = 1) -> None:
        self.session, self.job = session, job
        self.opened = opened
        """Another number for each time that the file was opened: what was known of it holds no longer."""
        self.shield = Shield()
        self.orders = KeptOrders()
        self.learn: Callable[[Reader], bool] = lambda _reader: False
        """Learns the schema if it is another by now, and says so; the shield is up to date then."""
        self._screened = Screened(sql="")

    def all(self, sql: str, params: Params = ()) -> list[Values]:
        """Return all rows of a statement that finds few."""
        return self.session.execute(sql, params).fetchall()

    def one(self, sql: str, params: Params = ()) -> Any:
        """Return the first value of the first row, or None."""
        row = self.session.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def schema(self, sql: str, params: Params = ()) -> list[Values]:
        """Return all rows of the console's own question about the schema or the sizes of tables.

        Text that is not valid, as old programs write it into names and defaults, is as a screen shows it.
        """
        rows = self.session.execute(sql, params, trusted=True).fetchall()
        return [[value.shown if isinstance(value, RawText) else value for value in row] for row in rows]

    def statement(self, sql: str, *, short: bool = False) -> Cursor:
        """Run a statement that a person wrote; ``masked`` says afterwards what it did not get to see."""
        return self.session.execute(self.screened(sql), short=short)

    def screened(self, sql: str) -> str:
        """Return a person's statement as it may run; raise sqlite3.OperationalError where it may not."""
        self.steady()
        self.session.authority.masked.clear()
        self.session.authority.used.clear()
        self.session.authority.stand_ins.clear()
        try:
            self._screened = screen(sql, self.shield)
        except Refusal as reason:
            raise sqlite_error(str(reason), sqlite3.SQLITE_AUTH) from reason
        return self._screened.sql

    def steady(self) -> None:
        """Begin to read one state of the file, of which the shield knows all columns."""
        self.session.execute(BEGIN)
        while self.learn(self):
            self.session.end()
            self.session.execute(BEGIN)

    def masked(self) -> tuple[str, ...]:
        """Return the secret columns that the last statement asked for."""
        authority, asked = self.session.authority, self._screened
        compared = {
            f"{table}.{column}"
            for table, column in self.shield.secrets
            if table in authority.used and (asked.natural or column in asked.joined)
        }
        said = {name.lower() for name in authority.masked}
        return (*authority.masked, *sorted(compared - said))

    @contextmanager
    def limited(self, limit_s: float) -> Any:
        """Give a part of the work less time than the whole."""
        before = self.job.deadline
        self.job.deadline = min(before, time.monotonic() + limit_s)
        try:
            yield
        finally:
            self.job.deadline = before


class ReadOnlyDatabase:
    """One read-only connection in a process of its own, and the thread that waits for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watch = FileWatch(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._session: RemoteSession | None = None
        self._job: Job | None = None
        self._jobs = 0
        self._opened_times = 0
        self._identity: tuple[int, int] | None = None
        self._closing: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the file; raise DatabaseMissing, NotADatabase or DatabaseLocked."""
        await self.run(lambda _reader: None)

    def close(self) -> "asyncio.Future[None]":
        """Stop what runs and close the file; it goes on to its end though the wait for it is cut off."""
        if self._closing is None:
            if self._job is not None:
                self._job.cancelled.set()
            if self._session is not None:
                self._session.kill()
            self._closing = asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
            self._thread.shutdown(wait=False)
        return asyncio.shield(self._closing)

    async def query(
        self, sql: str, params: Params = (), *, limit: int = ROW_LIMIT, time_limit_s: float = TIME_LIMIT_S
    ) -> Rows:
        """Return at most ``limit`` rows; raise CommandFailed for what is not allowed, wrong or too slow."""

        def ask(reader: Reader) -> Rows:
            start = time.monotonic()
            cursor = reader.session.execute(sql, params)
            try:
                rows = cursor.fetchmany(limit + 1)
            finally:
                cursor.close()
            found = tuple(tuple(row) for row in rows[:limit])
            return Rows(cursor.columns, found, len(rows) > limit, time.monotonic() - start)

        return await self.run(ask, time_limit_s=time_limit_s)

    async def data_version(self) -> int:
        """Return a number that changes whenever another program has committed to the database."""
        return await asyncio.to_thread(self._watch.version)

    async def run(self, work: Callable[[Reader], T], *, time_limit_s: float = TIME_LIMIT_S) -> T:
        """Do ``work`` in the thread of the connection; cancelling stops it there."""
        self._check_open()
        self._jobs += 1
        job = Job(time_limit_s, self._jobs)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._work, work, job, time_limit_s)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread must be free again before the next query: stop the statement, not only the waiting.
            job.cancelled.set()
            self._interrupt(job, loop)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def _check_open(self) -> None:
        if self._closing is not None:
            raise DatabaseMissing(f"{self.path}: not open.")

    def _interrupt(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        session = self._session
        if self._job is not job or session is None:
            return
        session.interrupt(job.number)
        loop.call_later(GRACE_S, lambda: session.kill() if self._job is job else None)

    # -- in the thread

    def _work(self, work: Callable[[Reader], T], job: Job, time_limit_s: float) -> T:
        if job.cancelled.is_set():
            raise QueryCancelled("The query was cancelled.")
        self._job = job
        job.deadline = time.monotonic() + time_limit_s  # waiting for the one before is not its fault
        with translated_file(str(self.path)):  # here: it looks at the file, whose disk may be dead
            return self._watched(work, job)

    def _watched(self, work: Callable[[Reader], T], job: Job) -> T:
        try:
            return self._steadily(work, job)
        except sqlite3.Error as error:
            if _says_damaged(error):
                self._let_go()  # so that a mended file is looked at anew
            elif job.cancelled.is_set():
                raise QueryCancelled("The query was cancelled.") from error
            raise
        finally:
            self._end()
            self._job = None

    def _steadily(self, work: Callable[[Reader], T], job: Job) -> T:
        """Do the work again where the file was written meanwhile and no lock kept what was read together."""
        for _ in range(STEADY_TRIES):
            try:
                return work(Reader(self._opened(job), job, self._opened_times))
            except Unsteady:
                if job.over():
                    raise
                self._end()
        return work(Reader(self._opened(job), job, self._opened_times))

    def _opened(self, job: Job) -> Session:
        self._check_open()
        session = self._session
        if session is not None:
            # A file that was put in the place of the former one is another database.
            if opening.identity(self.path) == self._identity:
                session.job = job
                return session
            self._let_go()
        session = RemoteSession(self.path, job)
        try:
            self._identity = opening.identity(self.path)
        except BaseException:
            session.close()
            raise
        self._opened_times += 1
        self._session = session
        return session

    def _end(self) -> None:
        """Leave no transaction open, which would keep the owner of a file from writing or cleaning up."""
        session = self._session
        if session is None:
            return
        try:
            session.end()
        except sqlite3.Error:
            self._let_go()

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _says_damaged(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


def too_slow(error: Exception) -> bool:
    """Whether a query was stopped because its time was over."""
    return isinstance(error, CommandFailed) and error.server_code == "query_timeout"
