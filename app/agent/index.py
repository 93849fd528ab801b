"""What the agent knows of its last backups: one row for each name, in one SQLite file.

It only saves work: a lost one is rebuilt from the server, after which contents are read again but not sent.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.agent.names import reason_of
from streams.failures import ConfigRejected

UNSURE = 0
"""Inode of a row that may not be trusted without reading the file."""
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE entries (
    folder BLOB NOT NULL, name BLOB NOT NULL,
    mode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, sha256 BLOB, target BLOB,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

Row = tuple[bytes, int, int, int, int, int, bytes | None, bytes | None]
"""name, mode (with the type), size, mtime_ns, inode, ctime_ns, hash, link target."""
FullRow = tuple[bytes, bytes, int, int, int, int, int, bytes | None, bytes | None]
"""The folder, then as in ``Row``."""


class Index:
    """The rows of one client; every call blocks and belongs in a thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "index.db"
        self._lock_file = self._locked(folder / "lock")
        self._lock = threading.Lock()
        try:
            self._writer, self._reader = self._open()
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._writer, self._reader = self._open()

    @staticmethod
    def _locked(path: Path) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigRejected(
                f"{path.parent}: cannot be written: {reason_of(error)}.",
                hint="Give another folder with --state.",
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise ConfigRejected(
                f"{path.parent}: another agent is at work with this folder.",
                hint="Wait for it, or give another folder with --state.",
            ) from None
        return file

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        writer = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        try:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = NORMAL")
            if writer.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                for name in ("entries", "facts"):
                    writer.execute(f"DROP TABLE IF EXISTS {name}")
                writer.executescript(SCHEMA)
                writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            reader = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        except BaseException:
            writer.close()
            raise
        return writer, reader

    def close(self) -> None:
        """Close the file and let other agents have the folder."""
        self._reader.close()
        self._writer.close()
        os.close(self._lock_file)

    def fact(self, name: str) -> str | None:
        """Return what was kept under ``name``."""
        with self._lock:
            row = self._writer.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def keep_fact(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``."""
        with self._lock:
            self._writer.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def folder(self, path: bytes) -> dict[bytes, Row]:
        """Return the rows of one folder by name; one thread at a time."""
        rows: list[Row] = self._reader.execute(
            "SELECT name, mode, size, mtime_ns, inode, ctime_ns, sha256, target"
            " FROM entries WHERE folder = ?",
            (path,),
        ).fetchall()
        return {row[0]: row for row in rows}

    def below(self, path: bytes) -> Iterator[bytes]:
        """Return all known paths below a folder; one thread at a time."""
        low, high = (b"/", b"0") if path == b"/" else (path + b"/", path + b"0")
        found = self._reader.execute(
            "SELECT folder, name FROM entries WHERE folder = ? OR (folder >= ? AND folder < ?)",
            (path, low, high),
        ).fetchall()
        for folder, name in found:
            if name:
                yield folder + name if folder == b"/" else folder + b"/" + name

    def count(self) -> int:
        """Return how many names are known."""
        with self._lock:
            return self._writer.execute("SELECT count(*) FROM entries").fetchone()[0]

    def hashes(self) -> list[bytes]:
        """Return all hashes of contents, each once."""
        with self._lock:
            rows = self._writer.execute("SELECT DISTINCT sha256 FROM entries WHERE sha256 IS NOT NULL")
            return [row[0] for row in rows]

    def forget_contents(self, hashes: Iterable[bytes]) -> None:
        """Hold the files with these contents for new, so that they are read and sent again."""

        def change() -> None:
            execute = self._writer.execute
            execute("CREATE TEMP TABLE lost (sha256 BLOB PRIMARY KEY) WITHOUT ROWID")
            self._writer.executemany("INSERT INTO lost VALUES (?)", ((sha256,) for sha256 in hashes))
            execute("UPDATE entries SET sha256 = NULL, inode = ? WHERE sha256 IN lost", (UNSURE,))
            execute("DROP TABLE lost")

        self._write(change)

    def put(self, rows: Iterable[FullRow]) -> None:
        """Keep rows in one transaction, in place of older ones."""
        self._write(
            lambda: self._writer.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        )

    def remove(self, names: Iterable[tuple[bytes, bytes]]) -> None:
        """Forget names, each given as folder and name, in one transaction."""
        self._write(
            lambda: self._writer.executemany("DELETE FROM entries WHERE folder = ? AND name = ?", names)
        )

    def clear(self) -> None:
        """Forget everything."""
        self._write(lambda: [self._writer.execute(f"DELETE FROM {name}") for name in ("entries", "facts")])

    def _write(self, change: Callable[[], object]) -> None:
        with self._lock:
            self._writer.execute("BEGIN")
            try:
                change()
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")
