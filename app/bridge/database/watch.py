"""Notices that a database was written, by the times of its files: nothing is opened and nothing is locked."""

import os
import threading
import time
from pathlib import Path

from app.bridge.database.opening import JOURNAL, LOG, beside, identity

_COARSE_NS = 2_000_000_000
"""Some file systems tell times only to two seconds."""


class FileWatch:
    """A number that changes whenever a database may hold something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: object = None
        self._number = 0
        self._lock = threading.Lock()

    def version(self) -> int:
        """Return the number; raise DatabaseMissing."""
        identity(self._path)
        with self._lock:
            state = self._state()
            if state != self._seen and not (self._number and self._is_being_changed()):
                self._seen = state
                self._number += 1
            return self._number

    def _state(self) -> object:
        parts = [_times(self._path), _times(beside(self._path, LOG))]
        latest = max(part[3] for part in parts if part is not None)
        # A write within the same tick as the last leaves no trace: one more look is worth it once it is over.
        return parts, abs(time.time_ns() - latest) < _COARSE_NS

    def _is_being_changed(self) -> bool:
        """Whether pages of a change are written that is not committed: its journal is older than they."""
        journal, file = _times(beside(self._path, JOURNAL)), _times(self._path)
        return journal is not None and file is not None and journal[2] > 0 and journal[3] < file[3]


def _times(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
