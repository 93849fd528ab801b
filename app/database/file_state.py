"""The files of a database and what tells two states of them apart, without opening one."""

import os
from pathlib import Path
from typing import NamedTuple

LOG, INDEX, JOURNAL = "-wal", "-shm", "-journal"


class FileState(NamedTuple):
    """What changes when a file is written or another takes its place."""

    device: int
    inode: int
    size_bytes: int
    written_ns: int


State = tuple[FileState | None, FileState | None]
"""Of the file and of its log; None of one that is not there."""


def state_of(path: Path) -> State:
    """Return what changes when the file or its log is written."""
    return file_state(path), file_state(beside(path, LOG))


def file_state(path: Path) -> FileState | None:
    """Return the state of one file; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def last_written_ns(state: State) -> int:
    """Return when the file or its log was written last; 0 where neither is there."""
    return max((part.written_ns for part in state if part is not None), default=0)


def beside(path: Path, ending: str) -> Path:
    """Return the file that SQLite keeps beside a database, which is not beside a link to it."""
    real = path.resolve()
    return real.with_name(f"{real.name}{ending}")
