"""The catalogue proved against itself: its file, its keys, and every counter against what it counts.

Every function blocks. A check reads one moment; a server may write meanwhile.
"""

import sqlite3
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from app.catalogue.engine import LOCK_WAIT_S, file_uri
from app.catalogue.errors import translated
from app.catalogue.totals import exact_sum

MAX_FINDINGS = 20
"""Findings of one kind that are told one by one; the others are in the count."""

# What Tally counts of files that are no folders.
_COUNTS = {
    "file_count": "count(CASE WHEN state NOT IN ('vanished', 'deleted') THEN 1 END)",
    "stored_bytes": exact_sum("CASE WHEN state NOT IN ('vanished', 'deleted') THEN size_bytes ELSE 0 END"),
    "unverified_count": "count(CASE WHEN state = 'stored' AND blob_id IS NOT NULL THEN 1 END)",
    "damaged_count": "count(CASE WHEN state = 'damaged' THEN 1 END)",
    "deleted_count": "count(CASE WHEN state = 'deleted' THEN 1 END)",
    "vanished_count": "count(CASE WHEN state = 'vanished' THEN 1 END)",
}
_COUNTERS = ", ".join(_COUNTS)
_COUNTED = f"SELECT {', '.join(_COUNTS.values())} FROM files WHERE kind != 'folder' AND client_no = c.no"
_HELD = f"""
    SELECT {exact_sum("b.size_bytes")} FROM client_contents AS o JOIN blobs AS b ON b.id = o.blob_id
    WHERE o.client_no = c.no
"""
_NAMED = """
    SELECT f.client_no, v.blob_id, count(*) AS version_count
    FROM file_versions AS v JOIN files AS f ON f.id = v.file_id
    WHERE v.blob_id IS NOT NULL GROUP BY f.client_no, v.blob_id
"""
_PRESENT = "c.removed_at IS NULL"
"""Not removed: the counters of those that are stand at 0, while their rows go in steps."""
_VERSIONS = "SELECT file_id, count(*) AS version_count FROM file_versions GROUP BY file_id"


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, in words for a person; without a ``remedy`` it cannot be repaired here."""

    kind: str
    text: str
    remedy: str = ""
    count: int = 1


COUNT_AGAIN = "count again"


@contextmanager
def opened(path: Path) -> Generator[sqlite3.Connection]:
    """Open a catalogue by itself, with explicit transactions."""
    with (
        translated(path),
        closing(
            sqlite3.connect(file_uri(path, "rw"), uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
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
    keys = Counter(str(row[0]) for row in database.execute("PRAGMA foreign_key_check"))
    if keys:
        tables = ", ".join(sorted(keys))
        text = f"rows name others that are not there: {tables}"
        found.append(Problem("catalogue", text, count=keys.total()))
    found += _miscounts(database)
    found += _differences(
        database,
        "client",
        f"SELECT * FROM (SELECT c.name, c.held_bytes AS noted, ({_HELD}) AS counted FROM clients AS c"
        f" WHERE {_PRESENT}) WHERE noted != counted",
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


def _miscounts(database: sqlite3.Connection) -> list[Problem]:
    """Compare all counters of a client at once: its files are read for each of them together."""
    found: dict[str, list[Problem]] = {name: [] for name in _COUNTS}
    clients = database.execute(f"SELECT c.no, c.name, {_COUNTERS} FROM clients AS c WHERE {_PRESENT}")
    for no, client, *noted in clients:
        counted = database.execute(f"{_COUNTED.replace('c.no', '?')}", (no,)).fetchone()
        for name, before, after in zip(_COUNTS, noted, counted, strict=True):
            if before != after and len(found[name]) <= MAX_FINDINGS:
                text = f"{client}: {name} is {before:,}, but its files have {after:,}"
                found[name].append(Problem("client", text, COUNT_AGAIN))
    return [problem for problems in found.values() for problem in _first(problems)]


def _first(problems: list[Problem]) -> list[Problem]:
    if len(problems) > MAX_FINDINGS:
        problems[MAX_FINDINGS:] = [Problem(problems[0].kind, "and more of the same", problems[0].remedy)]
    return problems


def _differences(
    database: sqlite3.Connection, kind: str, question: str, text: str, *, remedy: str = COUNT_AGAIN
) -> list[Problem]:
    rows = database.execute(question).fetchmany(MAX_FINDINGS + 1)
    return _first([Problem(kind, f"{row[0]}: {text.format(*row)}", remedy) for row in rows])


def _blob_bytes(database: sqlite3.Connection) -> tuple[int, int]:
    row = database.execute("SELECT value FROM meta WHERE name = 'blob_bytes'").fetchone()
    (summed,) = database.execute(f"SELECT {exact_sum('stored_bytes')} FROM blobs").fetchone()
    return int(row[0]) if row else 0, int(summed)


def count_again(database: sqlite3.Connection) -> None:
    """Set every counter to what it counts, inside the caller's transaction."""
    database.execute(f"UPDATE clients AS c SET ({_COUNTERS}) = ({_COUNTED}) WHERE {_PRESENT}")
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
    database.execute(f"UPDATE clients AS c SET held_bytes = ({_HELD}) WHERE {_PRESENT}")
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
        _range(first, last),
    )
    return {row[0]: KnownContent(row[1], row[2], bool(row[3])) for row in rows}


def leaving_between(database: sqlite3.Connection, first: bytes, last: bytes) -> set[str]:
    """Return contents that are to leave the store, and are known in that way; of a range as above."""
    tables = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'doomed_contents'").fetchone()
    if tables is None:
        return set()
    rows = database.execute(
        "SELECT lower(hex(sha256)) FROM doomed_contents WHERE sha256 BETWEEN ? AND ?", _range(first, last)
    )
    return {row[0] for row in rows}


def _range(first: bytes, last: bytes) -> tuple[bytes, bytes]:
    return first.ljust(32, b"\x00"), last.ljust(32, b"\xff")


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
