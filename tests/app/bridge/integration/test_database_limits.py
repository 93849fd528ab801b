"""Nothing runs on: long functions, large answers and a reading process that dies cost one statement."""

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database.connection import Job, Reader
from app.database.lanes import Lane, SlowLog
from app.database.remote import RemoteCursor, RemoteSession
from app.database.statements import run_statement
from streams.model.database import AnswerQuery, CellQuery, LongText, PageQuery
from streams.model.statements import SqlResult
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer

LONG = (
    "SELECT instr(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b')",
    "SELECT replace(printf('%.*c', 3000000, 'a'), printf('%.*c', 1500000, 'a') || 'b', 'c')",
    "SELECT printf('%.*c', 3000000, 'a') LIKE '%' || printf('%.*c', 20000, 'a') || '_b%'",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
)


async def _run(lane: Lane, sql: str, limit_s: float = 30.0) -> SqlResult:
    return await lane.run(sql, lambda reader: run_statement(reader, sql, 10_000), time_limit_s=limit_s)


@pytest.mark.parametrize("sql", LONG)
async def test_a_time_limit_holds_whatever_runs(path: Path, sql: str) -> None:
    lane = Lane(path, SlowLog())
    result = await _run(lane, sql, 0.3)
    assert result.problem is not None
    assert result.problem.code == "query_timeout"
    assert (await _run(lane, "SELECT 1")).rows == ((1,),)
    secret = await _run(lane, "SELECT hash FROM tokens")
    assert (secret.rows, secret.masked) == (((None,),), ("tokens.hash",))
    await lane.close()


async def test_a_cancel_and_the_close_stop_what_asks_nobody(path: Path) -> None:
    lane = Lane(path, SlowLog())
    assert (await _run(lane, "SELECT 1")).rows
    running = asyncio.ensure_future(_run(lane, LONG[0], 3600.0))
    await asyncio.to_thread(_wait_for, lane)
    running.cancel()
    assert (await _run(lane, "SELECT 2", 3600.0)).rows == ((2,),)
    running = asyncio.ensure_future(_run(lane, LONG[0], 3600.0))
    await asyncio.to_thread(_wait_for, lane)
    await lane.close()
    assert (await asyncio.gather(running, return_exceptions=True))[0] is not None


def _wait_for(lane: Lane) -> None:
    while lane._database._job is None:
        pass


@pytest.mark.parametrize("more_tables", [0, 3_000])
async def test_a_process_that_dies_is_followed_by_another(path: Path, more_tables: int) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for number in range(more_tables):
            db.execute(f"CREATE TABLE more{number} (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
    lane = Lane(path, SlowLog())
    assert (await _run(lane, "SELECT 1")).rows
    session = lane._database._session
    assert isinstance(session, RemoteSession)
    assert session._process is not None
    os.kill(session._process.pid, signal.SIGKILL)
    await asyncio.to_thread(session._process.wait)
    result = await _run(lane, "SELECT hash FROM tokens")
    assert (result.rows, result.masked) == (((None,),), ("tokens.hash",))
    await lane.close()


async def test_a_row_that_needs_too_much_memory_costs_no_more_than_itself(path: Path) -> None:
    lane = Lane(path, SlowLog())
    row = ", ".join(["zeroblob(64000000)"] * 40)
    result = await _run(lane, f"SELECT {row}", 600.0)
    assert result.problem is not None
    assert "memory" in result.problem.message
    assert (await _run(lane, "SELECT 1")).rows == ((1,),)
    await lane.close()


def test_an_end_of_the_console_ends_the_process(path: Path) -> None:
    session = RemoteSession(path, Job(30))
    process = session._process
    assert process is not None
    assert session._stream is not None
    assert session._control is not None
    session._stream.close()
    session._control.close()
    assert process.wait(30) == 0
    session.close()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, body)")
        db.execute("INSERT INTO texts VALUES (1, ?), (2, ?)", ("ä" * 1_500_000, b"\x00\x01" * 1_500_000))
        wide = "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n LIMIT 400)"
        db.execute(f"{wide} INSERT INTO texts SELECT i, printf('%.*c', 1000000, 'x') FROM n")
    return path


async def test_a_long_value_is_read_in_parts(large: Path) -> None:
    ports = DatabasePorts(large, task_spawner())
    sql = "SELECT body FROM texts ORDER BY id"
    result = await answer(ports.run_sql(f"{sql} LIMIT 2"))
    assert result.rows[0] == (LongText("ä" * 200, 3_000_000),)
    page = await answer(ports.page(PageQuery(table="texts", limit=2)))
    assert isinstance(page.rows[0][1], LongText)
    for whole in ("ä" * 1_500_000, b"\x00\x01" * 1_500_000):
        at = 0 if isinstance(whole, str) else 1
        for ask in (
            lambda start, at=at: AnswerQuery(sql=sql, row=at, column=0, start_bytes=start),
            lambda start, at=at: CellQuery(table="texts", column="body", key=(at + 1,), start_bytes=start),
        ):
            parts, start, more = [], 0, True
            while more:
                part = await answer(ports.whole_value(ask(start)))
                assert (part.start_bytes, part.size_bytes) == (start, 3_000_000)
                parts.append(part.value)
                start, more = part.end_bytes, part.cut
            assert len(parts) > 2
            assert whole[:0].join(parts) == whole  # type: ignore[arg-type]
    await ports.close()


async def test_an_answer_ends_by_its_bytes_and_says_that_there_is_more(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.statements.ANSWER_BYTES", 20_000)
    ports = DatabasePorts(large, task_spawner())
    result = await answer(ports.run_sql("SELECT * FROM texts"))
    assert result.cut
    assert 10 < len(result.rows) < 400
    await ports.close()


async def test_rows_of_long_values_travel_in_pieces_of_a_size(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"CREATE TABLE t ({', '.join(f'c{n} TEXT' for n in range(1000))})")
        db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 1000)})", [["x" * 400] * 1000] * 20)
    lane = Lane(path, SlowLog())

    def ask(reader: Reader) -> tuple[int, int]:
        cursor = reader.session.execute("SELECT * FROM t", short=True)
        assert isinstance(cursor, RemoteCursor)
        return len(list(cursor._rows)), len(cursor.fetchall())

    at_once, further = await lane.run("all", ask)
    assert (at_once, further) == (5, 15)
    await lane.close()
