"""Reading files so that what is sent is one consistent content, and saying so where that cannot be had."""

import errno
import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.agent.attributes import AttributeReader
from app.agent.folders import Folders
from app.agent.found import Found, facts_of
from app.agent.names import NOT_FOUND, reason_of, split
from app.agent.sparse import Placement, cut_extents, extents_of
from app.agent.system.mounts import kernel_devices
from app.wire.attributes import content_bytes

CHUNK_BYTES = 1024 * 1024
NO_FILE = (errno.ENXIO, errno.ENODEV)
"""A socket, a pipe or a device is in the place of the file."""
SWAPPED = (errno.ELOOP, errno.ENOTDIR)
"""A link is in the place of the file, or of a folder above it."""
KERNEL_FILE_BYTES = 64 * 1024
PAGE_BYTES = 4096
"""What those of the kernel say that do not say 0."""
LONGER = "it is longer than it says"


class FileFailed(Exception):
    """A file could not be read; says why."""


class FileGone(Exception):
    """A file is no longer there, or is something else by now."""


class Content(msgspec.Struct, gc=False):
    """What was read of a file, and how the file stood when that began."""

    found: Found
    sha256: str
    size: int
    """Of the content: without the holes of a sparse file."""
    still: bool
    """The file did not change while it was read."""
    data: bytes | None = None
    """The bytes themselves, of a small file."""
    honest: bool = True
    """The file holds as much as it says; of one that does not, size and times tell nothing."""

    @property
    def file_size(self) -> int:
        """How large the file is, its holes included."""
        return self.size if self.extents is None else self.found.size

    @property
    def extents(self) -> tuple[int, ...] | None:
        """The parts of a sparse file."""
        return None if self.found.attributes is None else self.found.attributes.extents


def open_regular(folders: Folders, path: bytes) -> tuple[int, os.stat_result]:
    """Open a regular file, following no link in its path, waiting for no pipe.

    Raise ``FileGone`` where it is no longer there or something else by now, ``FileFailed``.
    """
    try:
        file = folders.open_file(path)
    except FileNotFoundError:
        raise (FileGone if folders.is_gone(path) else FileFailed(NOT_FOUND)) from None
    except OSError as error:
        if error.errno in NO_FILE and not _is_regular(folders, path):
            raise FileGone from None
        swapped = error.errno in SWAPPED
        raise FileFailed("it was replaced by a link" if swapped else reason_of(error)) from None
    try:
        at = os.fstat(file)
        if not stat.S_ISREG(at.st_mode):
            raise FileGone
    except BaseException:
        os.close(file)
        raise
    return file, at


def _is_regular(folders: Folders, path: bytes) -> bool:
    """Return whether a file that is said to be no file is one all the same: its file system fails."""
    above, name = split(path)
    try:
        return stat.S_ISREG(folders.file_system.stat(name, folders.open(above)).st_mode)
    except OSError:
        return False


@contextmanager
def opened(folders: Folders, path: bytes) -> Generator[tuple[int, os.stat_result]]:
    """Open a file as ``open_regular`` does, and close it after the block."""
    file, at = open_regular(folders, path)
    try:
        yield file, at
    except OSError as error:
        raise FileFailed(reason_of(error)) from None
    finally:
        os.close(file)


class FileReader:
    """Reads files with their attributes, for one backup; each thread brings its own ``Folders``."""

    def __init__(self, attributes: AttributeReader | None = None) -> None:
        self.attributes = attributes or AttributeReader()

    def small(self, folders: Folders, found: Found, limit: int, times: int) -> Content | None:
        """Read a small file, again up to ``times`` times while it changes; None: it is larger than ``limit``.

        A file that holds more or less than it says, as those of the kernel do, is read to its end.
        """
        for attempt in range(times + 1):
            with opened(folders, found.path) as (file, at):
                now = self._as_found(found, file, at)
                size = content_bytes(at.st_size, now.attributes)
                if size > limit:
                    return None
                placed = Placement(_extents(now))
                # In one piece: some files of the kernel have no second one.
                data = read_up_to(placed, file, max(size + 1, KERNEL_FILE_BYTES if not size else PAGE_BYTES))
                still = _is_still(now, file)
                if still and len(data) != size:
                    data += read_up_to(placed, file, limit + 1 - len(data), len(data))
                    if len(data) > limit:
                        raise FileFailed(LONGER)
            if still or attempt == times:
                data = data if still else data[:size]
                now = _cut(now, len(data))
                honest = not still or len(data) == size
                return Content(now, hashlib.sha256(data).hexdigest(), len(data), still, data, honest)
        raise AssertionError("unreachable")

    def hash(self, folders: Folders, found: Found) -> Content:
        """Read a file once, as long as it was when this began, and return its hash without its bytes."""
        with opened(folders, found.path) as (file, at):
            if at.st_dev in kernel_devices():
                raise FileFailed("it is a file of the kernel that does not end")
            now = self._as_found(found, file, at)
            digest, done, size = hashlib.sha256(), 0, content_bytes(at.st_size, now.attributes)
            placed = Placement(_extents(now))
            while done < size and (data := placed.read(file, done, min(CHUNK_BYTES, size - done))):
                digest.update(data)
                done += len(data)
            still = _is_still(now, file)
            if still and done == size and placed.read(file, done, 1):
                raise FileFailed(LONGER)
            honest = not still or done == size
            return Content(_cut(now, done), digest.hexdigest(), done, still, honest=honest)

    def copy(self, folders: Folders, found: Found, to: Path) -> Content:
        """Copy a file that never holds still, in one pass, so that at least what is sent is what was read."""
        with opened(folders, found.path) as (file, at), to.open("wb") as copy:
            now = self._as_found(found, file, at)
            digest, done, size = hashlib.sha256(), 0, content_bytes(at.st_size, now.attributes)
            placed = Placement(_extents(now))
            while done < size and (data := placed.read(file, done, min(CHUNK_BYTES, size - done))):
                digest.update(data)
                copy.write(data)
                done += len(data)
            return Content(_cut(now, done), digest.hexdigest(), done, False)

    def name(self, folders: Folders, found: Found) -> Found:
        """Return a name that is no file with its attributes; raise ``FileGone``, ``FileFailed``."""
        above, name = split(found.path)
        try:
            folder = folders.open(above)
            at = folders.file_system.stat(name, folder)
            if stat.S_IFMT(at.st_mode) != stat.S_IFMT(found.mode):
                raise FileGone
            found.attributes = self.attributes.read_name(name, at, folder)
        except FileNotFoundError:
            raise (FileGone if folders.is_gone(found.path) else FileFailed(NOT_FOUND)) from None
        except OSError as error:
            raise FileFailed(reason_of(error)) from None
        return found

    def _as_found(self, found: Found, file: int, at: os.stat_result) -> Found:
        attributes = self.attributes.read(file, at, extents_of(file, at))
        return Found(found.path, *facts_of(at), found.old, found.target, attributes)


def _cut(found: Found, size: int) -> Found:
    """Return a sparse file with the parts that have been read, where it became shorter."""
    extents = _extents(found)
    if extents is not None and found.attributes is not None and size < sum(extents[1::2]):
        found.attributes = msgspec.structs.replace(found.attributes, extents=cut_extents(extents, size))
    return found


def _extents(found: Found) -> tuple[int, ...] | None:
    return None if found.attributes is None else found.attributes.extents


def _is_still(found: Found, file: int) -> bool:
    _, size, mtime_ns, _, ctime_ns = facts_of(os.fstat(file))
    return (size, mtime_ns, ctime_ns) == (found.size, found.mtime_ns, found.ctime_ns)


def read_up_to(placed: Placement, file: int, size: int, at: int = 0) -> bytes:
    """Return ``size`` bytes of a content from ``at`` on, fewer at its end."""
    data = placed.read(file, at, size)
    if not data or len(data) == size:
        return data
    parts, left = [data], size - len(data)
    while left and (data := placed.read(file, at + size - left, left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)
