"""The catalogue proved against itself: its file, its keys, and every counter against what it counts.

Every function blocks. A check reads one moment; a server may write meanwhile.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from app.catalogue.engine import LOCK_WAIT_S, file_uri
from app.catalogue.errors import translated

MAX_FINDINGS = 20
"""Findings of one kind that are told one by one; the others are in the count."""

# What Tally counts of each file, as one question.
_COUNTED = """
    SELECT client_no,
        sum(state NOT IN ('vanished', 'deleted')) AS file_count,
        sum(CASE WHEN state NOT IN ('vanished', 'deleted') THEN size_bytes ELSE 0 END) AS stored_bytes,
        sum(state = 'stored' AND blob_id IS NOT NULL) AS unverified_count,
        sum(state = 'damaged') AS damaged_count,
        sum(state = 'deleted') AS deleted_count,
        sum(state = 'vanished') AS vanished_count
    FROM files WHERE kind != 'folder' GROUP BY client_no
"""
COUNTERS = (
    "file_count",
    "stored_bytes",
    "unverified_count",
    "damaged_count",
    "deleted_count",
    "vanished_count",
)
_HELD = """
    SELECT c.client_no, sum(b.size_bytes) AS held_bytes
    FROM client_contents AS c JOIN blobs AS b ON b.id = c.blob_id GROUP BY c.client_no
"""
_NAMED = """
    SELECT f.client_no, v.blob_id, count(*) AS version_count
    FROM file_versions AS v JOIN files AS f ON f.id = v.file_id
    WHERE v.blob_id IS NOT NULL GROUP BY f.client_no, v.blob_id
"""
_VERSIONS = "SELECT file_id, count(*) AS version_count FROM file_versions GROUP BY file_id"


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, in words for a person; without a ``remedy`` it cannot be repaired here."""

    kind: str
    text: str
    remedy: str = ""
    count: int = 1


COUNT_AGAIN = "count again"


@contextmanager
def opened(path: Path, mode: str = "rw") -> Generator[sqlite3.Connection]:
    """Open a catalogue by itself, with explicit transactions."""
    with (
        translated(path),
        closing(
            sqlite3.connect(file_uri(path, mode), uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
        ) as database,
    ):
        yield database


def problems_of(database: sqlite3.Connection) -> list[Problem]:
    """Return what is wrong within the catalogue."""
    found = [
        Problem("catalogue", f"the file is damaged: {row[0]}")
        for row in database.execute(f"PRAGMA integrity_check({MAX_FINDINGS})")
        # The search index can be made anew, and is told by itself.
        if row[0] != "ok" and "files_text" not in row[0]
    ]
    if found:
        # Whatever a damaged file answers says nothing.
        return found
    keys = database.execute("PRAGMA foreign_key_check").fetchall()
    if keys:
        tables = ", ".join(sorted({str(row[0]) for row in keys}))
        found.append(Problem("catalogue", f"rows name others that are not there: {tables}", count=len(keys)))
    for name in COUNTERS:
        found += _differences(
            database,
            "client",
            f"""
            SELECT c.name, c.{name}, coalesce(k.{name}, 0)
            FROM clients AS c LEFT JOIN ({_COUNTED}) AS k ON k.client_no = c.no
            WHERE c.{name} != coalesce(k.{name}, 0)
            """,
            f"{name} is {{1:,}}, but its files have {{2:,}}",
        )
    found += _differences(
        database,
        "client",
        f"""
        SELECT c.name, c.held_bytes, coalesce(k.held_bytes, 0)
        FROM clients AS c LEFT JOIN ({_HELD}) AS k ON k.client_no = c.no
        WHERE c.held_bytes != coalesce(k.held_bytes, 0)
        """,
        "held_bytes is {1:,}, but its contents have {2:,}",
    )
    found += _differences(
        database,
        "file",
        f"""
        SELECT f.path, f.version_count, coalesce(k.version_count, 0)
        FROM files AS f LEFT JOIN ({_VERSIONS}) AS k ON k.file_id = f.id
        WHERE f.version_count != coalesce(k.version_count, 0)
        """,
        "version_count is {1:,}, but it has {2:,} versions",
    )
    found += _differences(
        database,
        "content",
        f"""
        SELECT lower(hex(b.sha256)), c.version_count, coalesce(k.version_count, 0)
        FROM client_contents AS c JOIN blobs AS b ON b.id = c.blob_id
        LEFT JOIN ({_NAMED}) AS k ON k.client_no = c.client_no AND k.blob_id = c.blob_id
        WHERE c.version_count != coalesce(k.version_count, 0)
        """,
        "version_count is {1:,}, but {2:,} versions name it",
    )
    found += _differences(
        database,
        "content",
        f"""
        SELECT lower(hex(b.sha256)), k.version_count FROM ({_NAMED}) AS k JOIN blobs AS b ON b.id = k.blob_id
        LEFT JOIN client_contents AS c ON c.client_no = k.client_no AND c.blob_id = k.blob_id
        WHERE c.blob_id IS NULL
        """,
        "a client that has not sent it has {1:,} versions of it",
    )
    newest = """
        SELECT f.path FROM files AS f LEFT JOIN file_versions AS v ON v.id = f.version_id
        WHERE v.file_id IS NOT f.id
    """
    found += _differences(database, "file", newest, "its newest version is not there", remedy="")
    kept, summed = _blob_bytes(database)
    if kept != summed:
        found.append(Problem("totals", f"blob_bytes is {kept:,}, but contents have {summed:,}", COUNT_AGAIN))
    return found


def _differences(
    database: sqlite3.Connection, kind: str, question: str, text: str, *, remedy: str = COUNT_AGAIN
) -> list[Problem]:
    rows = database.execute(question).fetchmany(MAX_FINDINGS + 1)
    found = [Problem(kind, f"{row[0]}: {text.format(*row)}", remedy) for row in rows[:MAX_FINDINGS]]
    if len(rows) > MAX_FINDINGS:
        found.append(Problem(kind, "and more of the same", remedy))
    return found


def _blob_bytes(database: sqlite3.Connection) -> tuple[int, int]:
    row = database.execute("SELECT value FROM meta WHERE name = 'blob_bytes'").fetchone()
    (summed,) = database.execute("SELECT coalesce(sum(stored_bytes), 0) FROM blobs").fetchone()
    return int(row[0]) if row else 0, int(summed)


def count_again(database: sqlite3.Connection) -> None:
    """Set every counter to what it counts, inside the caller's transaction."""
    for name in COUNTERS:
        database.execute(
            f"UPDATE clients SET {name} = coalesce((SELECT k.{name} FROM ({_COUNTED}) AS k"
            " WHERE k.client_no = clients.no), 0)"
        )
    database.execute(
        f"INSERT INTO client_contents (client_no, blob_id, version_count, received_at)"
        f" SELECT k.client_no, k.blob_id, k.version_count, b.created_at FROM ({_NAMED}) AS k"
        " JOIN blobs AS b ON b.id = k.blob_id WHERE true"
        " ON CONFLICT (client_no, blob_id) DO UPDATE SET version_count = excluded.version_count"
    )
    database.execute(
        "UPDATE client_contents SET version_count = 0 WHERE version_count != 0 AND NOT EXISTS"
        " (SELECT 1 FROM file_versions AS v JOIN files AS f ON f.id = v.file_id"
        " WHERE v.blob_id = client_contents.blob_id AND f.client_no = client_contents.client_no)"
    )
    database.execute(
        f"UPDATE clients SET held_bytes = coalesce((SELECT k.held_bytes FROM ({_HELD}) AS k"
        " WHERE k.client_no = clients.no), 0)"
    )
    database.execute(
        "UPDATE files SET version_count ="
        " (SELECT count(*) FROM file_versions AS v WHERE v.file_id = files.id)"
        " WHERE version_count != (SELECT count(*) FROM file_versions AS v WHERE v.file_id = files.id)"
    )
    _, summed = _blob_bytes(database)
    database.execute("UPDATE meta SET value = ? WHERE name = 'blob_bytes'", (str(summed),))


class KnownContent(msgspec.Struct, frozen=True):
    """A content as the catalogue knows it."""

    blob_id: int
    stored_bytes: int
    damaged: bool


def contents_between(database: sqlite3.Connection, first: bytes, last: bytes) -> dict[str, KnownContent]:
    """Return the contents whose hashes begin between two bytes, both of them included."""
    rows = database.execute(
        "SELECT lower(hex(sha256)), id, stored_bytes, damaged FROM blobs WHERE sha256 BETWEEN ? AND ?",
        (first.ljust(32, b"\x00"), last.ljust(32, b"\xff")),
    )
    return {row[0]: KnownContent(row[1], row[2], bool(row[3])) for row in rows}


def leaving(database: sqlite3.Connection) -> set[str]:
    """Return contents that are to leave the store, and are known in that way."""
    tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'doomed_contents'").fetchone()
    if tables is None:
        return set()
    return {row[0] for row in database.execute("SELECT lower(hex(sha256)) FROM doomed_contents")}


def client_count(database: sqlite3.Connection) -> int:
    """Return how many clients there are."""
    return int(database.execute("SELECT count(*) FROM clients").fetchone()[0])


def mark_damaged(database: sqlite3.Connection, blob_ids: Sequence[int], now_us: int) -> None:
    """Mark contents as damaged inside the caller's transaction, so that they are sent again.

    The clients that have them get a new revision: their agents read again what the server has.
    """
    for blob_id in blob_ids:
        database.execute("UPDATE blobs SET damaged = 1, verified_at = ? WHERE id = ?", (now_us, blob_id))
        database.execute(
            "UPDATE files SET state = 'damaged'"
            " WHERE blob_id = ? AND vanished_at IS NULL AND deleted_at IS NULL",
            (blob_id,),
        )
        database.execute(
            "UPDATE clients SET revision = lower(hex(randomblob(8)))"
            " WHERE no IN (SELECT client_no FROM client_contents WHERE blob_id = ?)",
            (blob_id,),
        )


def set_stored_bytes(database: sqlite3.Connection, sizes: dict[int, int]) -> None:
    """Set what contents take in the store, inside the caller's transaction."""
    database.executemany(
        "UPDATE blobs SET stored_bytes = ? WHERE id = ?", [(size, blob_id) for blob_id, size in sizes.items()]
    )
