"""A small form of ``python -m tests.databases DIR``: what programs here make, and odd values."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases.__main__ import databases
from tests.databases.compare import compare

pytestmark = pytest.mark.needs("sqlite3")
POINT = (
    '{"type":"Feature","properties":{"name":"Zürich","n":2},'
    '"geometry":{"type":"Point","coordinates":[8.5,47.3]}}'
)


def _fossil(folder: Path) -> list[list[str]]:
    return [["fossil", "init", str(folder / "repository.fossil")]]


def _svn(folder: Path) -> list[list[str]]:
    repository = folder / "repository"
    return [
        ["svnadmin", "create", str(repository)],
        ["svn", "checkout", "-q", f"file://{repository}", str(folder / "copy")],
    ]


def _certutil(folder: Path) -> list[list[str]]:
    return [["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"]]


def _ogr2ogr(folder: Path) -> list[list[str]]:
    source = folder / "points.geojson"
    source.write_text(f'{{"type": "FeatureCollection", "features": [{POINT}]}}')
    return [["ogr2ogr", "-f", "GPKG", str(folder / "points.gpkg"), str(source)]]


MAKERS = {"fossil": _fossil, "svn": _svn, "certutil": _certutil, "ogr2ogr": _ogr2ogr}


async def _compared(path: Path, room: Path) -> int:
    room.mkdir()
    found = await compare(path, room)
    assert (found.differences, found.columns_left_out) == ([], 0)
    return found.questions


LARGE = pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="ogr2ogr is too large to be required")


@pytest.mark.parametrize(
    "program",
    [pytest.param(name, marks=LARGE if name == "ogr2ogr" else pytest.mark.needs(name)) for name in MAKERS],
)
async def test_what_another_program_made_is_shown_as_sqlite3_says(program: str, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    environment = os.environ | {"HOME": str(tmp_path), "USER": "somebody"}
    for command in MAKERS[program](folder):
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, env=environment)
    found = databases(folder)
    assert found
    for number, path in enumerate(found):
        assert await _compared(path, tmp_path / f"room{number}") > 15


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
async def test_odd_values_are_shown_as_sqlite3_says(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA encoding = '{encoding}'")
        db.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE any_values (v, n INTEGER);
            CREATE TABLE by_text (k TEXT PRIMARY KEY, v REAL) WITHOUT ROWID;
            CREATE TABLE no_case (k TEXT COLLATE NOCASE PRIMARY KEY, body TEXT) WITHOUT ROWID;
            CREATE VIEW both AS SELECT * FROM any_values JOIN by_text ON v = k;
            CREATE VIRTUAL TABLE words USING fts5 (title, body);
            INSERT INTO words VALUES ('one', 'two three');
        """)
        for n in range(250):
            text = ["02134", "+49", "1e3", "a\0b", "", "ä" * 300, "x" * 900, " 5", "9" * 20, "'q\"\r\n"][
                n % 10
            ]
            value = [text, n, n / 7, None, b"\0\xff" * (n % 12), 2**62 + n, float("inf")][n % 7]
            db.execute("INSERT INTO any_values VALUES (?, ?)", (value, n))
            db.execute("INSERT INTO by_text VALUES (?, ?)", (f"{text}{n}", n / 3))
            db.execute("INSERT INTO no_case VALUES (?, ?)", (f"{'kK'[n % 2]}{n}", text))
        if encoding == "UTF-8":
            for n in range(40):
                raw = bytes([0x80 + n, 0x41])
                db.execute("INSERT INTO by_text VALUES (CAST(? AS TEXT), ?)", (raw, n))
    assert await _compared(path, tmp_path / "room") > 100


async def test_columns_that_there_is_no_time_for_are_counted(tmp_path: Path) -> None:
    path, room = tmp_path / "wide.db", tmp_path / "room"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("CREATE TABLE t (a, b, c); INSERT INTO t VALUES (1, 2, 3)")
    room.mkdir()
    found = await compare(path, room, columns_s=-1)
    assert (found.differences, found.columns_left_out) == ([], 3)
