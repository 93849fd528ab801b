"""All that the agent asks of the operating system and that not every one has; written for POSIX and Linux.

The way to macOS and Windows goes on here, for what the agent reads; what a restore asks of a system is in
``restore_tree``, ``restore_attributes`` and the modules ``target_*``, what is stored of a name beside its
content in ``attributes``.

macOS lacks: ``O_PATH`` (a folder that may be passed through and not listed cannot be opened), ``O_NOATIME``
(reading changes access times) and ``/proc`` (a mount of the same file system is not known as one). Without
them the agent works and knows less.

Windows lacks: files opened by the descriptor of their folder (``dir_fd``) and ``O_NOFOLLOW``, on which
``folders`` rests; ``flock``; signal handlers of the event loop; user ids. There the import of this module
fails, with the name of what is missing, and nothing is backed up under weaker rules than it says.
"""

import asyncio
import fcntl
import os
import re
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

# Linux can open a folder that may only be passed through, not listed; elsewhere it has to be readable.
PASS_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)

MOUNTS = Path("/proc/self/mountinfo")
MOUNT_POINT = 4
"""Which word of a line of ``MOUNTS`` is the mount point."""
DISKS = Path("/dev/disk/by-uuid")
"""A link to each block device, by the name that its file system carries in itself."""
ESCAPED = re.compile(rb"\\([0-7]{3})")


def hold(lock_file: int) -> bool:
    """Hold an open lock file until it is closed, also by a crash; return False where another holds it."""
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_held(file: int) -> bool:
    """Return whether another process holds this file; if not, this one does where the disk has locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def own_user() -> int:
    """Return the number of the user that this process acts as."""
    return os.geteuid()


def on_signals(numbers: Iterable[signal.Signals], call: Callable[[], None]) -> None:
    """Have ``call`` called in the running loop for each of these signals."""
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, call)


def off_signals(numbers: Iterable[signal.Signals]) -> None:
    """Leave these signals alone again."""
    for number in numbers:
        asyncio.get_running_loop().remove_signal_handler(number)


def mount_points() -> frozenset[bytes]:
    """Return all folders that something is mounted on; none where the system does not tell."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return frozenset()
    points = (line.split(b" ")[MOUNT_POINT] for line in lines if line.count(b" ") > MOUNT_POINT)
    return frozenset(ESCAPED.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), point) for point in points)


def disk_names() -> dict[int, str]:
    """Return by device the names that file systems carry in themselves; none where the system does not tell.

    Two disks of FAT, NTFS or XFS that are put into one place one after another differ by nothing else.
    """
    names: dict[int, str] = {}
    try:
        for link in sorted(DISKS.iterdir()):
            with suppress(OSError):
                names[link.stat().st_rdev] = link.name
    except OSError:
        return {}
    return names


def file_system_id(folder: int) -> int:
    """Return a number of the file system of an open folder, apart from its device; 0 where it has none."""
    try:
        return os.fstatvfs(folder).f_fsid
    except OSError:
        return 0
