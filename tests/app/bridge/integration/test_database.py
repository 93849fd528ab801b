"""The read-only door to the database: nothing can be written, nothing hangs, a cancel stops the statement."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.database import ReadOnlyDatabase
from streams.model.failures import CommandFailed, DatabaseLocked, DatabaseMissing, NotADatabase

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE clients (id TEXT PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO clients VALUES (?, ?)", [(str(n), f"c{n}") for n in range(50)])
        connection.commit()
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[ReadOnlyDatabase]:
    database = ReadOnlyDatabase(path)
    await database.open()
    yield database
    await database.close()


async def test_rows_with_their_columns_and_a_limit(database: ReadOnlyDatabase) -> None:
    found = await database.query("SELECT id, name FROM clients WHERE id >= ? ORDER BY id", ["5"], limit=3)
    assert found.columns == ("id", "name")
    assert [row[1] for row in found.rows] == ["c5", "c6", "c7"]
    assert found.cut


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM clients",
        "INSERT INTO clients VALUES ('x', 'y')",
        "UPDATE clients SET name = ''",
        "DROP TABLE clients",
        "CREATE TEMP TABLE t (a)",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = DELETE",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
    ],
)
async def test_only_reading_is_allowed(database: ReadOnlyDatabase, path: Path, sql: str) -> None:
    with pytest.raises(CommandFailed):
        await database.query(sql)
    assert (await database.query("SELECT count(*) FROM clients")).rows == ((50,),)
    assert not (path.parent / "copy.db").exists()


async def test_a_wrong_statement_is_said(database: ReadOnlyDatabase) -> None:
    with pytest.raises(CommandFailed, match="no such table: nowhere"):
        await database.query("SELECT * FROM nowhere")


async def test_a_slow_query_is_stopped_by_the_database(database: ReadOnlyDatabase) -> None:
    with pytest.raises(CommandFailed) as stopped:
        await database.query(ENDLESS, time_limit_s=0.05)
    assert stopped.value.server_code == "query_timeout"


async def test_a_cancelled_query_frees_the_connection_at_once(database: ReadOnlyDatabase) -> None:
    task = asyncio.create_task(database.query(ENDLESS, time_limit_s=60))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):  # half the time that the cancelled one has
        assert (await database.query("SELECT 1")).rows == ((1,),)


async def test_the_version_changes_when_somebody_else_writes(database: ReadOnlyDatabase, path: Path) -> None:
    before = await database.data_version()
    assert await database.data_version() == before
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM clients WHERE id = '1'")
    assert await database.data_version() != before


async def test_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at")
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "cut.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 200)
    for name, failure in [
        ("none.db", DatabaseMissing),
        ("long" * 100, DatabaseMissing),
        (".", DatabaseMissing),
        ("text.db", NotADatabase),
        ("empty.db", NotADatabase),
        ("cut.db", NotADatabase),
    ]:
        database = ReadOnlyDatabase(tmp_path / name)
        with pytest.raises(failure):
            await database.open()
        await database.close()


async def test_a_locked_database_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.database.opening.BUSY_S", 0.05)
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        database = ReadOnlyDatabase(path)
        with pytest.raises(DatabaseLocked):
            await database.open()
        await database.close()
