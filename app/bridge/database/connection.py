"""The server's database, opened so that nothing can be written: read-only file, read-only statements.

Queries run in a thread of their own. A query that takes too long is stopped by the database itself, and a
cancelled one is interrupted there, so that the next does not wait behind it.
"""

import asyncio
import functools
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.bridge.errors import translated
from streams.failures import DatabaseMissing, NotADatabase

T = TypeVar("T")

ROW_LIMIT = 10_000
PROGRESS_STEPS = 2_000
"""Instructions of the database's machine between two looks at the clock."""
BUSY_S = 1.0
"""How long to wait for another program that holds the database."""

_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
_PRAGMAS = {
    "data_version", "page_count", "page_size", "freelist_count", "journal_mode", "user_version", "cache_size",
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list", "quick_check",
    "integrity_check", "schema_version", "encoding", "compile_options",
}  # fmt: skip
_SETTERS_ALLOWED = {
    "table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list", "quick_check",
    "integrity_check",
}  # fmt: skip
"""Pragmas whose argument names what to look at and sets nothing."""
_FUNCTIONS_DENIED = {"load_extension", "readfile", "writefile", "edit"}


def _authorise(
    action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None
) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        fine = name in _PRAGMAS and (second is None or name in _SETTERS_ALLOWED)
        return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS_DENIED:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    """There are more rows than were asked for."""
    took_s: float


class ReadOnlyDatabase:
    """One read-only connection and the thread it lives in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._connection: sqlite3.Connection | None = None
        self._deadline = 0.0
        self._stopped = False

    async def open(self) -> None:
        """Open the file; raise DatabaseMissing, NotADatabase or DatabaseLocked."""
        await self._in_thread(self._open)

    async def close(self) -> None:
        """Stop what runs and close the file."""
        if self._connection is not None:
            self._connection.interrupt()
            await self._in_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown(wait=False)

    async def query(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] = (),
        *,
        limit: int = ROW_LIMIT,
        time_limit_s: float = 10.0,
    ) -> Rows:
        """Return at most ``limit`` rows; raise CommandFailed for what is not allowed, wrong or too slow."""
        return await self._in_thread(self._query, sql, params, limit, time_limit_s)

    async def data_version(self) -> int:
        """Return a number that changes whenever another program has committed to the database."""
        return (await self.query("PRAGMA data_version")).rows[0][0]

    async def _in_thread(self, run: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        self._stopped = False
        future = loop.run_in_executor(self._thread, functools.partial(run, *args))
        try:
            with translated(str(self.path)):
                return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread must be free again before the next query: stop the statement, not only the waiting.
            self._stopped = True
            if self._connection is not None:
                self._connection.interrupt()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def _open(self) -> None:
        if not self.path.is_file():
            what = "that is a folder" if self.path.is_dir() else "no such file"
            raise DatabaseMissing(f"{self.path}: {what}.", hint="Check connection.database_path.")
        try:
            with self.path.open("rb") as file:
                head = file.read(16)
        except OSError as error:
            raise DatabaseMissing(f"{self.path}: cannot be read: {error.strerror}.") from error
        if head != b"SQLite format 3\x00":
            raise NotADatabase(f"{self.path}: not a database.", hint="Check connection.database_path.")
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        connection.set_authorizer(_authorise)
        connection.set_progress_handler(self._should_stop, PROGRESS_STEPS)
        self._connection = connection

    def _should_stop(self) -> bool:
        return self._stopped or time.monotonic() > self._deadline

    def _query(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any], limit: int, time_limit_s: float
    ) -> Rows:
        if self._connection is None:
            raise DatabaseMissing(f"{self.path}: not open.")
        start = time.monotonic()
        self._deadline = start + time_limit_s
        cursor = self._connection.execute(sql, params)
        try:
            rows = cursor.fetchmany(limit + 1)
            columns = tuple(str(column[0]) for column in cursor.description or ())
        finally:
            cursor.close()
        return Rows(columns, tuple(rows[:limit]), len(rows) > limit, time.monotonic() - start)
