"""Odd databases of other programs: R-trees, huge values, values and names that cannot be, paging back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from streams.model.database import Blob, CellQuery, Direction, LongText, PageQuery
from streams.model.failures import CommandFailed
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer, made


@pytest.mark.parametrize("also", ["", "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);"])
async def test_virtual_tables_that_prepare_writes_can_be_read(tmp_path: Path, also: str) -> None:
    script = f"""{also}
        CREATE VIRTUAL TABLE places USING rtree (id, x1, x2, +note);
        CREATE VIRTUAL TABLE words USING fts5 (text); CREATE VIRTUAL TABLE older USING fts4 (text);
        INSERT INTO places VALUES (1, 0, 1, 'n'), (2, 2, 3, 'm'); INSERT INTO words VALUES ('a b');
        INSERT INTO older VALUES ('c d');"""
    path = made(tmp_path / "a.db", script)
    ports = DatabasePorts(path, task_spawner())
    for mode in ("DELETE", "WAL"):  # a database with a log is opened anew for each question
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA journal_mode = {mode}")
        tables = {table.name: table for table in (await answer(ports.outline())).tables}
        assert [tables[name].problem for name in ("places", "words", "older")] == ["", "", ""]
        assert [tables[name].rows for name in ("places", "words", "older")] == [2, 1, 1]
        page = await answer(ports.page(PageQuery(table="places", sort="x1", descending=True)))
        assert page.rows == ((2, 2.0, 3.0, "m"), (1, 0.0, 1.0, "n"))
    await ports.close()


async def test_an_index_without_its_texts_is_told_as_what_it_is(tmp_path: Path) -> None:
    script = """CREATE TABLE t (x); INSERT INTO t VALUES (1);
        CREATE VIRTUAL TABLE words USING fts5(
            text, content = '', columnsize = 0, detail = none, tokenize = 'trigram');
        INSERT INTO words (rowid, text) VALUES (1, 'abcd');"""
    ports = DatabasePorts(made(tmp_path / "a.db", script), task_spawner())
    tables = {table.name: table for table in (await answer(ports.outline())).tables}
    assert (tables["words"].index_only, tables["t"].index_only) == (True, False)
    assert "answers MATCH" in tables["words"].problem
    with pytest.raises(CommandFailed) as refusal:
        await answer(ports.page(PageQuery(table="words")))
    assert "answers MATCH" in refusal.value.line()
    found = await answer(ports.run_sql("SELECT rowid FROM words WHERE words MATCH 'bcd'"))
    assert found.rows == ((1,),)
    await ports.close()


async def test_a_huge_value_in_a_view_costs_no_more_than_itself(tmp_path: Path) -> None:
    script = """CREATE TABLE t (id INTEGER PRIMARY KEY, x, y);
        INSERT INTO t VALUES (1, zeroblob(70000000), 'a'), (2, NULL, 'b');
        INSERT INTO t VALUES (3, CAST(zeroblob(70000000) AS TEXT), 'c'), (4, 'd', 'd');
        CREATE VIEW v AS SELECT * FROM t;"""
    ports = DatabasePorts(made(tmp_path / "a.db", script), task_spawner())
    page = await answer(ports.page(PageQuery(table="v", limit=3)))
    assert page.rows == ((1, Blob(70_000_000, b""), "a"), (2, None, "b"), (3, LongText(""), "c"))
    assert page.has_after
    last = await answer(ports.page(PageQuery(table="v", limit=3, direction=Direction.AFTER, edge=page.last)))
    assert last.rows == ((4, "d", "d"),) and not last.has_after
    with pytest.raises(CommandFailed, match="64 MiB"):  # no other row is shown without its values for that
        await answer(ports.page(PageQuery(table="v", sort="y")))
    await ports.close()


async def test_paging_back_through_a_view_shows_each_row_once(tmp_path: Path) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10) SELECT i FROM n"
    ports = DatabasePorts(made(tmp_path / "a.db", f"CREATE VIEW v AS {numbers};"), task_spawner())
    page = await answer(ports.page(PageQuery(table="v", limit=4, direction=Direction.LAST)))
    seen = [page.rows]
    while page.has_before:
        query = PageQuery(table="v", limit=4, direction=Direction.BEFORE, edge=page.first)
        page = await answer(ports.page(query))
        seen.insert(0, page.rows)
    assert [row[0] for rows in seen for row in rows] == list(range(1, 11))
    await ports.close()


async def test_a_value_that_cannot_be_computed_costs_no_more_than_itself(tmp_path: Path) -> None:
    smallest = -(2**63)
    script = f"""CREATE TABLE t (id INTEGER PRIMARY KEY, a, b AS (abs(a)), c AS (tanh(a)));
        INSERT INTO t (a) VALUES (-1), (-2); CREATE TABLE n (a); INSERT INTO n VALUES (-3), ({smallest});
        CREATE VIEW v AS SELECT a, abs(a) AS b FROM n;
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'tanh', 'of_its_program') WHERE name = 't';"""
    ports = DatabasePorts(made(tmp_path / "a.db", script), task_spawner())
    page = await answer(ports.page(PageQuery(table="t")))
    assert page.rows == ((1, -1, 1, LongText("")), (2, -2, 2, LongText("")))
    with pytest.raises(CommandFailed, match="of_its_program"):
        await answer(ports.whole_value(CellQuery(table="t", column="c", key=(1,))))
    view = await answer(ports.page(PageQuery(table="v")))
    assert view.rows == ((-3, 3), (smallest, LongText("")))
    await ports.close()


LATIN_1 = [
    ("CREATE TABLE kZ (a); INSERT INTO kZ VALUES (1);", "k\ufffd"),
    ("CREATE TABLE k (aZ, b); INSERT INTO k VALUES (1, 2);", "k"),
    ("CREATE VIEW vZ AS SELECT 1 AS a;", "v\ufffd"),
    ("CREATE VIEW v AS SELECT of_its_programZ(1) AS a;", "v"),
    (
        "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT, nZ); INSERT INTO users VALUES (1, 2, 3);",
        "users",
    ),
    ("CREATE TABLE k (a DEFAULT 'Z', b DECLARED_Z); INSERT INTO k VALUES (1, 2);", ""),
    ("CREATE TABLE k (a); INSERT INTO k VALUES (1); CREATE INDEX iZ ON k (a);", ""),
]


@pytest.mark.parametrize(("script", "lost"), LATIN_1, ids=range(len(LATIN_1)))
async def test_a_schema_that_is_no_valid_text_costs_what_cannot_be_named(
    tmp_path: Path, script: str, lost: str
) -> None:
    path = made(tmp_path / "a.db", f"{script} CREATE TABLE sound (a); INSERT INTO sound VALUES (7);")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        parts = ", ".join(
            f"{name} = CAST(replace(CAST({name} AS BLOB), x'5A', x'C4') AS TEXT)"
            for name in ("name", "tbl_name", "sql")
        )
        db.execute(f"UPDATE sqlite_schema SET {parts} WHERE instr(sql, 'Z')")
    ports = DatabasePorts(path, task_spawner())
    tables = (await answer(ports.outline())).tables
    assert [table.name for table in tables if table.problem] == ([lost] if lost else [])
    for table in tables:
        if not table.problem:
            assert (await answer(ports.page(PageQuery(table=table.name)))).rows
    assert (await answer(ports.run_sql('SELECT * FROM "sound"'))).rows == ((7,),)
    await answer(ports.statistics(False))
    await ports.close()


async def test_an_entry_that_is_wrong_and_no_valid_text_takes_nothing_else_away(tmp_path: Path) -> None:
    script = """CREATE TABLE sound (a); INSERT INTO sound VALUES (7); CREATE INDEX i ON sound (a);
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET name = CAST(x'69C4' AS TEXT), sql = 'CREATE IND' WHERE name = 'i';"""
    ports = DatabasePorts(made(tmp_path / "a.db", script), task_spawner())
    assert [table.name for table in (await answer(ports.outline())).tables] == ["sound"]
    assert (await answer(ports.page(PageQuery(table="sound")))).rows == ((7,),)
    await ports.close()
