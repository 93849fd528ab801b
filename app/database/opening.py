"""Opens a database file for reading, and says what is wrong with one that cannot be."""

import itertools
import math
import os
import sqlite3
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from app.database.file_state import INDEX, LOG, State, beside, last_written_ns, state_of
from app.database.values import encoding_of, text_reader
from streams.model.failures import (
    DatabaseDamaged,
    DatabaseEmpty,
    DatabaseEncrypted,
    DatabaseMissing,
    DatabaseUnreadable,
    DatabaseUnsupported,
    NotADatabase,
    TidewatchError,
)

BUSY_S = 1.0
"""How long to wait for another program that holds the database."""
CACHE_KIB = 8 * 1024
PROGRESS_STEPS = 10_000
"""Instructions of the database's machine between two looks at the clock."""
MAX_VALUE_BYTES = 64 * 1024**2
"""No single value of a result may be larger; a statement cannot fill the memory with one."""
CHECK_PATH = "Check connection.database_path."
_MAGIC = b"SQLite format 3\x00"
_HEAD_BYTES = 4096
MALFORMED_SCHEMA = "malformed database schema"
TICK_NS = 20_000_000
_SETTLE_TRIES = 50
_INDEX_HELD = 128
"""The byte of the index that each connection locks."""
_FLOCK = "hhqqi"
_NEWEST_FORMAT = 2
_FRACTIONS = bytes((64, 32, 32))
"""Stand in the head of every database, whatever its format."""
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
        raise DatabaseUnreadable(f"{path}: this user may not read it.", hint="Check its permissions.")
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
    if not head.startswith(_MAGIC):
        return _what_else(path, head, size)
    if head[19] > _NEWEST_FORMAT and head[21:24] == _FRACTIONS:
        hint = f"SQLite {sqlite3.sqlite_version} is here."
        return DatabaseUnsupported(f"{path}: its format {head[19]} needs a newer SQLite.", hint=hint)
    return None


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


_numbers = itertools.count(1)


class Unsteady(sqlite3.OperationalError):
    """The file was written while it was read without locks; what was read may belong to two states of it."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT


class Opened:
    """A connection that cannot write, and whether what it reads is one state of the file."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, wal: bool, locked: bool, state: State
    ) -> None:
        self.path, self.connection = path, connection
        self.wal = wal
        """Changes go to a log beside the file."""
        self._locked, self._state = locked, state
        # The next connection may tell the same numbers of another state, which the times of files tell apart.
        self.named_state = repr(state) if wal and not _is_fresh(state) else f"connection {next(_numbers)}"

    def is_steady(self) -> bool:
        """Whether nothing has been written since it was opened, where no lock of SQLite sees to that."""
        return self._locked or state_of(self.path) == self._state

    def is_current(self) -> bool:
        """Whether the file still keeps its changes as it did when it was opened.

        Reading it in the other way would leave a log beside it, or miss one.
        """
        try:
            return not self.wal and not is_wal(self.path)
        except OSError:
            return False  # it is opened anew, which says why it cannot be

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def connect(path: Path) -> Opened:
    """Return a connection that leaves nothing beside the file; raise as ``look_at``, or ``sqlite3.Error``.

    SQLite keeps a read-only connection to a database in WAL mode from missing a commit by files beside it
    that all programs must be able to write. They are used where another program has them open. Otherwise
    nobody writes: file and log are read without locks, and ``is_steady`` tells whether that stayed so.
    Only a process without another connection to the file may call this: closing a file ends its locks.
    """
    look_at(path)
    try:
        wal = is_wal(path)
    except OSError as error:
        raise DatabaseMissing(f"{path}: cannot be read: {error.strerror}.", hint=CHECK_PATH) from error
    try:
        if not wal:
            return _with_locks(path, wal=False)
        if _is_open_elsewhere(beside(path, INDEX)):
            with suppress(
                sqlite3.OperationalError
            ):  # of another user, say, or on a disk that cannot be written
                return _with_locks(path, wal=True)
        return _without_locks(path, wal=True)
    except sqlite3.DatabaseError as error:
        if (error.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_NOTADB and (
            what := _what_it_is(path)
        ) is not None:
            raise what from error
        if error.sqlite_errorcode in _NO_LOCKS:
            return _without_locks(path, wal=wal)
        raise


_NO_LOCKS = frozenset({
    sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip
"""The file system has none."""


def _with_locks(path: Path, *, wal: bool) -> Opened:
    state = state_of(path)
    return Opened(path, _begin(f"{path.absolute().as_uri()}?mode=ro"), wal=wal, locked=True, state=state)


def _without_locks(path: Path, *, wal: bool) -> Opened:
    state = _settled(path)
    log = beside(path, LOG)
    uri = path.absolute().as_uri()
    if not wal or (state[1] is not None and state[1].size_bytes):
        if not os.access(log, os.R_OK) and wal:
            hint = "Its last changes are in it. Open the database as a user who may read both."
            raise DatabaseUnreadable(f"{log}: this user may not read it.", hint=hint)
        vfs = "win32-none" if os.name == "nt" else "unix-none"
        connection = _begin(f"{uri}?mode=ro&vfs={vfs}", alone=True)
    else:
        connection = _begin(f"{uri}?mode=ro&immutable=1")
    return Opened(path, connection, wal=wal, locked=False, state=state)


def _settled(path: Path) -> State:
    """Return the state of a file that was not written just now: two writes within a tick have one time."""
    for _ in range(_SETTLE_TRIES):
        state = state_of(path)
        if not _is_fresh(state):
            return state
        threading.Event().wait(TICK_NS / 1e9)  # until the clock of the file system moves on
    return state_of(path)


def _is_fresh(state: State) -> bool:
    """Whether it was written just now, so that a further write may leave no trace."""
    return abs(time.time_ns() - last_written_ns(state)) <= TICK_NS


def is_wal(path: Path) -> bool:
    """Whether the changes of a database go to a log beside it; raise OSError."""
    with path.open("rb", buffering=0) as file:
        head = file.read(20)
    return head.startswith(_MAGIC) and head[19:20] == b"\x02"


def _is_open_elsewhere(index: Path) -> bool:
    """Whether another process holds the index of the log; False too where that cannot be told."""
    try:
        import fcntl

        with index.open("rb", buffering=0) as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _INDEX_HELD, 1, 0)
            kind = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
    except (ImportError, OSError, struct.error):
        return False
    return kind != fcntl.F_UNLCK


def _begin(uri: str, *, alone: bool = False) -> sqlite3.Connection:
    # None is kept prepared: only what is prepared anew asks the authorizer, which notes what it hides.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=0
    )
    try:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # the index of the log is kept in memory
        _read_schema(connection)
        connection.text_factory = text_reader(encoding_of(connection))
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA query_only = ON")
        # The authorizer decides what runs. Without trust SQLite takes a schema that uses ->> for damaged.
        connection.execute("PRAGMA trusted_schema = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _read_schema(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except UnicodeDecodeError as error:  # a message with a name in it that is not valid text
        if not bytes(error.object).startswith(MALFORMED_SCHEMA.encode()):
            raise
    except sqlite3.DatabaseError as error:
        if not str(error).startswith(MALFORMED_SCHEMA):
            raise
    else:
        return
    # It leaves out what it cannot read, in place of everything; nothing can be written all the same.
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def identity(path: Path) -> tuple[int, int]:
    """Return what tells this file from another of the same name; raise DatabaseMissing."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        hint = "It was there when the console opened it. It is opened again once it is back."
        raise DatabaseMissing(f"{path}: the file has vanished.", hint=hint) from error
    return found.st_dev, found.st_ino
