"""What the agent knows of its last backups: one row for each name, in one SQLite file.

It only saves work: a lost one is rebuilt from the server, after which contents are read again but not sent.
It is believed only while it has the revision that the server has of this client's tree.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.agent.failures import IndexUnusable
from app.agent.names import is_within, join, reason_of, split
from app.agent.system.process import hold
from streams.failures import ConfigRejected, TidewatchError

BEGUN_AGAIN = "It is begun again from what the server has."
UNSURE = 0
"""Inode of a row that may not be trusted without reading the file."""
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

Row = tuple[bytes, int, int, int, int, int, bytes | None, bytes | None, bytes | None]
"""name, mode (with the type), size, mtime_ns, inode, ctime_ns, hash, link target, digest of attributes."""
FullRow = tuple[bytes, bytes, int, int, int, int, int, bytes | None, bytes | None, bytes | None]
"""The folder, then as in ``Row``."""


ServerRow = tuple[bytes, bytes, int, int, int, bytes | None, bytes | None, bytes | None]
"""folder, name, mode (with the type), size, mtime_ns, hash, link target, digest: as the server has it."""
REBUILD = (
    """DELETE FROM entries WHERE NOT EXISTS (
        SELECT 1 FROM temp.at_server AS there
        WHERE there.folder = entries.folder AND there.name = entries.name AND there.mode = entries.mode
        AND there.size = entries.size AND there.mtime_ns = entries.mtime_ns AND there.sha256 IS entries.sha256
        AND there.target IS entries.target AND there.attributes IS entries.attributes)""",
    f"""INSERT OR IGNORE INTO entries
        SELECT folder, name, mode, size, mtime_ns, {UNSURE}, 0, sha256, target, attributes
        FROM temp.at_server""",
    "DROP TABLE temp.at_server",
)


class IndexDamaged(TidewatchError):
    """The index is no sound database any more."""

    code = "index_damaged"


class Index:
    """The rows of one client; every call blocks and belongs in a thread.

    What the operating system refuses is raised as ``IndexUnusable``, damage as ``IndexDamaged``.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "index.db"
        self._lock_file = self._locked(folder / "lock")
        self._lock, self._read_lock = threading.Lock(), threading.Lock()
        self.begun_again = ""
        """Why it was begun again at this start."""
        self.write_problem = ""
        """Why rows could not be kept; until the index is rebuilt no revision is."""
        try:
            try:
                self._writer, self._reader = self._open()
            except IndexDamaged as error:
                self.begun_again = error.message
                self._remove()
                self._writer, self._reader = self._open()
        except BaseException:
            os.close(self._lock_file)
            raise

    def start_again(self) -> None:
        """Remove a damaged index and begin an empty one."""
        with self._lock:
            self._close()
            self._remove()
            self._writer, self._reader = self._open()
            self.write_problem = ""

    def _remove(self) -> None:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise IndexUnusable(f"{self._path}: cannot be removed: {reason_of(error)}.") from None

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # its tables are not those of the agent
                raise IndexDamaged(f"{self._path} is damaged ({error}).", hint=BEGUN_AGAIN) from error
            raise IndexUnusable(
                f"{self._path}: {error}.", hint="Check the disk and the permissions of the agent's folder."
            ) from error
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise
        except sqlite3.DatabaseError as error:
            raise IndexDamaged(f"{self._path} is damaged ({error}).", hint=BEGUN_AGAIN) from error

    @staticmethod
    def _locked(path: Path) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        with self._translated():
            writer = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            try:
                writer.execute("PRAGMA journal_mode = WAL")
                writer.execute("PRAGMA synchronous = NORMAL")
                version = writer.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, SCHEMA_VERSION):
                    raise IndexDamaged(f"{self._path} was written by another version of the agent.")
                if not version:
                    for name in ("entries", "facts"):
                        writer.execute(f"DROP TABLE IF EXISTS {name}")
                    writer.executescript(SCHEMA)
                    writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                writer.execute(SOURCES)
                writer.execute("SELECT * FROM facts").fetchall()
                reader = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            except BaseException:
                writer.close()
                raise
            return writer, reader

    def close(self) -> None:
        """Close the file and let other agents have the folder; waits for calls that were given up."""
        with self._lock:
            self._close()
        os.close(self._lock_file)

    def _close(self) -> None:
        with self._read_lock:
            self._reader.close()
        self._writer.close()

    def fact(self, name: str) -> str | None:
        """Return what was kept under ``name``."""
        with self._lock, self._translated():
            row = self._writer.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def keep_fact(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``, as far as the disk allows it; see ``write_problem``."""
        self._keep(lambda: self._set(name, value))

    def sources(self) -> dict[bytes, tuple[str, str]]:
        """Return the folders that were kept as sources, each with its file system and inode."""
        with self._lock, self._translated():
            rows = self._writer.execute("SELECT path, file_system, inode FROM sources").fetchall()
        return {path: (file_system, inode) for path, file_system, inode in rows}

    def keep_source(self, path: bytes, place: tuple[str, str]) -> None:
        """Keep which folder of which file system a source is, as far as the disk allows it."""
        self._keep(
            lambda: self._writer.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", (path, *place))
        )

    def forget_source(self, path: bytes) -> None:
        """Keep nothing of a source any more."""
        self._keep(lambda: self._writer.execute("DELETE FROM sources WHERE path = ?", (path,)))

    def outside(self, roots: Iterable[bytes]) -> list[bytes]:
        """Return the topmost known names that are in none of ``roots``; one thread at a time."""
        passed = list(roots)
        tops: list[bytes] = []
        start = (b"", b"")
        while (row := self._first_from(*start)) is not None:
            folder, name = row
            path = join(folder, name)
            above = next((each for each in passed if is_within(path, each)), None)
            if above is None:
                above = self._topmost(path)
                tops.append(above)
                passed.append(above)
            if path == above:
                start = (folder, name + b"\0")
            elif folder == above:
                start = (folder + b"\0", b"")
            else:
                start = (above.rstrip(b"/") + b"0", b"")
        return sorted(tops)

    def _first_from(self, folder: bytes, name: bytes) -> tuple[bytes, bytes] | None:
        with self._read_lock, self._translated():
            return self._reader.execute(
                "SELECT folder, name FROM entries WHERE (folder, name) >= (?, ?)"
                " ORDER BY folder, name LIMIT 1",
                (folder, name),
            ).fetchone()

    def _topmost(self, path: bytes) -> bytes:
        """Return the highest known folder that a known name is in, or the name itself."""
        while (above := split(path)[0]) not in (b"", b"/") and self.knows(above):
            path = above
        return path

    def knows(self, path: bytes) -> bool:
        """Return whether a name is known; one thread at a time."""
        with self._read_lock, self._translated():
            found = self._reader.execute(
                "SELECT 1 FROM entries WHERE folder = ? AND name = ?", split(path)
            ).fetchone()
        return found is not None

    def folder(self, path: bytes) -> dict[bytes, Row]:
        """Return the rows of one folder by name; one thread at a time."""
        with self._read_lock, self._translated():
            rows: list[Row] = self._reader.execute(
                "SELECT name, mode, size, mtime_ns, inode, ctime_ns, sha256, target, attributes"
                " FROM entries WHERE folder = ?",
                (path,),
            ).fetchall()
        return {row[0]: row for row in rows}

    def below(self, path: bytes) -> Iterator[bytes]:
        """Return all known paths below a folder; one thread at a time."""
        low, high = (b"/", b"0") if path == b"/" else (path + b"/", path + b"0")
        with self._read_lock, self._translated():
            found = self._reader.execute(
                "SELECT folder, name FROM entries WHERE folder = ? OR (folder >= ? AND folder < ?)",
                (path, low, high),
            ).fetchall()
        for folder, name in found:
            if name:
                yield folder + name if folder == b"/" else folder + b"/" + name

    def some_files(self, path: bytes, most: int) -> list[tuple[bytes, int, int, int]]:
        """Return path, mode, size and mtime_ns of the first and the last names below a folder, no folders.

        At most ``most`` of each, in the folder and further below; one thread at a time.
        """
        low, high = (b"/", b"0") if path == b"/" else (path + b"/", path + b"0")
        found: set[tuple[bytes, bytes, int, int, int]] = set()
        with self._read_lock, self._translated():
            for order in ("ASC", "DESC"):
                for where, range_ in (("folder = ?", (path,)), ("folder >= ? AND folder < ?", (low, high))):
                    found |= set(
                        self._reader.execute(
                            "SELECT folder, name, mode, size, mtime_ns FROM entries"
                            f" WHERE {where} AND mode & {0o170000} != {stat.S_IFDIR}"
                            f" ORDER BY folder {order}, name {order} LIMIT ?",
                            (*range_, most),
                        )
                    )
        return [(join(folder, name), mode, size, mtime) for folder, name, mode, size, mtime in sorted(found)]

    def count(self) -> int:
        """Return how many names are known."""
        with self._lock, self._translated():
            return self._writer.execute("SELECT count(*) FROM entries").fetchone()[0]

    def hashes(self) -> list[bytes]:
        """Return all hashes of contents, each once."""
        with self._lock, self._translated():
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

    def put(self, rows: Iterable[FullRow], revision: str | None = None) -> None:
        """Keep rows, and the revision of the tree that has them, in one transaction.

        Rows that cannot be written are lost and ``write_problem`` says why; the backup goes on, and as no
        revision is kept from then on, the next one learns from the server what it has.
        """

        def change() -> None:
            self._writer.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            self._set_revision(revision)

        self._keep(change)

    def remove(self, names: Iterable[tuple[bytes, bytes]], revision: str | None = None) -> None:
        """Forget names, each given as folder and name, as ``put`` keeps them."""

        def change() -> None:
            self._writer.executemany("DELETE FROM entries WHERE folder = ? AND name = ?", names)
            self._set_revision(revision)

        self._keep(change)

    def begin_rebuild(self) -> None:
        """Make room for what the server has, page by page."""

        def change() -> None:
            self._writer.execute("DROP TABLE IF EXISTS temp.at_server")
            self._writer.execute(
                "CREATE TEMP TABLE at_server (folder BLOB, name BLOB, mode INTEGER, size INTEGER,"
                " mtime_ns INTEGER, sha256 BLOB, target BLOB, attributes BLOB,"
                " PRIMARY KEY (folder, name)) WITHOUT ROWID"
            )

        self._write(change)

    def add_at_server(self, rows: Iterable[ServerRow]) -> None:
        """Take in a page of what the server has."""
        insert = "INSERT OR REPLACE INTO temp.at_server VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._write(lambda: self._writer.executemany(insert, rows))

    def end_rebuild(self, client_id: str, revision: str) -> None:
        """Keep of the rows those that the server has too, and hold all others for unsure."""

        def change() -> None:
            for statement in REBUILD:
                self._writer.execute(statement)
            self._set("client_id", client_id)
            self._set("revision", revision)

        self._write(change)
        self.write_problem = ""

    def _set(self, name: str, value: str) -> None:
        self._writer.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _set_revision(self, revision: str | None) -> None:
        if revision is not None and not self.write_problem:
            self._set("revision", revision)

    def _keep(self, change: Callable[[], object]) -> None:
        try:
            self._write(change)
        except IndexUnusable as error:
            self.write_problem = self.write_problem or error.message

    def _write(self, change: Callable[[], object]) -> None:
        with self._lock, self._translated():
            self._writer.execute("BEGIN")
            try:
                change()
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
