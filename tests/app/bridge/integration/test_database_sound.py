"""Sound files that give errors: each is named as what it is, and what can be read is read."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from app.bridge.errors import translate
from app.database.sqlite_errors import failure_of
from streams.model.database import ColumnFilter, FilterKind, PageQuery
from streams.model.failures import (
    CommandFailed,
    DatabaseDamaged,
    DatabaseHotJournal,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseUnreadable,
    DatabaseUnsupported,
    NotADatabase,
    TidewatchError,
)
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer, made


@asynccontextmanager
async def looked_at(path: Path) -> AsyncGenerator[Any]:
    from app.bridge.database.ports import DatabasePorts

    ports = DatabasePorts(path, task_spawner())
    try:
        yield ports
    finally:
        await ports.close()


JSON_ARROWS = """
    CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT CHECK (body ->> 'kind' <> ''),
        kind TEXT GENERATED ALWAYS AS (body ->> '$.kind') VIRTUAL);
    CREATE INDEX by_kind ON docs (body ->> 'kind');
    INSERT INTO docs (body) VALUES ('{"kind": "note"}');
    CREATE VIEW kinds AS SELECT body ->> 'kind' AS kind FROM docs;
"""


async def test_a_schema_with_functions_sqlite_does_not_trust_is_read(tmp_path: Path) -> None:
    async with looked_at(made(tmp_path / "a.db", JSON_ARROWS)) as ports:
        outline = await answer(ports.outline())
        assert [table.problem for table in outline.tables] == ["", ""]
        for table, column in (("docs", 2), ("kinds", 0)):
            assert (await answer(ports.page(PageQuery(table=table)))).rows[0][column] == "note"


@pytest.mark.parametrize(
    "what", ["VIEW v AS SELECT group_concat(a FUTURE BY b) FROM t", "TABLE v (a AS FUTURE b)"]
)
async def test_what_a_newer_sqlite_wrote_takes_nothing_else_away(tmp_path: Path, what: str) -> None:
    kind = what.partition(" ")[0].lower()
    old = "VIEW v AS SELECT 1 AS x" if kind == "view" else "TABLE v (a)"
    path = made(tmp_path / "a.db", f"CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2); CREATE {old};")
    made(path, f"PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE {what}' WHERE name = 'v'")
    async with looked_at(path) as ports:
        outline = await answer(ports.outline())
        assert (await answer(ports.page(PageQuery(table="t")))).rows == ((1, 2),)
        table = outline.table("v")
        assert "cannot read how it was made" in table.problem and "sound" in table.problem
        with pytest.raises(CommandFailed, match="cannot read how it was made"):
            await answer(ports.page(PageQuery(table="v")))
        for sql in ("UPDATE sqlite_schema SET sql = ''", "DELETE FROM sqlite_schema", "DELETE FROM t"):
            assert (await answer(ports.run_sql(sql))).problem.code == "read_only"


async def test_a_broken_root_page_is_damage_of_one_table(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE TABLE u (a)")
    made(path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 99 WHERE name = 'u'")
    async with looked_at(path) as ports:
        outline = await answer(ports.outline())
        assert "amaged" in outline.table("u").problem
        assert (await answer(ports.page(PageQuery(table="t")))).rows == ((1,),)


async def test_a_damaged_page_takes_no_other_table_away(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "CREATE TABLE t (a); CREATE TABLE u (a); INSERT INTO t VALUES (1)")
    raw = bytearray(path.read_bytes())
    raw[2 * 4096 : 3 * 4096] = b"\xa5" * 4096
    path.write_bytes(raw)
    async with looked_at(path) as ports:
        outline = await answer(ports.outline())
        assert "amaged" in outline.table("u").problem
        assert outline.table("t").rows == 1
        with pytest.raises(DatabaseDamaged):
            await answer(ports.page(PageQuery(table="u")))


async def test_what_is_missing_here_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made(path, "CREATE VIEW f AS SELECT spell(1); CREATE TABLE m (a)")
    made(
        path,
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 0,"
        " sql = 'CREATE VIRTUAL TABLE m USING spellfix1' WHERE name = 'm'",
    )
    async with looked_at(path) as ports:
        problems = {table.name: table.problem for table in (await answer(ports.outline())).tables}
        assert "does not have spell" in problems["f"] and "does not have" in problems["m"]
        result = await answer(ports.run_sql("SELECT a COLLATE klingon FROM (SELECT 1 AS a) ORDER BY 1"))
        assert "COLLATE BINARY" in result.problem.hint


def unicase(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
        db.executescript("""
            CREATE TABLE decks (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE unicase UNIQUE, n INTEGER);
            CREATE TABLE tags (tag TEXT NOT NULL PRIMARY KEY COLLATE unicase, n INTEGER) WITHOUT ROWID;
            CREATE TABLE codes (oid TEXT NOT NULL PRIMARY KEY COLLATE unicase, n INTEGER) WITHOUT ROWID;
        """)
        for at in range(300):
            name = f"{'aB'[at % 2]}{at * 7 % 300:03d}"
            db.execute("INSERT INTO decks (name, n) VALUES (?, ?)", (name, at))
            db.execute("INSERT INTO tags VALUES (?, ?)", (name, at))
            db.execute("INSERT INTO codes VALUES (?, ?)", (name, at))
    return path


@pytest.mark.parametrize(("table", "name"), [("decks", "name"), ("tags", "tag"), ("codes", "oid")])
async def test_the_order_of_another_program_hides_no_row(tmp_path: Path, table: str, name: str) -> None:
    from streams.model.database import Direction

    async with looked_at(unicase(tmp_path / "a.db")) as ports:
        assert await answer(ports.count(table, None)) == 300
        for query in (
            PageQuery(table=table),
            PageQuery(table=table, sort=name),
            PageQuery(table=table, sort="n"),
        ):
            page = await answer(ports.page(query))
            seen = [row[-1] for row in page.rows]
            while page.has_after:
                after = PageQuery(table=table, sort=query.sort, direction=Direction.AFTER, edge=page.last)
                page = await answer(ports.page(after))
                seen += [row[-1] for row in page.rows]
            assert sorted(seen) == list(range(300))
        for at in (0, 1, 150, 299):
            text = f"{'aB'[at % 2]}{at * 7 % 300:03d}"
            wanted = ColumnFilter(column=name, kind=FilterKind.EQUALS, text=text)
            found = await answer(ports.page(PageQuery(table=table, filter=wanted)))
            assert [row[-1] for row in found.rows] == [at]
        assert (await answer(ports.check())).problems == ()
        result = await answer(ports.run_sql(f"SELECT * FROM {table} WHERE {name} = 'B007'"))
        assert result.stand_ins == ("unicase",)
        assert (await answer(ports.run_sql("SELECT 1"))).stand_ins == ()


CUT_OFF = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE t (a, b)")
db.executemany("INSERT INTO t VALUES (?, randomblob(400))", [(n,) for n in range(3000)])
db.execute("PRAGMA cache_size = 5"); db.execute("PRAGMA cache_spill = 5")
db.execute("BEGIN"); db.execute("UPDATE t SET b = randomblob(400)")
os._exit(9)
"""


async def test_a_hot_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hot.db"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", CUT_OFF, str(path)], check=False)
    async with looked_at(path) as ports:
        with pytest.raises(DatabaseHotJournal, match=r"hot\.db-journal"):
            await answer(ports.outline())
        with closing(sqlite3.connect(path)) as owner:
            owner.execute("SELECT count(*) FROM t").fetchone()
        assert (await answer(ports.outline())).table("t").rows == 3000


async def test_a_newer_format_is_no_other_kind_of_file(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "CREATE TABLE t (a)")
    raw = bytearray(path.read_bytes())
    raw[18:20] = b"\x03\x03"
    path.write_bytes(raw)
    async with looked_at(path) as ports:
        with pytest.raises(DatabaseUnsupported, match="newer SQLite"):
            await answer(ports.outline())


def error(code: int, text: str = "x", kind: Callable[..., Any] = sqlite3.OperationalError) -> sqlite3.Error:
    found = kind(text)
    found.sqlite_errorcode = code
    return found


MEANINGS: list[tuple[int, str, type[TidewatchError], str]] = [
    (sqlite3.SQLITE_BUSY, "database is locked", DatabaseLocked, "locked"),
    (sqlite3.SQLITE_BUSY_RECOVERY, "database is locked", DatabaseLocked, "recovering"),
    (sqlite3.SQLITE_READONLY, "attempt to write", CommandFailed, "Only reading"),
    (sqlite3.SQLITE_READONLY_ROLLBACK, "attempt to write", DatabaseHotJournal, "journal"),
    (sqlite3.SQLITE_READONLY_CANTINIT, "attempt to write", DatabaseUnreadable, "folder"),
    (sqlite3.SQLITE_READONLY_RECOVERY, "attempt to write", DatabaseUnreadable, "folder"),
    (sqlite3.SQLITE_READONLY_DBMOVED, "attempt to write", DatabaseMissing, "moved"),
    (sqlite3.SQLITE_CANTOPEN, "unable to open database file", DatabaseMissing, "cannot be opened"),
    (sqlite3.SQLITE_CORRUPT, "database disk image is malformed", DatabaseDamaged, "damaged"),
    (sqlite3.SQLITE_CORRUPT, "malformed database schema (t)", DatabaseDamaged, "damaged"),
    (sqlite3.SQLITE_CORRUPT, "malformed database schema (t) - invalid rootpage", DatabaseDamaged, "damaged"),
    (
        sqlite3.SQLITE_CORRUPT,
        'malformed database schema (v) - near "X": syntax error',
        DatabaseUnsupported,
        "v",
    ),
    (sqlite3.SQLITE_CORRUPT, "malformed database schema (i) - no such column: x", DatabaseUnsupported, "i"),
    (sqlite3.SQLITE_CORRUPT_VTAB, "database disk image is malformed", CommandFailed, "virtual"),
    (sqlite3.SQLITE_CORRUPT_INDEX, "database disk image is malformed", CommandFailed, "index"),
    (sqlite3.SQLITE_NOTADB, "file is not a database", NotADatabase, "not a database"),
    (sqlite3.SQLITE_IOERR_READ, "disk I/O error", DatabaseUnreadable, "disk I/O"),
    (sqlite3.SQLITE_PROTOCOL, "locking protocol", DatabaseUnreadable, "locking"),
    (sqlite3.SQLITE_FULL, "database or disk is full", CommandFailed, "temporary"),
    (sqlite3.SQLITE_TOOBIG, "string or blob too big", CommandFailed, "64 MiB"),
    (sqlite3.SQLITE_ERROR, "no such module: spellfix1", CommandFailed, "spellfix1"),
]


@pytest.mark.parametrize(("code", "text", "kind", "said"), MEANINGS)
def test_a_code_is_told_by_its_meaning(code: int, text: str, kind: type[TidewatchError], said: str) -> None:
    failure = translate(error(code, text), "/none/a.db")
    assert failure is not None and type(failure) is kind
    assert said in failure.message
    restoring = "estore" in failure.hint
    assert restoring == (kind is DatabaseDamaged)


def test_a_temporary_file_that_cannot_be_made_is_not_a_missing_database(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "CREATE TABLE t (a)")
    failure = failure_of(error(sqlite3.SQLITE_CANTOPEN, "unable to open database file"), str(path))
    assert "temporary" in failure.message and "TMPDIR" in failure.hint
