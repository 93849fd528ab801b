"""One bad part of a database costs itself: the rest is there."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database import lanes, opening, outline
from app.bridge.database.connection import Reader
from app.bridge.database.lanes import Lane, SlowLog
from app.bridge.database.ports import DatabasePorts
from app.bridge.database.session import LocalSession
from app.bridge.database.shield import Shield
from streams.operators.spawning import task_spawner
from streams.records.database import Masked, PageQuery, TableInfo
from tests.app.bridge.databases import ENDLESS, answer


def _make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(script)
    return path


async def _outline(path: Path) -> dict[str, TableInfo]:
    ports = DatabasePorts(path, task_spawner())
    found = await answer(ports.outline())
    await ports.close()
    return {table.name: table for table in found.tables}


async def test_slow_views_do_not_take_the_outline_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outline, "COUNTS_S", 0.5)
    views = "".join(f"CREATE VIEW v{n:02} AS {ENDLESS};" for n in range(30))
    tables = await _outline(
        _make(tmp_path / "a.db", f"CREATE TABLE t (a); INSERT INTO t VALUES (1); {views}")
    )
    assert tables["t"].rows == 1
    assert [tables[f"v{n:02}"].rows for n in range(30)] == [None] * 30
    assert not any(table.problem for table in tables.values())


async def test_a_view_is_not_run_to_learn_which_secrets_it_asks_for(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n"
    path = _make(
        tmp_path / "a.db",
        f"""CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);
        CREATE VIEW v AS SELECT u.password AS p, w.m FROM ({endless}) AS w, ({endless}) AS x, users AS u;""",
    )
    tables = await _outline(path)
    assert tables["v"].masked == ("users.password",)
    assert tables["users"].rows == 0


async def test_what_cannot_be_read_says_so_and_the_rest_is_there(tmp_path: Path) -> None:
    path = _make(
        tmp_path / "a.db",
        """CREATE TABLE good (a); INSERT INTO good VALUES (1);
        CREATE TABLE bad (a);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000)
            INSERT INTO bad SELECT hex(randomblob(50)) FROM n;
        CREATE VIEW large AS SELECT zeroblob(900000000) AS x;
        CREATE VIEW broken AS SELECT * FROM nowhere;
        CREATE VIEW lacking AS SELECT missing_function(a) FROM good;""",
    )
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bad'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        file.write(b"\x7f\xff\xff\xff")  # a child that lies behind the end of the file
    ports = DatabasePorts(path, task_spawner())
    tables = {table.name: table for table in (await answer(ports.outline())).tables}
    assert tables["good"].rows == 1
    assert "malformed" in tables["bad"].problem
    assert "too big" in tables["large"].problem
    assert "nowhere" in tables["broken"].problem
    assert "missing_function" in tables["lacking"].problem
    assert (await answer(ports.page(PageQuery(table="good")))).rows == ((1,),)
    sizes = await answer(ports.statistics(thorough=True))
    assert {part.name for part in sizes.parts} >= {"good", "sqlite_schema"}
    await ports.close()


async def test_many_tables_with_secrets_hide_each_of_them(tmp_path: Path) -> None:
    tables = "".join(
        f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO t{n} VALUES ({n}, 'pw');"
        f"CREATE VIEW v{n} AS SELECT password AS p FROM t{n};"
        for n in range(300)
    )
    ports = DatabasePorts(_make(tmp_path / "a.db", tables), task_spawner())
    found = {table.name: table for table in (await answer(ports.outline())).tables}
    assert len(found) == 600
    assert not any(table.problem for table in found.values())
    assert found["v299"].masked == ("t299.password",)
    assert (await answer(ports.page(PageQuery(table="t299")))).rows == ((299, Masked()),)
    assert (await answer(ports.run_sql("SELECT * FROM v0, t7"))).rows == ((None, 7, None),)
    await ports.close()


def test_a_view_that_cannot_be_made_costs_no_other(tmp_path: Path) -> None:
    session = LocalSession(opening.connect(_make(tmp_path / "a.db", "CREATE TABLE t (a)")).connection)
    views = (
        ("one", '"one" AS SELECT 1 AS a'),
        ("two", '"two" AS no select'),
        ("three", '"three" AS SELECT 3'),
    )
    assert set(session.install(Shield(views=views))) == {"two"}
    assert session.execute("SELECT * FROM one, three").fetchall() == [(1, 3)]
    assert session.install(Shield(views=(views[2],))) == {}
    assert session.execute("SELECT * FROM three").fetchall() == [(3,)]
    with pytest.raises(sqlite3.OperationalError, match="no such table: one"):
        session.execute("SELECT * FROM one")
    with pytest.raises(sqlite3.DatabaseError):
        session.execute("CREATE TEMP VIEW four AS SELECT 4")
    session.close()


async def test_reading_the_schema_takes_nothing_of_the_time_of_a_question(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, left = lanes.read_schema, list[float]()

    def slow(reader: Reader) -> tuple[TableInfo, ...]:
        left.append(reader.job.deadline - time.monotonic())
        found = read(reader)
        reader.job.deadline = 0.0
        return found

    monkeypatch.setattr(lanes, "read_schema", slow)
    lane = Lane(path, SlowLog())
    assert await lane.run("one", lambda reader: reader.one("SELECT 1"), time_limit_s=5.0) == 1
    assert left[0] > 60
    await lane.close()
