"""Files in every state: sound, empty, encrypted, damaged, locked, vanished, replaced."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database import health as health_module
from app.database import lanes
from app.runtime.log_limits import LimitedLog
from streams.model.database import PageQuery
from streams.model.failures import (
    DatabaseDamaged,
    DatabaseEmpty,
    DatabaseEncrypted,
    DatabaseLocked,
    DatabaseMissing,
    NotADatabase,
    TidewatchError,
)
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer, make


async def test_sizes_health_and_check(ports: DatabasePorts, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for module in (health_module, lanes):
        monkeypatch.setattr(module.log, "info", lambda event, **_: said.append(event))
    monkeypatch.setattr(lanes, "SLOW_S", 0.0)
    monkeypatch.setattr(lanes, "limited", LimitedLog(lanes.log))
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
    monkeypatch.setattr("app.database.opening.BUSY_S", 0.05)
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
