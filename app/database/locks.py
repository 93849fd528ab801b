"""Holders of locks on a database file, as far as the system tells them."""

import os
from pathlib import Path

from app.database.file_state import INDEX, beside
from streams.model.database_state import LockHolder

LOCKS = Path("/proc/locks")
_PENDING = 0x40000000
_RESERVED = _PENDING + 1
_SHARED_FIRST = _PENDING + 2
_WAL_WRITE, _WAL_CHECKPOINT, _WAL_RECOVER, _WAL_READ, _WAL_OPEN = 120, 121, 122, 123, 128


def lock_holders(
    path: Path, locks: Path = LOCKS, *, own: str = "this console"
) -> tuple[LockHolder, ...] | None:
    """Return who holds what, by process; None where the system has no such list.

    ``own`` is what this process and those that it has started are called.
    """
    try:
        lines = locks.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    main, shared = _places(path), _places(beside(path, INDEX))
    holders: dict[int, list[str]] = {}
    for line in lines:
        words = line.split()
        if len(words) < 8 or words[1] == "->" or words[2] == "":
            continue
        try:
            _, _, _, mode, pid, place, first, last = words[:8]
            device, _, inode = place.rpartition(":")
            file = device.lower(), int(inode)
            span = int(first), -1 if last == "EOF" else int(last)
            number = int(pid)
        except ValueError:
            continue
        if file in main:
            what = _file_lock(mode, *span)
        elif file in shared:
            what = _log_locks(mode, *span)
        else:
            continue
        holders.setdefault(number, []).extend(what)
    found = [
        LockHolder(pid=pid, program=_program(pid, own), lock=", ".join(dict.fromkeys(what)) or "open")
        for pid, what in holders.items()
    ]
    return tuple(sorted(found, key=lambda holder: (holder.lock == "open", holder.pid)))


def _places(path: Path) -> frozenset[tuple[str, int]]:
    """Return a file as the list of locks may name it: by its device or its file system's, and inode."""
    try:
        handle = os.open(path, os.O_PATH)  # not opened for reading: closing that would end locks on it
    except (OSError, AttributeError):
        return frozenset()
    try:
        stat = os.fstat(handle)
        devices = {f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}", *_mounted(handle)}
    finally:
        os.close(handle)
    return frozenset((device, stat.st_ino) for device in devices)


def _mounted(handle: int) -> list[str]:
    """Return the device of a file's file system, which in btrfs or overlayfs is not that of the file."""
    try:
        words = Path(f"/proc/self/fdinfo/{handle}").read_text("ascii").split()
        mount = words[words.index("mnt_id:") + 1]
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
        major, minor = next(line.split()[2] for line in lines if line.split()[:1] == [mount]).split(":")
    except (OSError, ValueError, StopIteration):
        return []
    return [f"{int(major):02x}:{int(minor):02x}"]


def _file_lock(mode: str, first: int, last: int) -> list[str]:
    if mode == "WRITE":
        if first <= _SHARED_FIRST and (last < 0 or last > _SHARED_FIRST):
            return ["exclusive"]
        return ["writing"] if first <= _RESERVED <= (last if last >= 0 else first) else ["waiting to write"]
    return ["reading"] if last < 0 or last >= _SHARED_FIRST else []


def _log_locks(mode: str, first: int, last: int) -> list[str]:
    top = last if last >= 0 else _WAL_OPEN
    names = {_WAL_WRITE: "writing", _WAL_CHECKPOINT: "checkpoint", _WAL_RECOVER: "recovering"}
    held = [name for byte, name in names.items() if mode == "WRITE" and first <= byte <= top]
    if first < _WAL_OPEN and top >= _WAL_READ:
        held.append("reading")
    return held


def _program(pid: int, own: str) -> str:
    if pid <= 0:
        return "unknown"
    if pid == os.getpid() or _parent(pid) == os.getpid():
        return own
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "unknown"


def _parent(pid: int) -> int | None:
    """Return the process that started one: the console's readers of a database are its own."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])
