"""Secrets stay unread whatever leads to them: computed columns, views, full-text indexes, another file."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from streams.operators.spawning import task_spawner
from streams.records.database import Masked, Outline, PageQuery

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
