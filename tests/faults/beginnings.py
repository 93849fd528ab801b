"""Makes the folders that scenarios begin with: a filled server, a hurt, a killed, an old and an empty one."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from app.catalogue import migrate
from app.catalogue.audit_chain import HEAD_FILE, HEAD_NAME
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from tests.faults.checks import at_rest
from tests.faults.client import Acks, Ordered, Refused, enrol, sha256_of
from tests.faults.layer import Layer
from tests.faults.nursery import Nursery
from tests.faults.served import Served
from tests.faults.stage import GONE, HURT, Beginnings, Stage, bytes_of

FIRST_SCHEMA = "0001"
GIVEN_UP = {("tokens", "scope"): "CASE WHEN client_no IS NULL THEN 'console' ELSE 'agent' END"}
"""Columns of the first schema that later ones do not have, and what stood in them."""


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
    begun.acks = {name: Acks(entries=list(acks.entries)) for name in ("base", "unclean")}
    # The first release kept no record of orders.
    begun.acks["old"] = Acks(entries=[each for each in acks.entries if not isinstance(each[1], Ordered)])
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
    file.with_name(HEAD_FILE).unlink()
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
        db.execute("DELETE FROM main.meta WHERE name = ?", (HEAD_NAME,))
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
