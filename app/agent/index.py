"""The agent's memory of its last backups: one row for each name, in one SQLite file.

It only saves work: a lost one is rebuilt from the server, after which contents are read again but not sent.
It is believed only while it has the revision that the server has of this client's tree.
"""

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.agent.failures import IndexUnusable
from app.agent.index_file import IndexDamaged, IndexFile, locked
from app.agent.names import is_within, join, split

UNSURE = 0
"""Inode of a row that may not be trusted without reading the file."""
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


class Index:
    """The rows of one client; every call blocks and belongs in a thread.

    What the operating system refuses is raised as ``IndexUnusable``, damage as ``IndexDamaged``.
    """

    def __init__(self, folder: Path) -> None:
        self._file = IndexFile(folder / "index.db")
        self._translated = self._file.translated
        self._lock_file = locked(folder / "lock")
        self._lock, self._read_lock = threading.Lock(), threading.Lock()
        self.begun_again = ""
        """Why it was begun again at this start."""
        self.write_problem = ""
        """Why rows could not be kept; until the index is rebuilt no revision is."""
        try:
            try:
                self._writer, self._reader = self._file.open()
            except IndexDamaged as error:
                self.begun_again = error.message
                self._file.remove()
                self._writer, self._reader = self._file.open()
        except BaseException:
            os.close(self._lock_file)
            raise

    def start_again(self) -> None:
        """Remove a damaged index and begin an empty one."""
        with self._lock:
            self._close()
            self._file.remove()
            self._writer, self._reader = self._file.open()
            self.write_problem = ""

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
