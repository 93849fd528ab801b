"""Reading files so that what is sent is one consistent content, and saying so where that cannot be had."""

import errno
import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.agent.folders import Folders
from app.agent.names import reason_of
from app.agent.scan import Found, facts_of

CHUNK_BYTES = 1024 * 1024
NO_FILE = (errno.ENXIO, errno.ENODEV)
"""A socket, a pipe or a device is in the place of the file."""
SWAPPED = (errno.ELOOP, errno.ENOTDIR)
"""A link is in the place of the file, or of a folder above it."""


class FileFailed(Exception):
    """A file could not be read; says why."""


class FileGone(Exception):
    """A file is no longer there, or is something else by now."""


class Content(msgspec.Struct, gc=False):
    """What was read of a file, and how the file stood when that began."""

    found: Found
    sha256: str
    size: int
    still: bool
    """The file did not change while it was read."""
    data: bytes | None = None
    """The bytes themselves, of a small file."""


def open_regular(folders: Folders, path: bytes) -> tuple[int, os.stat_result]:
    """Open a regular file, following no link in its path, waiting for no pipe.

    Raise ``FileGone`` where it is no longer there or something else by now, ``FileFailed``.
    """
    try:
        file = folders.open_file(path)
    except FileNotFoundError:
        raise FileGone from None
    except OSError as error:
        if error.errno in NO_FILE:
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


def _as_found(found: Found, at: os.stat_result) -> Found:
    return Found(found.path, *facts_of(at), found.old, found.target)


def _is_still(found: Found, file: int) -> bool:
    _, size, mtime_ns, _, ctime_ns = facts_of(os.fstat(file))
    return (size, mtime_ns, ctime_ns) == (found.size, found.mtime_ns, found.ctime_ns)


def _read_up_to(file: int, size: int) -> bytes:
    data = os.read(file, size)
    if len(data) == size:
        return data
    parts = [data]
    left = size - len(data)
    while parts[-1] and left:
        parts.append(os.read(file, left))
        left -= len(parts[-1])
    return b"".join(parts)


def read_small(folders: Folders, found: Found, limit: int, times: int) -> Content | None:
    """Read a small file, again up to ``times`` times while it changes; None: it is larger than ``limit``."""
    for attempt in range(times + 1):
        with opened(folders, found.path) as (file, at):
            now = _as_found(found, at)
            if at.st_size > limit:
                return None
            data = _read_up_to(file, at.st_size)
            still = len(data) == at.st_size and _is_still(now, file)
        if still or attempt == times:
            return Content(now, hashlib.sha256(data).hexdigest(), len(data), still, data)
    raise AssertionError("unreachable")


def read_hash(folders: Folders, found: Found) -> Content:
    """Read a file once, as long as it was when this began, and return its hash without its bytes."""
    with opened(folders, found.path) as (file, at):
        now = _as_found(found, at)
        digest, size = hashlib.sha256(), 0
        buffer = memoryview(bytearray(CHUNK_BYTES))
        while size < at.st_size:
            read = os.readv(file, [buffer[: min(CHUNK_BYTES, at.st_size - size)]])
            if not read:
                break
            digest.update(buffer[:read])
            size += read
        return Content(now, digest.hexdigest(), size, size == at.st_size and _is_still(now, file))


def copy_once(folders: Folders, found: Found, to: Path) -> Content:
    """Copy a file that never holds still, in one pass, so that at least what is sent is what was read."""
    with opened(folders, found.path) as (file, at), to.open("wb") as copy:
        digest, size = hashlib.sha256(), 0
        while size < at.st_size:
            data = os.read(file, min(CHUNK_BYTES, at.st_size - size))
            if not data:
                break
            digest.update(data)
            copy.write(data)
            size += len(data)
        return Content(_as_found(found, at), digest.hexdigest(), size, False)
