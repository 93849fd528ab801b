"""The pieces of work in the middle of which the server dies, and the folders with which they begin."""

import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.catalogue import migrate
from app.catalogue.copies import copies_in
from app.server.catalogue_backup import FOLDER
from app.server.folder import CATALOGUE_FILE, STORE_FOLDER
from tests.faults.checks import at_rest
from tests.faults.client import (
    MTIME_NS,
    Acks,
    Client,
    Copied,
    Deletion,
    Gone,
    Refused,
    Removal,
    enrol,
    sha256_of,
)
from tests.faults.layer import Layer
from tests.faults.nursery import Nursery
from tests.faults.served import Served

DAYS_40_US = 40 * 86_400 * 1_000_000
PURGED_WITHIN_S = 5.0
FIRST_SCHEMA = "0001"
GIVEN_UP = {("tokens", "scope"): "CASE WHEN client_no IS NULL THEN 'console' ELSE 'agent' END"}
"""Columns of the first schema that later ones do not have, and what stood in them."""


def bytes_of(size: int, name: str) -> bytes:
    """Return bytes that no compression makes smaller, the same for the same name."""
    return random.Random(name).randbytes(size)


@dataclass(slots=True)
class Beginnings:
    """The folders that scenarios begin with, and what has been acknowledged of them."""

    work: Path
    clients: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Id and token by name."""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    file_ids: list[int] = field(default_factory=list[int])
    half: bytes = b""
    """An upload of it has been interrupted."""
    acks: dict[str, Acks] = field(default_factory=dict[str, Acks])

    def folder(self, name: str) -> Path:
        """Return one of the folders."""
        return self.work / f"begin-{name}"


HURT = ("/d/f1", "/d/f2", "/d/large")
GONE = tuple(f"/d/gone{number}" for number in range(4))


@dataclass(slots=True)
class Stage:
    """What one run of a scenario works with; another ``turn`` has contents of its own."""

    server: Served
    acks: Acks
    begun: Beginnings
    turn: str = "0"

    def client(self, name: str) -> Client:
        return Client(self.server.port, name, self.begun.clients[name][1], self.acks)


def _enrol(stage: Stage) -> None:
    enrol(stage.server.port, stage.server.console(), f"new-{stage.turn}", stage.acks)


def _upload(stage: Stage) -> None:
    large = bytes_of((2 << 20) + 300_000, f"large {stage.turn}")
    stage.client("web").back_up({f"/large-{stage.turn}": large})


def _resume(stage: Stage) -> None:
    stage.client("web").back_up({f"/half-{stage.turn}": stage.begun.half})


def _batch(stage: Stage) -> None:
    files = {f"/small-{stage.turn}-{n}": bytes_of(1500 + n, f"{stage.turn} {n}") for n in range(12)}
    stage.client("web").back_up(files)


def _dedup(stage: Stage) -> None:
    stage.client("db").back_up({f"/copy-{stage.turn}{path}": c for path, c in stage.begun.files.items()})


def _change(stage: Stage) -> None:
    client, paths = stage.client("web"), list(stage.begun.files)
    client.begin()
    changed = {path: bytes_of(900, f"changed {stage.turn} {path}") for path in paths[:4]}
    client.send(changed.values())
    client.name_them(changed, MTIME_NS + 1 + len(stage.turn))
    client.vanish(paths[4:6])
    client.finish()


def _delete(stage: Stage) -> None:
    console, ids = stage.server.console(), stage.begun.file_ids[:5]
    for order, is_deleted in (("delete", True), ("undelete", False)):
        stage.acks.add(Deletion(tuple(ids), None))
        console.post(f"/api/files/{order}", {"file_ids": ids})
        stage.acks.add(Deletion(tuple(ids), is_deleted))


def _purge(stage: Stage) -> None:
    stage.acks.add(Removal(paths=GONE))
    stage.server.change(f"UPDATE files SET deleted_at = deleted_at - {DAYS_40_US} WHERE state = 'deleted'")
    _wait_until(lambda: not stage.server.console().get("/api/files?state=deleted")["rows"])


def _remove(stage: Stage) -> None:
    stage.acks.add(Removal(client="old"))
    console, client_id = stage.server.console(), stage.begun.clients["old"][0]
    with suppress(Refused):  # the second time it is gone
        console.ask("DELETE", f"/api/clients/{client_id}")
    stage.server.change(f"UPDATE clients SET destroy_at = destroy_at - {DAYS_40_US} WHERE name = 'old'")
    _wait_until(lambda: b'"old"' not in console.ask("GET", "/api/clients"))


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PURGED_WITHIN_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def _heal(stage: Stage) -> None:
    stage.server.console().post("/api/verify")
    stage.client("web").back_up({path: stage.begun.files[path] for path in HURT}, MTIME_NS + 1)


def _cancel(stage: Stage) -> None:
    client = stage.client("db")
    client.begin()
    with suppress(Refused):  # an agent that is not connected cannot be asked
        stage.server.console().post(f"/api/runs/{client.run_id}/cancel")
    client.begin()
    client.finish("failed")


def _copy(stage: Stage) -> None:
    code, said = stage.server.run("backup-catalogue")
    if code:
        raise Gone(f"the catalogue is not copied: {said[-200:]}")
    stage.acks.add(*(Copied(path.name) for _, path in copies_in(stage.server.data / FOLDER)))


def _look(stage: Stage) -> None:
    stage.server.console().get("/api/clients")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A piece of work, the folder it begins with, and whether the start of the server belongs to it."""

    name: str
    play: Callable[[Stage], None]
    begins: str = "base"
    with_start: bool = False
    limits: tuple[tuple[str, float], ...] = ()
    again: bool = True
    """Whether a client comes again with the same after a fault."""
    operations: int = 100
    """About how many operations it takes; only to spread a few points over them."""


SOON = (("retention_every_s", 0.2),)
SCENARIOS = {
    each.name: each
    for each in (
        Scenario("enrol", _enrol, operations=59),
        Scenario("upload", _upload, operations=141),
        Scenario("resume", _resume, operations=133),
        Scenario("batch", _batch, operations=186),
        Scenario("dedup", _dedup, operations=140),
        Scenario("change", _change, operations=157),
        Scenario("delete", _delete, operations=113),
        Scenario("purge", _purge, limits=SOON, again=False, operations=93),
        Scenario("remove", _remove, limits=SOON, again=False, operations=109),
        Scenario("heal", _heal, "hurt", operations=226),
        Scenario("cancel", _cancel, operations=116),
        Scenario("copy", _copy, operations=148),
        Scenario("first-start", _look, "empty", with_start=True, again=False, operations=872),
        Scenario("unclean-start", _look, "unclean", with_start=True, again=False, operations=409),
        Scenario("migrate", _look, "old", with_start=True, again=False, operations=512),
    )
}


def build(work: Path, nursery: Nursery, layer: Layer) -> Beginnings:
    """Make the folders; raises AssertionError where they are not sound without any fault."""
    begun = Beginnings(work)
    data = begun.folder("base")
    layer.watch(data)
    server, acks = Served(nursery, data), Acks()
    assert server.up, server.said()
    _fill(server, begun, acks)
    server.stop()
    with closing(sqlite3.connect(data / CATALOGUE_FILE, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not (found := at_rest(data, acks)), found
    begun.acks = {name: Acks(entries=list(acks.entries)) for name in ("base", "unclean", "old")}
    _hurt(begun, acks)
    _leave_unclean(begun, nursery, layer)
    _make_old(begun)
    begun.folder("empty").mkdir()
    begun.acks["empty"] = Acks()
    return begun


def _fill(server: Served, begun: Beginnings, acks: Acks) -> None:
    console = server.console()
    for name in ("web", "db", "old"):
        begun.clients[name] = enrol(server.port, console, name, acks)
    begun.files = {f"/d/f{n}": bytes_of(700 + 40 * n, f"file {n}") for n in range(8)}
    begun.files["/d/large"] = bytes_of((1 << 20) + 70_000, "large")
    web = Stage(server, acks, begun).client("web")
    web.back_up(begun.files | {path: bytes_of(300, path) for path in GONE})
    old = {f"/o{n}": bytes_of(400, f"old {n}") for n in range(4)} | {"/shared": begun.files["/d/f0"]}
    Stage(server, acks, begun).client("old").back_up(old)
    rows = console.get("/api/files?limit=500")["rows"]
    ids = {row["path"]: row["id"] for row in rows if row["client_name"] == "web"}
    console.post("/api/files/delete", {"file_ids": [ids[path] for path in GONE]})
    begun.file_ids = [ids[path] for path in begun.files]
    begun.half = bytes_of((2 << 20) + 5, "half")
    with suppress(Refused):  # the rest does not come
        web.upload(begun.half, end=(1 << 20) + 9)


def _hurt(begun: Beginnings, acks: Acks) -> None:
    data = begun.folder("hurt")
    shutil.copytree(begun.folder("base"), data)
    for number, path in enumerate(HURT):
        sha256 = sha256_of(begun.files[path])
        content = data / STORE_FOLDER / sha256[:2] / sha256[2:]
        raw = bytearray(content.read_bytes())
        raw[len(raw) // 2] ^= 0x10
        content.write_bytes(raw[: len(raw) // 2] if number == 1 else raw)
    bad = {sha256_of(begun.files[path]) for path in HURT}
    begun.acks["hurt"] = Acks(
        entries=[each for each in acks.entries if getattr(each[1], "sha256", "") not in bad],
        hurt=frozenset(bad),
    )


def _leave_unclean(begun: Beginnings, nursery: Nursery, layer: Layer) -> None:
    """Make the folder of a server that was killed: a run that runs, a log that is not folded in."""
    data = begun.folder("unclean")
    shutil.copytree(begun.folder("base"), data)
    layer.watch(data)
    server = Served(nursery, data)
    client = Stage(server, begun.acks["unclean"], begun).client("web")
    client.begin()
    content = bytes_of(2000, "unclean")
    client.send([content])
    client.name_them({"/unclean": content})
    server.kill()


def _make_old(begun: Beginnings) -> None:
    """Make the folder of the first release: its schema, with the rows of today."""
    data = begun.folder("old")
    shutil.copytree(begun.folder("base"), data)
    file = data / CATALOGUE_FILE
    file.unlink()
    fresh = begun.work / "fresh.db"
    migrate.migrate(fresh)
    newest, migrate.SCHEMA_VERSION = migrate.SCHEMA_VERSION, FIRST_SCHEMA
    try:
        migrate.migrate(file)
    finally:
        migrate.SCHEMA_VERSION = newest
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("ATTACH ? AS new", (str(begun.folder("base") / CATALOGUE_FILE),))
        kept = {
            table: {row[0] for row in db.execute(f"SELECT name FROM main.{table}")}
            for table in ("sequences", "meta")
        }
        tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        new = {row[0] for row in db.execute("SELECT name FROM new.sqlite_schema WHERE type = 'table'")}
        for (table,) in db.execute(tables).fetchall():
            if table in new and table != "alembic_version":
                _copy_rows(db, table)
        db.execute("DETACH new")
        # What a later migration puts there by itself was not there before it.
        db.execute("ATTACH ? AS fresh", (str(fresh),))
        for table, first in kept.items():
            for (name,) in db.execute(f"SELECT name FROM fresh.{table}").fetchall():
                if name not in first:
                    db.execute(f"DELETE FROM main.{table} WHERE name = ?", (name,))
        db.execute("DETACH fresh")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy_rows(db: sqlite3.Connection, table: str) -> None:
    new = {row[1] for row in db.execute(f"PRAGMA new.table_info({table})")}
    values: dict[str, str] = {}
    for _, name, _, needed, *_ in db.execute(f"PRAGMA main.table_info({table})"):
        if name in new:
            values[name] = name
        elif needed:
            values[name] = GIVEN_UP.get((table, name), "''")
    names, chosen = ", ".join(values), ", ".join(values.values())
    db.execute(f"DELETE FROM main.{table}")
    db.execute(f"INSERT INTO main.{table} ({names}) SELECT {chosen} FROM new.{table}")
