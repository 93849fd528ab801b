"""The file of the index: made, opened, locked, and begun again where it is damaged."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.agent.failures import IndexUnusable
from app.agent.names import reason_of
from app.agent.system.process import hold
from streams.model.failures import ConfigRejected, TidewatchError

BEGUN_AGAIN = "It is begun again from what the server has."
SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE entries (
    folder BLOB NOT NULL, name BLOB NOT NULL,
    mode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, sha256 BLOB, target BLOB,
    attributes BLOB,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
SOURCES = """
CREATE TABLE IF NOT EXISTS sources (
    path BLOB PRIMARY KEY, file_system TEXT NOT NULL, inode TEXT NOT NULL
) WITHOUT ROWID
"""


class IndexDamaged(TidewatchError):
    """The index is no sound database any more."""

    code = "index_damaged"


class IndexFile:
    """One database; every call blocks.

    What the operating system refuses is raised as ``IndexUnusable``, damage as ``IndexDamaged``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def remove(self) -> None:
        """Remove the database; it must not be open."""
        try:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise IndexUnusable(f"{self.path}: cannot be removed: {reason_of(error)}.") from None

    @contextmanager
    def translated(self) -> Generator[None]:
        """Raise what SQLite says as a failure of ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # its tables are not those of the agent
                raise IndexDamaged(f"{self.path} is damaged ({error}).", hint=BEGUN_AGAIN) from error
            raise IndexUnusable(
                f"{self.path}: {error}.", hint="Check the disk and the permissions of the agent's folder."
            ) from error
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{self.path} is damaged ({error}).", hint=BEGUN_AGAIN) from error

    def open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Open the database, made where it is not there, to write and to read."""
        with self.translated():
            writer = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            try:
                writer.execute("PRAGMA journal_mode = WAL")
                writer.execute("PRAGMA synchronous = NORMAL")
                version = writer.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, SCHEMA_VERSION):
                    raise IndexDamaged(f"{self.path} was written by another version of the agent.")
                if not version:
                    for name in ("entries", "facts"):
                        writer.execute(f"DROP TABLE IF EXISTS {name}")
                    writer.executescript(SCHEMA)
                    writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                writer.execute(SOURCES)
                writer.execute("SELECT * FROM facts").fetchall()
                reader = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            except BaseException:
                writer.close()
                raise
            return writer, reader


def locked(path: Path) -> int:
    """Return an open lock file that no other agent holds; raise ``ConfigRejected``."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigRejected(
            f"{path.parent}: cannot be written: {reason_of(error)}.",
            hint="Give another folder with --state.",
        ) from None
    if not hold(file):
        os.close(file)
        raise ConfigRejected(
            f"{path.parent}: another agent is at work with this folder.",
            hint="Wait for it, or give another folder with --state.",
        ) from None
    return file
