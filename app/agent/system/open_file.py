"""Open files: their bytes by place, their holes, and the number of a device."""

import errno
import os
import stat

TELLS_HOLES = hasattr(os, "SEEK_DATA")
STAT_BLOCK_BYTES = 512
"""Unit of ``st_blocks``, on every system."""


def read_at(file: int, size: int, offset: int) -> bytes:
    """Return at most ``size`` bytes from a place of the file; none at its end."""
    return os.pread(file, size, offset)


def write_at(file: int, data: memoryview, offset: int) -> int:
    """Write bytes at a place of the file and return how many were written."""
    return os.pwrite(file, data, offset)


def may_have_holes(at: os.stat_result) -> bool:
    """Return whether a file takes less of the disk than it is long."""
    return TELLS_HOLES and at.st_blocks * STAT_BLOCK_BYTES < at.st_size


def data_from(file: int, offset: int) -> int | None:
    """Return where data begins from a place on; None where only a hole follows.

    Raises ``OSError`` where nothing is told of holes.
    """
    if not TELLS_HOLES:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        return os.lseek(file, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


def hole_from(file: int, offset: int) -> int:
    """Return where the first hole from a place on begins, at the latest the end of the file."""
    return os.lseek(file, offset, os.SEEK_HOLE)


def device_number(at: os.stat_result) -> int | None:
    """Return the number of a device; None for what is none."""
    return at.st_rdev if stat.S_ISBLK(at.st_mode) or stat.S_ISCHR(at.st_mode) else None
