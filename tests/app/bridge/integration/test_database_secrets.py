"""Secrets stay unread whatever leads to them: computed columns, views, full-text indexes, another file."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database.connection import Reader
from app.database.lanes import Lane, SlowLog
from app.database.secrets import is_secret
from app.database.statements import run_statement
from streams.model.database import Masked, Outline, PageQuery
from streams.model.statements import SqlResult
from streams.operators.spawning import task_spawner

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PASSWORD = "hunter2verysecret"


def make(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            f"""
            CREATE TABLE tokens (
                id INTEGER PRIMARY KEY,
                token_hash TEXT,
                hint TEXT GENERATED ALWAYS AS (substr(token_hash, 1, 8)) VIRTUAL,
                shout TEXT AS (upper(hint)) STORED,
                label TEXT
            );
            CREATE TABLE plain (id INTEGER PRIMARY KEY, token_hash TEXT, label TEXT, twice AS (id * 2));
            CREATE INDEX by_start ON tokens (substr(token_hash, 1, 6));
            CREATE VIEW renamed AS SELECT token_hash AS x, label FROM tokens;
            CREATE VIRTUAL TABLE notes USING fts5 (password, body);
            CREATE VIRTUAL TABLE terms USING fts5vocab (notes, 'row');
            CREATE VIRTUAL TABLE old_notes USING fts4 (password, body);
            CREATE VIRTUAL TABLE outside USING fts5 (token_hash, label, content='tokens', content_rowid='id');
            CREATE VIRTUAL TABLE open_notes USING fts5 (body);
            INSERT INTO tokens (token_hash, label) VALUES ('{HASH}', 'web');
            INSERT INTO plain (token_hash, label) VALUES ('{HASH}', 'web');
            INSERT INTO notes VALUES ('{PASSWORD}', 'open text');
            INSERT INTO old_notes VALUES ('{PASSWORD}', 'open text');
            INSERT INTO open_notes VALUES ('words to find');
            INSERT INTO outside (outside) VALUES ('rebuild');
            """
        )


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[DatabasePorts]:
    make(tmp_path / "some.db")
    ports = DatabasePorts(tmp_path / "some.db", task_spawner())
    yield ports
    await ports.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT hint, shout FROM tokens",
        "SELECT * FROM tokens",
        "SELECT substr(token_hash, 1, 6) FROM tokens",
        "SELECT * FROM renamed",
        "SELECT * FROM notes",
        "SELECT * FROM notes_content",
        "SELECT CAST(block AS TEXT) FROM notes_data",
        "SELECT term FROM terms",
        "SELECT highlight(notes, 0, '[', ']'), snippet(notes, 0, '', '', '', 9) FROM notes",
        "SELECT * FROM old_notes",
        "SELECT * FROM old_notes_content",
        "SELECT CAST(root AS TEXT) FROM old_notes_segdir",
        "SELECT * FROM outside",
        "SELECT CAST(block AS TEXT) FROM outside_data",
    ],
)
async def test_no_way_around_the_mask(ports: DatabasePorts, sql: str) -> None:
    result = await ports.run_sql(sql)
    assert result.masked or result.problem is not None
    said = repr(result.rows).lower()
    assert HASH[:6] not in said
    assert PASSWORD[:7] not in said


async def test_what_is_no_secret_can_still_be_read_and_found(ports: DatabasePorts) -> None:
    for sql, rows in (
        ("SELECT label FROM tokens", (("web",),)),
        ("SELECT twice FROM plain", ((2,),)),
        ("SELECT body FROM notes", (("open text",),)),
        ("SELECT body FROM open_notes WHERE open_notes MATCH 'find'", (("words to find",),)),
    ):
        assert (await ports.run_sql(sql)).rows == rows


async def test_a_table_shows_what_is_masked_and_a_view_says_it(ports: DatabasePorts) -> None:
    page = await ports.page(PageQuery(table="tokens"))
    assert page.rows == ((1, Masked(), Masked(), Masked(), "web"),)
    outline: Outline = await ports.outline()
    view = outline.table("renamed")
    assert view is not None
    assert view.masked == ("tokens.token_hash",)
    assert (await ports.page(PageQuery(table="renamed"))).rows == ((None, "web"),)


async def test_a_file_put_in_its_place_is_masked_too(ports: DatabasePorts, tmp_path: Path) -> None:
    for turn in range(20):
        copy = tmp_path / f"copy-{turn}.db"
        shutil.copy(tmp_path / "some.db", copy)
        os.replace(copy, tmp_path / "some.db")  # noqa: PTH105
        result = await ports.run_sql("SELECT token_hash FROM tokens")
        assert result.rows == ((None,),)


async def test_it_is_said_each_time_and_for_each_way(ports: DatabasePorts) -> None:
    for _ in range(3):
        result = await ports.run_sql("SELECT label, token_hash FROM tokens")
        assert result.rows == (("web", None),)
        assert result.masked == ("tokens.token_hash",)
    joined = "SELECT count(*) FROM (SELECT 'x' AS token_hash) JOIN tokens USING (token_hash)"
    assert (await ports.run_sql(joined)).masked == ("tokens.token_hash",)
    assert (await ports.run_sql("SELECT rowid FROM tokens")).masked == ("tokens.ROWID",)
    assert (await ports.run_sql("SELECT id, label FROM tokens")).masked == ()


async def test_what_keeps_parts_of_a_secret_is_refused_with_the_reason(ports: DatabasePorts) -> None:
    for name in ("notes_data", "notes_content", "terms", "old_notes_segments", "sqlite_stat4", "dbstat"):
        problem = (await ports.run_sql(f"SELECT * FROM {name}")).problem
        assert problem is not None
        assert (problem.code, name in problem.message) == ("secret", True)
    outline: Outline = await ports.outline()
    stored = outline.table("notes_data")
    assert stored is not None
    assert "secret columns of notes" in stored.problem


async def test_a_column_that_comes_later_is_hidden_at_once(ports: DatabasePorts, tmp_path: Path) -> None:
    assert (await ports.run_sql("SELECT * FROM open_notes")).masked == ()
    with closing(sqlite3.connect(tmp_path / "some.db")) as db, db:
        db.execute("CREATE TABLE enrolments (hash BLOB PRIMARY KEY, name TEXT)")
        db.execute("INSERT INTO enrolments VALUES (x'00112233', 'first')")
        db.execute("ALTER TABLE plain ADD COLUMN password TEXT")
        db.execute("UPDATE plain SET password = 'hunter2'")
    result = await ports.run_sql("SELECT hash, name FROM enrolments")
    assert (result.rows, result.masked) == (((None, "first"),), ("enrolments.hash",))
    result = await ports.run_sql("SELECT password FROM plain")
    assert (result.rows, result.masked) == (((None,),), ("plain.password",))


async def test_a_column_that_comes_just_before_a_statement_is_hidden_too(tmp_path: Path) -> None:
    """Another program changes the schema after it was read, before the statement begins."""
    path, come = tmp_path / "some.db", False
    make(path)

    def ask(reader: Reader) -> SqlResult:
        nonlocal come
        if not come:
            come = True
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("ALTER TABLE plain ADD COLUMN password TEXT")
                db.execute(f"UPDATE plain SET password = '{PASSWORD}'")
        return run_statement(reader, "SELECT password FROM plain", 10)

    lane = Lane(path, SlowLog())
    result = await lane.run("asked", ask)
    await lane.close()
    assert (result.rows, result.masked) == (((None,),), ("plain.password",))


@pytest.mark.parametrize(
    ("table", "column", "kind", "secret"),
    [
        ("users", "pwd", "TEXT", True), ("users", "pass", "", True), ("users", "user_pw", "TEXT", True),
        ("users", "jwt", "TEXT", True), ("users", "totp", "TEXT", True), ("users", "otp_seed", "TEXT", True),
        ("users", "sessionid", "TEXT", True), ("orders", "session_id", "INTEGER", False),
        ("users", "pin", "INTEGER", True), ("users", "apiKey", "TEXT", True), ("t", "Private Key", "", True),
        ("users", "password_changed_at", "INTEGER", False), ("users", "has_password", "INTEGER", False),
        ("users", "password_hash", "BLOB", True), ("x", "salt", "BLOB", True),
        ("cookies", "value", "TEXT", True),
        ("settings", "key", "TEXT", False), ("settings", "value", "TEXT", False),
        ("blobs", "hash", "BLOB", False),
        ("blobs", "sha256", "BLOB", False), ("tokens", "hash", "BLOB", True),
        ("enrolments", "hash", "", True),
        ("users", "token", "TEXT", True), ("usage", "tokens", "INTEGER", False),
        ("people", "secretary", "", False),
        ("ports", "opening", "TEXT", False), ("users", "name", "TEXT", False), ("t", "spin", "TEXT", False),
    ],
)  # fmt: skip
def test_names_of_secrets(table: str, column: str, kind: str, secret: bool) -> None:
    assert is_secret(table, column, kind) is secret
