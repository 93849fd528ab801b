"""One bad part of a database costs itself: the rest is there."""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database import lanes, opening, outline
from app.database.connection import Job, Reader
from app.database.health import measure
from app.database.lanes import Lane, SlowLog
from app.database.messages import sqlite_error
from app.database.opening import Unsteady
from app.database.outline import read_schema
from app.database.session import LocalSession, Params
from app.database.shield import Shield
from streams.model.database import Masked, PageQuery, TableInfo
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import ENDLESS, answer, made


async def _outline(path: Path) -> dict[str, TableInfo]:
    ports = DatabasePorts(path, task_spawner())
    found = await answer(ports.outline())
    await ports.close()
    return {table.name: table for table in found.tables}


async def test_slow_views_do_not_take_the_outline_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("COUNT_S", "COUNTS_S"):  # the first view takes the time of all: the table has enough
        monkeypatch.setattr(outline, limit, 2.0)
    views = "".join(f"CREATE VIEW v{n:02} AS {ENDLESS};" for n in range(30))
    tables = await _outline(made(tmp_path / "a.db", f"CREATE TABLE t (a); INSERT INTO t VALUES (1); {views}"))
    assert tables["t"].rows == 1
    assert [tables[f"v{n:02}"].rows for n in range(30)] == [None] * 30
    assert not any(table.problem for table in tables.values())


async def test_a_view_is_not_run_to_learn_which_secrets_it_asks_for(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n"
    path = made(
        tmp_path / "a.db",
        f"""CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);
        CREATE VIEW v AS SELECT u.password AS p, w.m FROM ({endless}) AS w, ({endless}) AS x, users AS u;""",
    )
    tables = await _outline(path)
    assert tables["v"].masked == ("users.password",)
    assert tables["users"].rows == 0


async def test_what_cannot_be_read_says_so_and_the_rest_is_there(tmp_path: Path) -> None:
    path = made(
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
    ports = DatabasePorts(made(tmp_path / "a.db", tables), task_spawner())
    found = {table.name: table for table in (await answer(ports.outline())).tables}
    assert len(found) == 600
    assert not any(table.problem for table in found.values())
    assert found["v299"].masked == ("t299.password",)
    assert (await answer(ports.page(PageQuery(table="t299")))).rows == ((299, Masked()),)
    assert (await answer(ports.run_sql("SELECT * FROM v0, t7"))).rows == ((None, 7, None),)
    await ports.close()


def test_a_view_that_cannot_be_made_costs_no_other(tmp_path: Path) -> None:
    session = LocalSession(opening.connect(made(tmp_path / "a.db", "CREATE TABLE t (a)")).connection)
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


def test_views_that_time_left_unmade_are_not_said_to_be_wrong(tmp_path: Path) -> None:
    connection = opening.connect(made(tmp_path / "a.db", "CREATE TABLE t (a)")).connection
    session = LocalSession(connection)
    connection.set_progress_handler(lambda: 1, 1)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        session.install(Shield(views=(("one", '"one" AS SELECT 1 AS a'),)))
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


class _FailingSession(LocalSession):
    """A session in which some statements fail as if by another program or by the time."""

    def __init__(self, connection: sqlite3.Connection, failures: dict[str, sqlite3.Error]) -> None:
        super().__init__(connection)
        self.failures = failures
        self.asked: list[str] = []

    def execute(self, sql: str, params: Params = (), *, short: bool = False, trusted: bool = False) -> Any:
        self.asked.append(sql)
        self._fail(" ".join([sql, *map(str, params)]))
        return super().execute(sql, params, short=short, trusted=trusted)

    def connect_virtual(self, table: str) -> None:
        self._fail(f"connect {table}")
        super().connect_virtual(table)

    def _fail(self, said: str) -> None:
        for part, error in self.failures.items():
            if said.endswith(part):
                raise error


PARTS = """
    CREATE TABLE one (a); CREATE TABLE two (a); CREATE TABLE three (a); CREATE TABLE four (a);
    CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);
    CREATE VIEW seen AS SELECT * FROM users; CREATE VIRTUAL TABLE words USING fts5 (text);
"""
OF_ALL = [
    sqlite_error("interrupted", sqlite3.SQLITE_INTERRUPT),
    sqlite_error("database is locked", sqlite3.SQLITE_BUSY),
    sqlite_error("database table is locked", sqlite3.SQLITE_LOCKED),
    Unsteady("written while it was read"),
]


@contextmanager
def _failing(**failures: sqlite3.Error) -> Generator[tuple[_FailingSession, Reader]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(PARTS)
        session = _FailingSession(db, dict(failures))
        yield session, Reader(session, Job(30))


@pytest.mark.parametrize("error", OF_ALL, ids=str)
@pytest.mark.parametrize("asked", ['EXPLAIN SELECT * FROM "seen"', "connect words"])
def test_what_concerns_all_is_not_taken_for_a_fault_of_one_view(error: sqlite3.Error, asked: str) -> None:
    with _failing(**{asked: error}) as (session, reader):
        with pytest.raises(type(error), match=str(error)):
            read_schema(reader)
        session.failures.clear()
        seen = next(table for table in read_schema(reader) if table.name == "seen")
        assert "users.password" in seen.masked


@pytest.mark.parametrize("error", OF_ALL[1:], ids=str)
def test_sizes_are_measured_again_where_others_were_in_the_way(error: sqlite3.Error) -> None:
    damaged = sqlite_error("malformed", sqlite3.SQLITE_CORRUPT)
    with (
        _failing(**{"aggregate = 1": damaged, " two": error}) as (_, reader),
        pytest.raises(type(error), match=str(error)),
    ):
        measure(reader, ())


def test_sizes_of_a_damaged_file_end_with_their_time() -> None:
    damaged, late = sqlite_error("malformed", sqlite3.SQLITE_CORRUPT), OF_ALL[0]
    with _failing(**{"aggregate = 1": damaged, " three": damaged}) as (session, reader):
        names = {part.name for part in measure(reader, ()).parts}
        assert names >= {"one", "two", "four"} and "three" not in names
        session.failures[" two"] = late
        session.asked.clear()
        found = measure(reader, ())
        assert (found.parts, found.measured) == ((), False)
        assert sum("name = ?" in sql for sql in session.asked) == 2
        reader.job.cancelled.set()
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            measure(reader, ())
