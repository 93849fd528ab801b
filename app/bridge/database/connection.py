"""One read-only connection: nothing can be written, nothing hangs, a cancel stops the statement.

Queries run in a thread of their own. A query that takes too long is stopped by the database itself, and a
cancelled one is interrupted there, so that the next does not wait behind it.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.bridge.database import opening
from app.bridge.database.authority import Authority
from app.bridge.errors import translated
from streams.failures import CommandFailed, DatabaseMissing, QueryCancelled

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]

ROW_LIMIT = 10_000
TIME_LIMIT_S = 10.0
PROGRESS_STEPS = 2_000
"""Instructions of the database's machine between two looks at the clock."""


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

    __slots__ = ("cancelled", "deadline")

    def __init__(self, limit_s: float) -> None:
        self.cancelled = threading.Event()
        self.deadline = time.monotonic() + limit_s

    def over(self) -> bool:
        """Whether it must stop."""
        return self.cancelled.is_set() or time.monotonic() > self.deadline


class Reader:
    """What work in the connection's thread is given: the connection, and when it must stop."""

    def __init__(
        self, connection: sqlite3.Connection, job: Job, authority: Authority, opened: int = 1
    ) -> None:
        self.connection, self.job, self.authority = connection, job, authority
        self.opened = opened
        """Another number for each time that the file was opened: what was known of it holds no longer."""

    def all(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that finds few."""
        return self.connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Params = ()) -> Any:
        """Return the first value of the first row, or None."""
        row = self.connection.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def connect_virtual(self, table: str) -> None:
        """Let a virtual table prepare its own statements, some of which would write, though never run here.

        The file itself stays read-only; only the authorizer does not ask during this one statement.
        """
        self.connection.set_authorizer(None)
        try:
            self.connection.execute(f'SELECT 1 FROM "{table.replace(chr(34), chr(34) * 2)}" LIMIT 0').close()
        finally:
            self.connection.set_authorizer(self.authority.decide)

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
    """One read-only connection and the thread it lives in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._connection: sqlite3.Connection | None = None
        self._authority = Authority()
        self._job: Job | None = None
        self._opened_times = 0
        self._identity: tuple[int, int] | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the file; raise DatabaseMissing, NotADatabase or DatabaseLocked."""
        await self.run(lambda _reader: None)

    async def close(self) -> None:
        """Stop what runs and close the file."""
        if self._closed:
            return
        self._closed = True
        if self._job is not None:
            self._job.cancelled.set()
        if self._connection is not None:
            self._connection.interrupt()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)

    async def query(
        self, sql: str, params: Params = (), *, limit: int = ROW_LIMIT, time_limit_s: float = TIME_LIMIT_S
    ) -> Rows:
        """Return at most ``limit`` rows; raise CommandFailed for what is not allowed, wrong or too slow."""

        def ask(reader: Reader) -> Rows:
            start = time.monotonic()
            cursor = reader.connection.execute(sql, params)
            try:
                rows = cursor.fetchmany(limit + 1)
                columns = tuple(str(column[0]) for column in cursor.description or ())
            finally:
                cursor.close()
            return Rows(columns, tuple(rows[:limit]), len(rows) > limit, time.monotonic() - start)

        return await self.run(ask, time_limit_s=time_limit_s)

    async def data_version(self) -> int:
        """Return a number that changes whenever another program has committed to the database."""
        return (await self.query("PRAGMA data_version")).rows[0][0]

    async def run(self, work: Callable[[Reader], T], *, time_limit_s: float = TIME_LIMIT_S) -> T:
        """Do ``work`` in the thread of the connection; cancelling stops it there."""
        job = Job(time_limit_s)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._work, work, job, time_limit_s)
        try:
            with translated(str(self.path)):
                return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread must be free again before the next query: stop the statement, not only the waiting.
            job.cancelled.set()
            if self._job is job and self._connection is not None:
                self._connection.interrupt()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    # -- in the thread

    def _work(self, work: Callable[[Reader], T], job: Job, time_limit_s: float) -> T:
        if job.cancelled.is_set():
            raise QueryCancelled("The query was cancelled.")
        self._job = job
        job.deadline = time.monotonic() + time_limit_s  # waiting for the one before is not its fault
        try:
            connection = self._opened()
            return work(Reader(connection, job, self._authority, self._opened_times))
        except sqlite3.Error as error:
            if _says_damaged(error):
                self._let_go()  # so that a mended file is looked at anew
            elif job.cancelled.is_set():
                raise QueryCancelled("The query was cancelled.") from error
            raise
        finally:
            self._job = None
            if self._connection is not None and self._connection.in_transaction:
                self._connection.rollback()

    def _opened(self) -> sqlite3.Connection:
        if self._closed:
            raise DatabaseMissing(f"{self.path}: not open.")
        if self._connection is not None:
            # A file that was put in the place of the former one is another database.
            if opening.identity(self.path) == self._identity:
                return self._connection
            self._let_go()
        connection = opening.connect(self.path)
        try:
            self._identity = opening.identity(self.path)
        except BaseException:
            connection.close()
            raise
        self._opened_times += 1
        self._authority.secrets = frozenset()
        connection.set_authorizer(self._authority.decide)
        connection.set_progress_handler(self._should_stop, PROGRESS_STEPS)
        self._connection = connection
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _should_stop(self) -> bool:
        return self._job is not None and self._job.over()


def _says_damaged(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


def too_slow(error: Exception) -> bool:
    """Whether a query was stopped because its time was over."""
    return isinstance(error, CommandFailed) and error.server_code == "query_timeout"
