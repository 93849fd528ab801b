"""Opens a database file for reading, and says what is wrong with one that cannot be."""

import math
import os
import sqlite3
from collections import Counter
from pathlib import Path

from app.bridge.database.values import encoding_of, text_reader
from streams.failures import (
    DatabaseDamaged,
    DatabaseEmpty,
    DatabaseEncrypted,
    DatabaseMissing,
    NotADatabase,
    TidewatchError,
)

BUSY_S = 1.0
"""How long to wait for another program that holds the database."""
CACHE_KIB = 8 * 1024
PROGRESS_STEPS = 10_000
"""Instructions of the database's machine between two looks at the clock."""
MOST_VALUE_BYTES = 64 * 1024**2
"""No single value of a result may be larger; a statement cannot fill the memory with one."""
CHECK_PATH = "Check connection.database_path."
_MAGIC = b"SQLite format 3\x00"
_HEAD_BYTES = 4096
_RANDOM_BITS = 7.2
"""Bits a byte from which on content can only be encrypted or compressed."""
_ARCHIVES = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\xfd7zXZ",
    b"\x89PNG",
    b"%PDF",
    b"\x7fELF",
)


def look_at(path: Path) -> None:
    """Raise why ``path`` cannot be a database, as far as its name says: missing, a folder, empty, unreadable.

    The file is not opened for that: closing it again would release the locks that other connections of this
    process have on it (POSIX locks belong to the process), and another program could take the log away.
    """
    try:
        there = path.is_file()
    except OSError as error:  # its folder may not be entered, say
        raise DatabaseMissing(f"{path}: cannot be reached: {error.strerror}.", hint=CHECK_PATH) from error
    if not there:
        what = "that is a folder" if path.is_dir() else "no such file"
        raise DatabaseMissing(f"{path}: {what}.", hint=CHECK_PATH)
    if not os.access(path, os.R_OK):
        raise DatabaseMissing(f"{path}: this user may not read it.", hint="Check its permissions.")
    if path.stat().st_size == 0:
        raise DatabaseEmpty(f"{path}: the file is empty.", hint="Nothing has been written to it yet.")


def _what_it_is(path: Path) -> TidewatchError | None:
    """Return what a file is that SQLite does not take for a database; None if it begins as one."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        return DatabaseMissing(f"{path}: cannot be read: {error.strerror}.", hint=CHECK_PATH)
    return None if head.startswith(_MAGIC) else _what_else(path, head, size)


def _what_else(path: Path, head: bytes, size: int) -> TidewatchError:
    if not any(head):
        hint = "It begins with zeros: a disk has lost its beginning. Restore it from a backup."
        return DatabaseDamaged(f"{path}: damaged.", hint=hint)
    if size % 512 == 0 and not head.startswith(_ARCHIVES) and _bits_per_byte(head) > _RANDOM_BITS:
        hint = "Its content looks random, as SQLCipher leaves it."
        return DatabaseEncrypted(f"{path}: encrypted, or not a database.", hint=hint)
    return NotADatabase(f"{path}: not a database.", hint=f"It is another kind of file. {CHECK_PATH}")


def _bits_per_byte(data: bytes) -> float:
    total = len(data)
    return -sum(n / total * math.log2(n / total) for n in Counter(data).values())


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write; raise what ``look_at`` raises, or ``sqlite3.Error``.

    A database in WAL mode on a disk or in a folder that cannot be written is opened as one that does not
    change, if no other program has left a log beside it.
    """
    look_at(path)
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _begin(uri)
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_NOTADB and (what := _what_it_is(path)) is not None:
            raise what from error
        if code != sqlite3.SQLITE_CANTOPEN or _has_log(path):
            raise
        return _begin(f"{uri}&immutable=1")


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _begin(uri: str) -> sqlite3.Connection:
    # None is kept prepared: only what is prepared anew asks the authorizer, which notes what it hides.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=0
    )
    try:
        connection.text_factory = text_reader(encoding_of(connection))
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int]:
    """Return what tells this file from another of the same name; raise DatabaseMissing."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        hint = "It was there when the console opened it. It is opened again once it is back."
        raise DatabaseMissing(f"{path}: the file has vanished.", hint=hint) from error
    return found.st_dev, found.st_ino
