"""Checks after any fault: everything that was acknowledged is there, and the catalogue is sound."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.catalogue.audit_chain import prove
from app.catalogue.copies import copies_in, verify
from app.server.catalogue_backup import FOLDER
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from app.store.batch_read import read_all
from app.store.layout import Layout
from streams.model.failures import TidewatchError
from tests.faults.client import (
    UNSURE,
    Acks,
    Copied,
    Deletion,
    Enrolled,
    GivenOut,
    Gone,
    Http,
    Ordered,
    Refused,
    Removal,
    RunEnd,
    Set,
    Token,
    Version,
    sha256_of,
)
from tests.faults.served import Served

SETTINGS = "/api/settings"
UNAUTHORIZED = 401
_COUNTERS = """
SELECT c.name, c.file_count, c.deleted_count, c.vanished_count,
  (SELECT count(*) FROM files f WHERE f.client_no = c.no AND f.kind != 'folder'
     AND f.state NOT IN ('deleted', 'vanished')),
  (SELECT count(*) FROM files f WHERE f.client_no = c.no AND f.kind != 'folder' AND f.state = 'deleted'),
  (SELECT count(*) FROM files f WHERE f.client_no = c.no AND f.kind != 'folder' AND f.state = 'vanished')
FROM clients c
"""
_NEWEST = """
SELECT f.id FROM files f LEFT JOIN file_versions v ON v.id = f.version_id
WHERE v.id IS NULL OR v.file_id != f.id OR v.blob_id IS NOT f.blob_id
"""
_VERSIONS = """
SELECT f.id, f.version_count, count(v.id) FROM files f LEFT JOIN file_versions v ON v.file_id = f.id
GROUP BY f.id HAVING f.version_count != count(v.id)
"""
_DONE = """
SELECT action, sum(done), (SELECT coalesce(sum(a.count), 0) FROM audit a
  WHERE a.action = each.action AND a.result NOT LIKE 'refused%')
FROM (SELECT 'add_token' AS action, count(*) AS done FROM tokens WHERE name LIKE 'script-%'
  UNION ALL
  SELECT 'revoke_token', count(*) FROM tokens WHERE name LIKE 'script-%' AND revoked_at IS NOT NULL) each
GROUP BY action
"""
"""What orders have left, answered or not, and the rows of the audit record about such."""
_NEEDED = """
SELECT DISTINCT b.sha256 FROM blobs b JOIN file_versions v ON v.blob_id = b.id WHERE NOT b.damaged
UNION SELECT b.sha256 FROM blobs b JOIN client_contents o ON o.blob_id = b.id WHERE NOT b.damaged
"""
_NAMED = """
SELECT c.name, f.path, b.sha256 FROM file_versions v JOIN files f ON f.id = v.file_id
JOIN clients c ON c.no = f.client_no JOIN blobs b ON b.id = v.blob_id
"""


def at_rest(data: Path, acks: Acks) -> list[str]:
    """Return what is wrong in the folder of a server that does not run."""
    with closing(sqlite3.connect(data / CATALOGUE_FILE)) as db:
        found = [*_unsound(db), *_not_there(db, acks), *_not_noted(db, acks)]
        needed = {row[0].hex() for row in db.execute(_NEEDED)} - acks.forgiven()
    found += [f"content {sha256[:8]} is wanted and not good" for sha256 in bad_contents(data, needed)]
    found += _not_kept_revoked(data, acks)
    return [*found, *_bad_copies(data, acks), *prove(data / CATALOGUE_FILE).faults]


def _not_kept_revoked(data: Path, acks: Acks) -> Iterator[str]:
    """Yield revoked tokens that the store does not know: a copy of the catalogue would give them back."""
    kept = {path.name for path in Layout(data / STORE_FOLDER).revoked.iterdir()}
    for ack in acks.all():
        if isinstance(ack, Token) and ack.good is False and sha256_of(ack.secret.encode()) not in kept:
            yield f"the revocation of the token {ack.name} is not kept with the contents"


def _bad_copies(data: Path, acks: Acks) -> Iterator[str]:
    """Yield the copies of the catalogue that bear the name of a good one and are none, or are gone."""
    copies = {path.name: path for _, path in copies_in(data / FOLDER)}
    for name in sorted(copies.keys() | {ack.path for ack in acks.all() if isinstance(ack, Copied)}):
        try:
            verify(copies[name])
        except KeyError:
            yield f"the copy {name} is gone"
        except TidewatchError as failure:
            yield f"the copy {name}: {failure.line()}"


def _unsound(db: sqlite3.Connection) -> Iterator[str]:
    integrity = db.execute("PRAGMA integrity_check").fetchall()
    if integrity != [("ok",)]:
        yield f"the catalogue is damaged: {integrity[:3]}"
    for name, sql in (("rows that refer to none", "PRAGMA foreign_key_check"), ("newest versions", _NEWEST)):
        if rows := db.execute(sql).fetchall():
            yield f"{name}: {rows[:3]}"
    if rows := db.execute(_VERSIONS).fetchall():
        yield f"counts of versions: {rows[:3]}"
    for name, *counts in db.execute(_COUNTERS):
        if counts[:3] != counts[3:]:
            yield f"counters of {name}: kept {counts[:3]}, counted {counts[3:]}"


def _not_there(db: sqlite3.Connection, acks: Acks) -> Iterator[str]:
    given_up = [ack for ack in acks.all() if isinstance(ack, Removal)]
    clients, paths = {each.client for each in given_up}, {path for each in given_up for path in each.paths}
    named = {(name, path, sha256.hex()) for name, path, sha256 in db.execute(_NAMED)}
    runs: dict[int, str] = dict(db.execute("SELECT id, state FROM runs").fetchall())
    states: dict[int, str] = dict(db.execute("SELECT id, state FROM files").fetchall())
    names = {name for (name,) in db.execute("SELECT name FROM clients")}
    deleted: dict[int, bool | None] = {}
    for ack in acks.all():
        match ack:
            case Version(client, path, sha256) if client not in clients and path not in paths:
                if (client, path, sha256) not in named:
                    yield f"version {client} {path} {sha256[:8]} is gone"
            case RunEnd(run_id, state) if not clients and runs.get(run_id) != state:
                yield f"run {run_id} is {runs.get(run_id)}, acknowledged as {state}"
            case Enrolled(client) if client not in names and client not in clients:
                yield f"client {client} is gone"
            case Deletion(file_ids, is_deleted):
                deleted |= dict.fromkeys(file_ids, is_deleted)
            case _:
                pass
    for file_id, is_deleted in deleted.items():
        if file_id in states and is_deleted is not None and (states[file_id] == "deleted") != is_deleted:
            yield f"file {file_id} is {states[file_id]}, acknowledged deleted: {is_deleted}"


def _not_noted(db: sqlite3.Connection, acks: Acks) -> Iterator[str]:
    """Yield orders that were answered, or have done something, and have no row in the audit record."""
    noted = dict(db.execute("SELECT action, sum(count) FROM audit GROUP BY action"))
    answered = Counter(ack.action for ack in acks.all() if isinstance(ack, Ordered))
    for action, count in answered.items():
        if noted.get(action, 0) < count:
            yield f"the audit record has {noted.get(action, 0)} rows of {count} orders {action}"
    targets = {(action, target) for action, target in db.execute("SELECT action, target FROM audit")}
    for ack in {ack for ack in acks.all() if isinstance(ack, GivenOut)}:
        about = f"client {ack.client}"
        if not any(action == ack.action and f"{of}:".startswith(f"{about}:") for action, of in targets):
            yield f"the audit record has no {ack.action} of {about}"
    for action, done, rows in db.execute(_DONE):
        if rows < done:
            yield f"the audit record has {rows} rows of {done} that were done of {action}"


def bad_contents(data: Path, hashes: Iterable[str]) -> list[str]:
    """Return the contents that the store cannot give out with their hash."""
    layout = Layout(data / STORE_FOLDER)
    bad: list[str] = []
    for sha256 in hashes:
        try:
            content = read_all(layout, [sha256]).get(sha256)
        except Exception:  # noqa: BLE001  (whatever it is, the content cannot be read)
            content = None
        if content is None or sha256_of(content) != sha256:
            bad.append(sha256)
    return bad


def running(server: Served, acks: Acks, downloads: int | None = None) -> list[str]:
    """Return what a running server does not give back: each version by its hash, tokens, ends of runs.

    With ``downloads`` so many files are asked for, those first that were acknowledged last: what lies in the
    store is read by ``at_rest``.
    """
    console = server.console()
    try:
        found = [*_wrong_versions(console, acks, downloads), *_wrong_tokens(server.port, acks, downloads)]
        found += [*_wrong_console_tokens(server.port, acks), *_not_set(console, acks)]
        if open_runs := console.get("/api/runs/active")["runs"]:
            found.append(f"runs that nobody ends: {[run['id'] for run in open_runs]}")
    except (Gone, Refused) as error:
        found = [f"the server cannot be asked: {error}"]
    finally:
        console.close()
    return found


def _wrong_versions(console: Http, acks: Acks, downloads: int | None) -> Iterator[str]:
    given_up = [ack for ack in acks.all() if isinstance(ack, Removal)]
    clients, paths = {each.client for each in given_up}, {path for each in given_up for path in each.paths}
    listed: set[tuple[str, str, str]] = set()
    rows = [row for row in rows_of(console) if row["client_name"] not in clients and row["path"] not in paths]
    kept = [ack for ack in acks.all() if isinstance(ack, Version) and ack.client not in clients]
    kept = [ack for ack in kept if ack.path not in paths]
    known = {(row["client_name"], row["path"]) for row in rows}
    for ack in kept:
        if (ack.client, ack.path) not in known:
            yield f"file {ack.client} {ack.path} is not listed"
    if downloads is not None:
        last = {(ack.client, ack.path): number for number, ack in enumerate(kept)}
        rows.sort(key=lambda row: -last.get((row["client_name"], row["path"]), -1))
        rows = rows[:downloads]
    for row in rows:
        for version in console.get(f"/api/files/{row['id']}/versions"):
            if version.get("sha256") is None:
                continue
            listed.add((row["client_name"], row["path"], version["sha256"]))
            try:
                content = console.ask("GET", f"/api/versions/{version['id']}/content")
            except Refused as error:
                if version["state"] != "damaged" and version["sha256"] not in acks.forgiven():
                    yield f"{row['client_name']} {row['path']}: {error}"
                continue
            if sha256_of(content) != version["sha256"]:
                yield f"{row['client_name']} {row['path']}: wrong bytes"
    asked = {(row["client_name"], row["path"]) for row in rows}
    for ack in kept:
        if (ack.client, ack.path) in asked and (ack.client, ack.path, ack.sha256) not in listed:
            yield f"version {ack.client} {ack.path} {ack.sha256[:8]} is not listed"


def _wrong_console_tokens(port: int, acks: Acks) -> Iterator[str]:
    last = {ack.secret: ack for ack in acks.all() if isinstance(ack, Token)}
    for secret, ack in last.items():
        http = Http(port, secret)
        try:
            http.get("/api/clients")
        except Refused as error:
            if ack.good or error.status != UNAUTHORIZED:
                yield f"the token {ack.name}: {error}"
        else:
            if ack.good is False:
                yield f"the token {ack.name} was revoked and is good"
        finally:
            http.close()


def settings_of(console: Http) -> dict[str, str]:
    """Return the values of the server's own settings by name."""
    return {f"{s['section']}.{s['key']}": s.get("value", "") for s in console.get(SETTINGS)["settings"]}


def _not_set(console: Http, acks: Acks) -> Iterator[str]:
    last = {(ack.path, ack.name): ack.value for ack in acks.all() if isinstance(ack, Set)}
    for (path, name), value in last.items():
        told = settings_of(console) if path == SETTINGS else console.get(path)
        if value != UNSURE and told.get(name, False) != value:  # what is not told is not set
            yield f"{name} is {told.get(name)}, acknowledged as {value}"


def rows_of(console: Http) -> Iterator[dict[str, Any]]:
    """Yield all files, those that are deleted too."""
    for state in ("", "&state=deleted"):
        cursor = ""
        while cursor is not None:
            page = console.get(f"/api/files?limit=500{state}{cursor}")
            yield from page["rows"]
            following = page.get("next_cursor")
            cursor = f"&cursor={following}" if following else None


def _wrong_tokens(port: int, acks: Acks, tokens: int | None) -> Iterator[str]:
    removed = {ack.client for ack in acks.all() if isinstance(ack, Removal)}
    enrolled = [ack for ack in acks.all() if isinstance(ack, Enrolled) and ack.client not in removed]
    http = Http(port)
    for ack in enrolled if tokens is None else enrolled[-tokens:]:
        http.token = ack.token
        try:
            http.get("/api/agent/client")
        except Refused as error:
            yield f"the token of {ack.client}: {error}"
    http.close()
