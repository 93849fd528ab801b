"""Builds a catalogue of millions of files with plausible names, sizes, times and states, in bulk."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.catalogue.migrate import migrate
from app.catalogue.paths import name_of, suffix_of
from app.catalogue.search import indexed_text

DAY_US = 86_400_000_000
BATCH = 1000
"""Files of one client that came together: their numbers follow each other."""
SHARED = 100_000
"""Files at most that name one content, the empty file."""
DELETED_SHARE = 0.01

WORDS = """
account alpha annual archive backup beta billing board budget cache client config contract core data
demo design draft export family final finance garden holiday import index invoice kernel label
ledger letter library mail main manual market media meeting minutes model module music network notes
offer order paper payroll photo plan portrait private project proposal public query receipt record
release report review sample scan schema script service session sheet source spring store student
summary summer system table tax template test thesis ticket tool travel update user vendor video
weekly winter work
""".split()  # noqa: SIM905
SUFFIXES = (
    "pdf",
    "jpg",
    "txt",
    "docx",
    "xlsx",
    "py",
    "js",
    "html",
    "png",
    "log",
    "json",
    "mp3",
    "zip",
    "eml",
    "",
)
WEIGHTS = (14, 18, 10, 8, 6, 7, 9, 5, 6, 4, 5, 3, 1, 2, 2)
TOPS = ("Documents", "Pictures", "Projects", "Desktop", "Music", "Mail")


def build(path: Path, files: int, *, seed: int = 7) -> dict[str, Any]:
    """Write a catalogue at ``path``; return what a measurement has to know of it."""
    migrate(path)
    rng = random.Random(seed)
    now_us = int(time.time() * 1_000_000)
    clients = max(4, min(1000, files // 500))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -400000",
            "foreign_keys = OFF",
        ):
            database.execute(f"PRAGMA {pragma}")
        indexes = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('files', 'file_versions', 'blobs', 'client_contents')"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        database.execute("BEGIN")
        _write_clients(database, clients, now_us)
        _write_files(database, _files(rng, clients, files, now_us), now_us)
        _count(database, files, clients)
        database.execute("COMMIT")
        for _, sql in indexes:
            database.execute(sql)
        database.execute("PRAGMA journal_mode = WAL")
    return {"clients": clients, "files": files}


def _write_clients(database: sqlite3.Connection, clients: int, now_us: int) -> None:
    database.executemany(
        "INSERT INTO clients (no, id, name, state, created_at, goal_s, backup_queued, platform,"
        " agent_version, file_count, stored_bytes, unverified_count, damaged_count, deleted_count,"
        " vanished_count, revision)"
        " VALUES (?, ?, ?, 'offline', ?, 86400, 0, 'linux', '1', 0, 0, 0, 0, 0, 0, '')",
        [(no, f"{no:032x}", f"host-{no:04d}", now_us - 800 * DAY_US) for no in range(1, clients + 1)],
    )
    database.executemany(
        "INSERT INTO runs (id, client_no, trigger, state, started_at, finished_at, files_seen, files_new,"
        " files_changed, files_vanished, files_failed, bytes_seen, bytes_sent, correlation_id)"
        " VALUES (?, ?, 'schedule', 'complete', ?, ?, 0, 0, 0, 0, 0, 0, 0, '')",
        [(no, no, now_us - DAY_US, now_us - DAY_US + 1) for no in range(1, clients + 1)],
    )


def _files(rng: random.Random, clients: int, files: int, now_us: int) -> Iterator[tuple[Any, ...]]:
    """Yield client, path, size and time of each file; clients are of very different sizes."""
    shares = [1 / (no**0.7) for no in range(1, clients + 1)]
    counts = [max(1, round(files * share / sum(shares))) for share in shares]
    counts[0] += files - sum(counts)
    batches = [no for no, count in enumerate(counts, 1) for _ in range(0, count, BATCH)]
    rng.shuffle(batches)
    left = dict(enumerate(counts, 1))
    # A third of the clients have not been backed up for long: times go with the client, as they do.
    last = {no: now_us - (rng.randrange(200, 700) if rng.random() < 0.3 else 0) * DAY_US for no in left}
    number = 0
    for no in batches:
        folder = f"/home/{rng.choice(WORDS)}{no}/{rng.choice(TOPS)}/{rng.choice(WORDS)}"
        for _ in range(min(BATCH, left[no])):
            number += 1
            if rng.random() < 0.1:
                top = f"/home/{rng.choice(WORDS)}{no}/{rng.choice(TOPS)}"
                folder = f"{top}/{rng.choice(WORDS)}-{rng.choice(WORDS)}/{rng.randrange(2010, 2026)}"
            suffix = rng.choices(SUFFIXES, WEIGHTS)[0]
            name = f"{rng.choice(WORDS).title()}_{rng.choice(WORDS)}-{number}{'.' if suffix else ''}{suffix}"
            at = last[no] - int(rng.random() ** 3 * 100 * DAY_US)
            yield no, f"{folder}/{name}", int(rng.lognormvariate(9, 2.5)), at
        left[no] -= min(BATCH, left[no])


def _write_files(database: sqlite3.Connection, found: Iterator[tuple[Any, ...]], now_us: int) -> None:
    rng = random.Random(11)
    blob_id, shared = 1, 0
    blobs: list[tuple[Any, ...]] = [(1, rng.randbytes(32), 0, 9, now_us, now_us - DAY_US, 0)]
    files: list[tuple[Any, ...]] = []
    versions: list[tuple[Any, ...]] = []
    texts: list[tuple[int, str]] = []
    version_id = 0
    for file_id, (no, path, told_bytes, at) in enumerate(found, 1):
        size = told_bytes
        chance = rng.random()
        state = "verified" if chance < 0.6 else "stored"
        vanished = deleted = None
        if chance > 1 - DELETED_SHARE:
            state, deleted = "deleted", now_us - 40 * DAY_US
        elif chance > 0.975:
            state, vanished = "vanished", now_us - 20 * DAY_US
        elif chance > 0.9748:
            state = "damaged"
        if shared < SHARED and chance < 0.02:
            blob, size, shared = 1, 0, shared + 1
            state = "verified" if deleted is None and vanished is None else state
        elif blob_id > 1000 and 0.02 <= chance < 0.15:
            blob = rng.randrange(2, blob_id)
        else:
            blob = blob_id = blob_id + 1
            verified = now_us - rng.randrange(1, 90) * DAY_US if state == "verified" else None
            blobs.append((blob, rng.randbytes(32), size, size // 2 + 9, at, verified, state == "damaged"))
        count = 2 if rng.random() < 0.1 else 1
        for _ in range(count):
            version_id += 1
            versions.append((version_id, file_id, no, at, vanished, "file", size, at * 1000, 0o644, blob, 0))
        key = path.lower()
        files.append(
            (
                file_id, no, f"host-{no:04d}", path.encode(), path, key, name_of(key), "file",
                suffix_of(path), state, version_id, count, size, at, at, vanished, deleted, blob,
            )
        )  # fmt: skip
        texts.append((file_id, indexed_text(no, key)))
        if len(files) == 20_000:
            _flush(database, blobs, files, versions, texts)
    _flush(database, blobs, files, versions, texts)


def _flush(database: sqlite3.Connection, *parts: list[tuple[Any, ...]]) -> None:
    inserts = (
        "INSERT INTO blobs (id, sha256, size_bytes, stored_bytes, created_at, verified_at, damaged)",
        "INSERT INTO files (id, client_no, client_name, raw_path, path, path_key, name_key, kind, suffix,"
        " state, version_id, version_count, size_bytes, modified_at, backed_up_at, vanished_at, deleted_at,"
        " blob_id)",
        "INSERT INTO file_versions (id, file_id, run_id, created_at, ended_at, kind, size_bytes, mtime_ns,"
        " mode, blob_id, inconsistent)",
        "INSERT INTO files_text (rowid, text)",
    )
    for insert, rows in zip(inserts, parts, strict=True):
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"{insert} VALUES ({marks})", rows)
        rows.clear()


def _count(database: sqlite3.Connection, files: int, clients: int) -> None:
    """Give the counters what the rows say."""
    database.execute(
        "INSERT INTO client_contents (client_no, blob_id, version_count, received_at)"
        " SELECT files.client_no, file_versions.blob_id, count(*), max(file_versions.created_at)"
        " FROM file_versions JOIN files ON files.id = file_versions.file_id"
        " GROUP BY files.client_no, file_versions.blob_id"
    )
    database.execute(
        """
        UPDATE clients SET
            file_count = n.present, stored_bytes = n.bytes, deleted_count = n.deleted,
            vanished_count = n.vanished, damaged_count = n.damaged, unverified_count = n.stored
        FROM (
            SELECT client_no, sum(state NOT IN ('deleted', 'vanished')) AS present,
                sum(size_bytes * (state NOT IN ('deleted', 'vanished'))) AS bytes,
                sum(state = 'deleted') AS deleted, sum(state = 'vanished') AS vanished,
                sum(state = 'damaged') AS damaged, sum(state = 'stored') AS stored
            FROM files GROUP BY client_no
        ) AS n WHERE n.client_no = clients.no
        """
    )
    for name, last in (
        ("clients", clients),
        ("runs", clients),
        ("files", files),
        ("file_versions", database.execute("SELECT max(id) FROM file_versions").fetchone()[0]),
        ("blobs", database.execute("SELECT max(id) FROM blobs").fetchone()[0]),
    ):
        database.execute("UPDATE sequences SET value = ? WHERE name = ?", (last, name))
