"""The questions about a database: what they answer on files of all kinds, and what they never do."""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from reactivex import Observable

from app.bridge.database import health as health_module
from app.bridge.database import lanes
from app.bridge.database.ports import DatabasePorts
from streams.failures import (
    CommandFailed,
    DatabaseDamaged,
    DatabaseEmpty,
    DatabaseEncrypted,
    DatabaseLocked,
    DatabaseMissing,
    NotADatabase,
    TidewatchError,
)
from streams.operators.spawning import task_spawner
from streams.records.database import AnswerQuery, Blob, CellQuery, LongText, Masked, PageQuery, TableKind
from streams.records.statements import ExportFormat, ScanKind

T = TypeVar("T")

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def make(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE clients (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, note TEXT, raw BLOB
            );
            CREATE INDEX by_name ON clients (name);
            CREATE TABLE tokens (
                token_hash TEXT,
                client_id INTEGER REFERENCES clients (id) ON DELETE CASCADE,
                hash TEXT,
                key TEXT
            );
            CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
            CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT);
            CREATE VIEW names AS SELECT name FROM clients;
            CREATE VIRTUAL TABLE words USING fts5 (text);
            INSERT INTO words VALUES ('some words to find');
            INSERT INTO settings VALUES ('theme', 'dark'), ('language', 'en');
            """
        )
        db.executemany(
            "INSERT INTO clients VALUES (?, ?, ?, ?)",
            [(n, f"client {n:03}", "x" * (n * 3), b"\x00\x01" * n) for n in range(1, 251)],
        )
        db.execute("INSERT INTO tokens VALUES (?, 1, ?, ?)", (HASH, HASH, HASH))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "some.db")


@pytest.fixture
async def ports(path: Path) -> AsyncIterator[DatabasePorts]:
    ports = DatabasePorts(path, task_spawner())
    yield ports
    await ports.close()


async def answer(question: Observable[T]) -> T:
    return await question


async def test_the_outline_knows_tables_columns_indexes_and_keys(ports: DatabasePorts) -> None:
    outline = await answer(ports.outline())
    tables = {table.name: table for table in outline.tables}
    assert not outline.own
    assert (tables["clients"].rows, tables["clients"].capped) == (250, False)
    assert tables["clients"].key == ("rowid",)
    assert tables["pairs"].key == ("a", "b")
    assert tables["names"].kind is TableKind.VIEW
    assert tables["words"].kind is TableKind.VIRTUAL
    assert tables["words"].rows == 1
    assert [column.name for column in tables["clients"].columns if column.indexed] == ["id", "name"]
    assert tables["clients"].indexes[0].columns == ("name",)
    key = tables["tokens"].foreign_keys[0]
    assert (key.columns, key.table, key.to_columns, key.on_delete) == (
        ("client_id",),
        "clients",
        ("id",),
        "CASCADE",
    )
    assert [column.name for column in tables["tokens"].columns if column.secret] == [
        "token_hash",
        "hash",
        "key",
    ]
    assert not any(column.secret for column in tables["settings"].columns)


async def test_counting_stops_at_ten_thousand_until_asked(ports: DatabasePorts, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO pairs VALUES ('x', ?)", [(n,) for n in range(10_500)])
    table = (await answer(ports.outline())).table("pairs")
    assert table is not None
    assert (table.rows, table.capped) == (10_000, True)
    assert await answer(ports.count("pairs", None)) == 10_500


async def test_long_values_are_shortened_and_come_whole_when_asked(ports: DatabasePorts) -> None:
    page = await answer(ports.page(PageQuery(table="clients")))
    row = page.rows[99]
    assert isinstance(row[2], LongText)
    assert row[3] == Blob(200, b"\x00\x01" * 8)
    query = CellQuery(table="clients", column="note", key=page.keys[99])
    assert (await answer(ports.whole_value(query))).value == "x" * 300
    query = CellQuery(table="clients", column="raw", key=page.keys[99])
    assert (await answer(ports.whole_value(query))).value == b"\x00\x01" * 100


async def test_values_of_an_answer_come_whole_when_asked(ports: DatabasePorts) -> None:
    sql = "SELECT id, note, note, raw FROM clients ORDER BY id"
    result = await answer(ports.run_sql(sql))
    assert isinstance(result.rows[99][2], LongText)
    whole = await answer(ports.whole_value(AnswerQuery(sql=sql, row=99, column=2)))
    assert (whole.value, whole.size_bytes, whole.cut) == ("x" * 300, 300, False)
    assert (
        await answer(ports.whole_value(AnswerQuery(sql=sql, row=99, column=3)))
    ).value == b"\x00\x01" * 100
    with pytest.raises(CommandFailed, match="gone"):
        await answer(ports.whole_value(AnswerQuery(sql=sql, row=10_000, column=1)))
    secret = AnswerQuery(sql="SELECT hash FROM tokens", row=0, column=0)
    assert (await answer(ports.whole_value(secret))).value is None


async def test_secrets_are_masked_whatever_one_asks(ports: DatabasePorts) -> None:
    page = await answer(ports.page(PageQuery(table="tokens")))
    assert page.rows == ((Masked(), 1, Masked(), Masked()),)
    whole = await answer(ports.whole_value(CellQuery(table="tokens", column="hash", key=(1,))))
    assert whole.secret
    assert whole.value is None
    for sql in (
        "SELECT hash AS x, lower(token_hash), key || '' FROM tokens",
        "SELECT max(hash), min(token_hash), group_concat(key) FROM tokens",
        "WITH t AS (SELECT hash h, token_hash k, key FROM tokens) SELECT h, k, key FROM t",
        "SELECT json_group_array(hash), quote(key), hex(token_hash) FROM tokens",
    ):
        result = await answer(ports.run_sql(sql))
        assert result.problem is None
        assert HASH[:10] not in repr(result.rows).lower()
        assert len(result.masked) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO clients (name) VALUES ('x')",
        "UPDATE clients SET name = 'x'",
        "DELETE FROM clients",
        "REPLACE INTO clients (id, name) VALUES (1, 'x')",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE INDEX i ON clients (note)",
        "CREATE TRIGGER t AFTER INSERT ON clients BEGIN SELECT 1; END",
        "DROP TABLE clients",
        "ALTER TABLE clients RENAME TO c",
        "ATTACH 'other.db' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "REINDEX",
        "ANALYZE",
        "SAVEPOINT s",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7",
        "PRAGMA cache_size = 1",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
        "PRAGMA temp_store_directory = '/'",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
        "SELECT fts3_tokenizer('simple')",
        "UPDATE sqlite_schema SET sql = ''",
        "INSERT INTO words VALUES ('x')",
        "INSERT INTO words (words) VALUES ('rebuild')",
    ],
)
async def test_nothing_but_reading(ports: DatabasePorts, path: Path, sql: str) -> None:
    before = path.read_bytes()
    result = await answer(ports.run_sql(sql))
    assert result.problem is not None
    assert result.problem.code in ("read_only", "query_failed")
    assert path.read_bytes() == before
    assert (await answer(ports.run_sql("SELECT count(*) FROM clients"))).rows == ((250,),)


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("selct 1", 1, 1, "syntax error"),
        ("select name\nfrom clients\nwhre id = 1", 3, 6, "syntax error"),
        ("select nmae from clients", 1, 8, "No such column: nmae"),
        ("select 'nmae',\n  nmae from clients", 2, 3, "No such column"),
        ("select 1 from\n  clints", 2, 3, "No such table: clints"),
        ("select 1,, 2", 1, 10, "syntax error"),
        ("select (1", 1, 10, "not complete"),
        ("select frobnicate(1)", 1, 8, "No such function"),
    ],
)
async def test_an_error_says_where(
    ports: DatabasePorts, sql: str, line: int, column: int, words: str
) -> None:
    problem = (await answer(ports.run_sql(sql))).problem
    assert problem is not None
    assert words in problem.message
    assert (problem.line, problem.column) == (line, column)


async def test_a_plan_marks_full_scans(ports: DatabasePorts) -> None:
    plan = await answer(ports.plan("SELECT * FROM clients WHERE note > 'x' ORDER BY note"))
    assert [step.kind for step in plan.steps] == [ScanKind.FULL_SCAN, ScanKind.SORT]
    plan = await answer(ports.plan("SELECT * FROM clients WHERE name = 'x'"))
    assert [step.kind for step in plan.steps] == [ScanKind.SEARCH]


async def test_disposing_a_running_statement_interrupts_it(ports: DatabasePorts) -> None:
    heard: list[Any] = []
    running = ports.run_sql(ENDLESS).subscribe(heard.append, heard.append)
    await asyncio.to_thread(_busy, ports)
    running.dispose()
    async with asyncio.timeout(30):
        result = await answer(ports.run_sql("SELECT 1"))
    assert result.rows == ((1,),)
    assert heard == []


def _busy(ports: DatabasePorts) -> None:
    """Wait until the connection of the statements has begun its work."""
    while ports._sql._database._job is None:
        pass


@pytest.mark.parametrize("kind", list(ExportFormat))
async def test_an_export_has_every_row_and_no_secret(
    ports: DatabasePorts, tmp_path: Path, kind: ExportFormat
) -> None:
    target = tmp_path / f"out.{kind}"
    done = await answer(ports.export("SELECT id, name, raw FROM clients ORDER BY id", kind, target))
    assert (done.rows, done.path) == (250, str(target))
    text = target.read_text("utf-8")
    if kind is ExportFormat.JSON:
        rows = json.loads(text)
        assert rows[1] == {"id": 2, "name": "client 002", "raw": {"hex": "00010001"}}
        assert len(rows) == 250
    else:
        assert text.splitlines()[:3] == ["id,name,raw", "1,client 001,0001", "2,client 002,00010001"]
    secret = tmp_path / "secret"
    await answer(ports.export("SELECT * FROM tokens", kind, secret))
    assert HASH not in secret.read_text("utf-8")


async def test_a_cancelled_or_wrong_export_leaves_nothing(ports: DatabasePorts, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    begun = asyncio.Event()
    exporting = ports.export(endless, ExportFormat.CSV, folder / "a.csv").subscribe(lambda _: begun.set())
    async with asyncio.timeout(30):
        await begun.wait()
    exporting.dispose()
    with pytest.raises(CommandFailed):
        await answer(ports.export("SELECT nothing", ExportFormat.CSV, folder / "b.csv"))
    assert list(folder.iterdir()) == []
    (folder / "c.csv").write_text("mine")
    with pytest.raises(CommandFailed, match="there already"):
        await answer(ports.export("SELECT 1", ExportFormat.CSV, folder / "c.csv"))
    assert (folder / "c.csv").read_text() == "mine"


async def test_sizes_health_and_check(ports: DatabasePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for module in (health_module, lanes):
        monkeypatch.setattr(module.log, "info", lambda event, **_: said.append(event))
    monkeypatch.setattr(lanes, "SLOW_S", 0.0)
    sizes = await answer(ports.statistics(True))
    assert {"clients", "by_name"} <= {part.name for part in sizes.parts}
    assert next(part for part in sizes.parts if part.name == "by_name").table == "clients"
    health = await answer(ports.health())
    assert health.journal_mode == "wal"
    assert health.wal_bytes is not None
    assert (await answer(ports.check())).problems == ()
    assert {"slow_statement", "integrity_ok"} <= set(said)


def _locked(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a)")


MADE: list[tuple[str, Callable[[Path], object], type[TidewatchError]]] = [
    ("vanished", lambda path: None, DatabaseMissing),
    ("folder", lambda path: path.mkdir(), DatabaseMissing),
    ("empty", lambda path: path.write_bytes(b""), DatabaseEmpty),
    ("text", lambda path: path.write_text("a letter to nobody\n" * 300), NotADatabase),
    ("zip", lambda path: path.write_bytes(b"PK\x03\x04" + os.urandom(8188)), NotADatabase),
    ("random", lambda path: path.write_bytes(os.urandom(8192)), DatabaseEncrypted),
    ("zeros", lambda path: path.write_bytes(bytes(8192)), DatabaseDamaged),
    ("head only", lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000), NotADatabase),
]


@pytest.mark.parametrize(("what", "write", "failure"), MADE, ids=[made[0] for made in MADE])
async def test_a_file_that_is_no_database_says_what_it_is(
    tmp_path: Path, what: str, write: Callable[[Path], object], failure: type[TidewatchError]
) -> None:
    path = tmp_path / f"{what}.db"
    write(path)
    ports = DatabasePorts(path, task_spawner())
    with pytest.raises(failure) as raised:
        await answer(ports.outline())
    assert type(raised.value) is failure
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    make(path)
    assert len((await answer(ports.outline())).tables) > 4  # it is opened once it is there
    await ports.close()


async def test_a_damaged_page_is_said_and_found_by_the_check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'clients'").fetchone()[0]
    raw = bytearray(path.read_bytes())
    raw[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(raw)
    ports = DatabasePorts(path, task_spawner())
    with pytest.raises(DatabaseDamaged):
        await answer(ports.page(PageQuery(table="clients")))
    assert (await answer(ports.check())).problems
    await ports.close()


async def test_a_locked_database_and_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.bridge.database.opening.BUSY_S", 0.05)
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        ports = DatabasePorts(path, task_spawner())
        with pytest.raises(DatabaseLocked):
            await answer(ports.outline())
        holder.execute("COMMIT")
        assert len((await answer(ports.outline())).tables) == 1
        await ports.close()


async def test_a_file_put_in_its_place_is_opened_anew(
    ports: DatabasePorts, path: Path, tmp_path: Path
) -> None:
    assert (await answer(ports.outline())).table("clients")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE elsewhere (a)")
    os.replace(other, path)  # noqa: PTH105
    for log in (f"{path}-wal", f"{path}-shm"):
        Path(log).unlink(missing_ok=True)
    assert [table.name for table in (await answer(ports.outline())).tables] == ["elsewhere"]
    path.unlink()
    with pytest.raises(DatabaseMissing, match="vanished"):
        await answer(ports.outline())
