"""Exclusions besides the patterns: the program's own data, caches, other file systems, large files."""

import os
import stat
from dataclasses import dataclass

from app.agent.file_system import FileSystem
from app.agent.system.posix import POSIX
from app.wire.http import server_id_of

CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""See https://bford.info/cachedir: a tag without it marks nothing."""
ID_FILE, STORE_IDENTITY = b"server.id", b"identity"
"""In the data folder of a server, and in its store, which may be on another disk."""
IDENTITY_BYTES = 64
NO_LIMIT = 2**63 - 1

OWN = "the agent's own folder"
OF_THE_SERVER = "the data folder of the backup server"
CACHE = "a cache"
OTHER_FILE_SYSTEM = "another file system"
LARGE = "larger than allowed"


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What an operator, or the program itself, leaves out; ``Ignore`` has the patterns."""

    one_file_system: bool = False
    """Do not go into file systems that are mounted below a PATH."""
    caches: bool = False
    """Leave out what is in folders with a CACHEDIR.TAG."""
    markers: tuple[bytes, ...] = ()
    """Leave out what is in folders with a file of one of these names."""
    max_bytes: int = NO_LIMIT
    """Leave out files that are larger."""
    own_folders: tuple[bytes, ...] = ()
    """The agent's own folder, which holds its token."""
    server_id: str = ""
    """Of the server that this is a backup to; its data folder may be on the same machine."""

    def own_inodes(self) -> frozenset[tuple[int, int]]:
        """Return what the own folders are, by whatever path one comes there."""
        found: set[tuple[int, int]] = set()
        for path in self.own_folders:
            try:
                at = os.stat(path)  # noqa: PTH116  (bytes)
            except OSError:
                continue
            found.add((at.st_dev, at.st_ino))
        return frozenset(found)

    def marked(self, folder: int, file_system: FileSystem = POSIX) -> tuple[str, bytes | None] | None:
        """Return why the content of an open folder is left out, and the name that says so, or None."""
        if self.server_id and self.server_id in _ids(file_system, folder):
            return OF_THE_SERVER, None
        if self.caches and _starts_with(file_system, folder, CACHE_TAG, CACHE_SIGNATURE):
            return CACHE, CACHE_TAG
        for marker in self.markers:
            if _is_there(file_system, folder, marker):
                return f"it has {os.fsdecode(marker)}", marker
        return None


NOTHING_LEFT_OUT = Exclusions()


def _ids(file_system: FileSystem, folder: int) -> tuple[str, str]:
    """Return the ids of the servers whose data folder, or whose store, this is; empty for none."""
    named = _read(file_system, folder, ID_FILE, IDENTITY_BYTES) or b""
    word = _read(file_system, folder, STORE_IDENTITY, IDENTITY_BYTES)
    of_store = "" if word is None else server_id_of(word.decode("ascii", "replace").strip())
    return named.decode("ascii", "replace").strip(), of_store


def _starts_with(file_system: FileSystem, folder: int, name: bytes, start: bytes) -> bool:
    return _read(file_system, folder, name, len(start)) == start


def _read(file_system: FileSystem, folder: int, name: bytes, size: int) -> bytes | None:
    try:
        file = file_system.open_file(name, folder)
    except OSError:
        return None
    try:
        return os.read(file, size) if stat.S_ISREG(os.fstat(file).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(file)


def _is_there(file_system: FileSystem, folder: int, name: bytes) -> bool:
    try:
        file_system.stat(name, folder)
    except OSError:
        return False
    return True
