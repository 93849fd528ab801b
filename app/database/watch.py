"""Notices that a database was written, by the times of its files: nothing is opened and nothing is locked."""

import threading
import time
from pathlib import Path

from app.database.file_state import JOURNAL, beside, file_state, last_written_ns, state_of
from app.database.opening import identity

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
        state = state_of(self._path)
        # A write within the same tick as the last leaves no trace: one more look is worth it once it is over.
        return state, abs(time.time_ns() - last_written_ns(state)) < _COARSE_NS

    def _is_being_changed(self) -> bool:
        """Whether pages of a change are written that is not committed: its journal is older than they."""
        journal, file = file_state(beside(self._path, JOURNAL)), file_state(self._path)
        if journal is None or file is None or not journal.size_bytes:
            return False
        return journal.written_ns < file.written_ns
