"""SQLite as the catalogue wants it: explicit transactions, WAL, and how long to wait for a lock."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, FromClause, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from app.catalogue.slow_query_log import note_slow

LOCK_WAIT_S = 5.0
"""How long to wait for another program's lock on the catalogue, in seconds."""

CONNECT = {"timeout": LOCK_WAIT_S, "isolation_level": None}
"""For the driver: wait for locks, and leave the transactions to us."""

WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # What has been acknowledged survives the loss of power too.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
)
# Wide enough for the inner pages of the table of 5 million files: a row is then one read.
READER_PRAGMAS = ("PRAGMA query_only = ON", "PRAGMA cache_size = -32768", "PRAGMA temp_store = MEMORY")


class _Compiler(SQLiteCompiler):
    """Writes the hints of ``with_hint``, such as INDEXED BY, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """Return what stands behind the name of a table."""
        del table
        return text


def begin_with(engine: Engine, begin: str, pragmas: Sequence[str]) -> None:
    """Let ``engine`` begin its transactions itself: the driver would do it too late or not at all."""

    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    # The engine's registry of events keeps both alive; named here so that no checker calls them unused.
    del _on_connect, _on_begin


def file_uri(path: Path, mode: str = "rw") -> str:
    """Return the URI of a file that must exist: a lost catalogue is not replaced by an empty one."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _url(driver: str, path: Path) -> URL:
    database, _, mode = file_uri(path).partition("?mode=")
    return URL.create(driver, database=database, query={"mode": mode, "uri": "true"})


def writer_engine(path: Path) -> Engine:
    """Return the engine of the one connection that writes; it stays in one thread."""
    engine = create_engine(
        _url("sqlite", path),
        connect_args=CONNECT,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
    )
    begin_with(engine, "BEGIN IMMEDIATE", WRITER_PRAGMAS)
    note_slow(engine)
    return engine


def reader_engine(path: Path, connections: int) -> AsyncEngine:
    """Return the engine of the connections that read, each transaction of one moment."""
    engine = create_async_engine(
        _url("sqlite+aiosqlite", path),
        connect_args=CONNECT,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
    )
    begin_with(engine.sync_engine, "BEGIN", READER_PRAGMAS)
    note_slow(engine.sync_engine)
    return engine
