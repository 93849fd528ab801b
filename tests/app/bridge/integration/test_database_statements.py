"""SQL that a person wrote: it only reads, says where it is wrong, can be stopped, and goes into a file."""

import asyncio
import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.bridge.database.ports import DatabasePorts
from streams.model.failures import (
    CommandFailed,
)
from streams.model.statements import ExportFormat, ScanKind
from tests.app.bridge.databases import ENDLESS, HASH, answer


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
    while ports.answers._sql._database._job is None:
        pass


@pytest.mark.parametrize("kind", list(ExportFormat))
async def test_an_export_has_every_row_and_no_secret(
    ports: DatabasePorts, tmp_path: Path, kind: ExportFormat
) -> None:
    target = tmp_path / f"out.{kind.suffix}"
    done = await answer(ports.export("SELECT id, name, raw FROM clients ORDER BY id", kind, target))
    assert (done.rows, done.path) == (250, str(target))
    text = target.read_text("utf-8")
    if kind is ExportFormat.JSON:
        rows = json.loads(text)
        assert rows[1] == {"id": 2, "name": "client 002", "raw": {"hex": "00010001"}}
        assert len(rows) == 250
    else:
        assert text.splitlines()[:3] == ["id,name,raw", "1,client 001,x'0001'", "2,client 002,x'00010001'"]
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
    with pytest.raises(CommandFailed, match="already exists"):
        await answer(ports.export("SELECT 1", ExportFormat.CSV, folder / "c.csv"))
    assert (folder / "c.csv").read_text() == "mine"


async def test_an_export_that_fails_names_its_file_and_the_reason(
    ports: DatabasePorts, tmp_path: Path
) -> None:
    with pytest.raises(CommandFailed, match=r"gone/a\.csv: .*: the folder does not exist") as refused:
        await answer(ports.export("SELECT 1", ExportFormat.CSV, tmp_path / "gone" / "a.csv"))
    assert "server" not in refused.value.line()


async def test_a_full_disk_ends_an_export_and_leaves_nothing(
    ports: DatabasePorts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.fdopen

    def full(descriptor: int, mode: str) -> Any:
        os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
        return opened(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", full)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(CommandFailed, match=r"out/a\.csv: cannot be written: the disk is full"):
        await answer(ports.export("SELECT id, note FROM clients", ExportFormat.CSV, folder / "a.csv"))
    assert list(folder.iterdir()) == []


async def test_what_this_machine_lacks_is_not_said_of_a_server(
    ports: DatabasePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_words: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(CommandFailed, match=r"\.db: cannot be read: Too many open files") as refused:
        await answer(ports.run_sql("SELECT 1"))
    assert "server" not in refused.value.line()
