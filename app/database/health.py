"""The state of the file: its pages, its log, its locks, where its room goes, and whether it is sound."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import structlog

from app.database.connection import Reader
from app.database.file_state import LOG, beside
from app.database.locks import lock_holders
from app.database.session import Values
from app.database.sqlite_errors import only_this_one, was_stopped
from streams.model.database_state import CheckResult, DatabaseHealth, Part, SizePoint, SlowQuery, Statistics

log = structlog.stdlib.get_logger(__name__)

CHECK_S = 3600.0
SIZES_S = 8.0
"""Time for measuring tables and indexes, which reads every page of the file."""
SIZES_LONG_S = 600.0
_SIZES = "SELECT name, pgsize, unused FROM dbstat"
MAX_PROBLEMS = 100
TOLD_PROBLEMS = 5
"""In the log; the view has all of them."""


def read_health(
    reader: Reader, path: Path, slow: tuple[SlowQuery, ...], now_s: float, own: str
) -> DatabaseHealth:
    """Return the state of the file; nothing of this reads more than a page or two."""
    stat = path.stat()
    log = beside(path, LOG)
    page_bytes = reader.one("PRAGMA page_size")
    cache = reader.one("PRAGMA cache_size")
    mode = str(reader.one("PRAGMA journal_mode"))
    wal = reader.session.wal
    return DatabaseHealth(
        path=str(path),
        size_bytes=stat.st_size,
        page_bytes=page_bytes,
        page_count=reader.one("PRAGMA page_count"),
        free_count=reader.one("PRAGMA freelist_count"),
        journal_mode="wal" if wal else mode,
        encoding=reader.one("PRAGMA encoding"),
        sqlite_version=sqlite3.sqlite_version,
        user_version=reader.one("PRAGMA user_version"),
        cache_bytes=cache * page_bytes if cache > 0 else -cache * 1024,
        wal_bytes=(log.stat().st_size if log.exists() else 0) if wal else None,
        checkpoint_age_s=max(0.0, now_s - stat.st_mtime) if wal else None,
        holders=lock_holders(path, own=own),
        slow=slow,
    )


def measure(reader: Reader, growth: tuple[SizePoint, ...]) -> Statistics:
    """Return the size of each table and index; none where this SQLite or the time does not allow it."""
    start = time.monotonic()
    page_bytes, pages = reader.one("PRAGMA page_size"), reader.one("PRAGMA page_count")
    free = reader.one("PRAGMA freelist_count")
    parts, measured = _parts(reader)
    return Statistics(
        parts=parts,
        page_bytes=page_bytes,
        page_count=pages,
        free_count=free,
        growth=growth,
        measured=measured,
        took_s=time.monotonic() - start,
    )


def _parts(reader: Reader) -> tuple[tuple[Part, ...], bool]:
    objects = reader.schema("SELECT name, tbl_name FROM main.sqlite_schema WHERE rootpage > 0")
    owners: dict[Any, Any] = {name: table for name, table in objects}  # noqa: C416  (rows are no pairs)
    owners["sqlite_schema"] = "sqlite_schema"
    try:
        found, whole = _sizes(reader, list(owners))
    except sqlite3.DatabaseError as error:
        late = was_stopped(error) and not reader.job.cancelled.is_set()
        if late or _is_unmeasured(error):
            return (), False
        raise
    parts = [_part(reader, name, owners.get(name, name), size, unused) for name, size, unused in found]
    return tuple(sorted(parts, key=lambda part: -part.size_bytes)), whole


def _is_unmeasured(error: sqlite3.Error) -> bool:
    """Whether this SQLite was built without the table that measures."""
    return "no such table: dbstat" in str(error)


def _sizes(reader: Reader, names: list[str]) -> tuple[list[Values], bool]:
    """Return the sizes of all parts, or of those that are not damaged and False."""
    try:
        return reader.schema(f"{_SIZES} WHERE aggregate = 1"), True
    except sqlite3.DatabaseError as error:
        if _is_unmeasured(error) or not only_this_one(error):
            raise
    found: list[Values] = []
    for name in names:
        try:
            found += reader.schema(f"{_SIZES} WHERE aggregate = 1 AND name = ?", (name,))
        except sqlite3.DatabaseError as error:
            if not only_this_one(error):  # of which the check says what is wrong with it
                raise
    return found, False


def _part(reader: Reader, name: str, table: str, size: int, unused: int) -> Part:
    # What is unused in the pages of a table with secrets tells how long they are.
    known = 0 if table.lower() in reader.shield.shielded else unused
    return Part(name=name, table=table, size_bytes=size, unused_bytes=known)


def check(reader: Reader) -> CheckResult:
    """Return what SQLite finds wrong in the whole file; it may take minutes."""
    start = time.monotonic()
    try:
        lines = [text for text, *_ in reader.schema(f"PRAGMA quick_check({MAX_PROBLEMS})")]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        lines = [str(error)]  # damaged so badly that even the check cannot go on
    problems = tuple(part for text in lines for part in text.splitlines() if text != "ok")
    took_s = time.monotonic() - start
    if problems:
        log.error("integrity_damaged", findings="; ".join(problems[:TOLD_PROBLEMS]), seconds=round(took_s, 3))
    else:
        log.info("integrity_ok", seconds=round(took_s, 3))
    return CheckResult(problems=problems, took_s=took_s)
