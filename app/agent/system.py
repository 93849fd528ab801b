"""The questions of the agent that each operating system answers in its own way.

Written for Linux. On another system this is the module to extend: without an answer the agent goes on with
what every system has, and knows less.
"""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
MOUNT_POINT = 4
"""Which word of a line of ``MOUNTS`` is the mount point."""
ESCAPED = re.compile(rb"\\([0-7]{3})")


def mount_points() -> frozenset[bytes]:
    """Return all folders that something is mounted on; none where the system does not tell."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    points = (line.split(b" ")[MOUNT_POINT] for line in lines if line.count(b" ") > MOUNT_POINT)
    return frozenset(ESCAPED.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), point) for point in points)


def file_system_id(folder: int) -> int:
    """Return a number of the file system of an open folder, apart from its device; 0 where it has none."""
    try:
        return os.fstatvfs(folder).f_fsid
    except OSError:
        return 0
