"""The folders of a target: opened from the root, name by name, and made writable for the time of a restore.

No step follows a link: whatever lies there already, nothing leads out of the target.
"""

import os
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.agent.file_system import Target
from app.agent.restore_attributes import MODE, AttributeWriter
from app.agent.restore_plan import Parts
from app.agent.system.process import own_user

WRITABLE = 0o700


class TargetFolders:
    """Opens the folders of one target; every call blocks and raises ``OSError``."""

    def __init__(self, path: Path, attributes: AttributeWriter) -> None:
        self._path, self._attributes = path, attributes
        self._file_system = attributes.file_system
        self._lock = threading.Lock()
        self._widened: dict[Parts, os.stat_result] = {}
        """Folders whose modes were changed for the time of this restore, as they were."""
        self.renamed: dict[Parts, bytes] = {}
        """Other names that were given, by the path that was asked for."""
        self.created = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        self.root = self._open_root()
        """The descriptor of the target."""

    def _open_root(self) -> int:
        """Open the folder: one of ours is made readable, a new one is closed to others until the end."""
        try:
            root = self._file_system.open_top(self._path)
        except PermissionError:
            handle = self._file_system.top_handle(self._path)
            try:
                self._widen((), handle, self._file_system.by_handle(handle))
            finally:
                os.close(handle)
            root = self._file_system.open_top(self._path)
        if self.created:
            before = os.fstat(root)
            with suppress(OSError):  # A disk without modes.
                self._file_system.set_mode(root, WRITABLE)
                self._widened[()] = before
        return root

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.root)

    @contextmanager
    def opened(self, parts: Parts) -> Generator[int]:
        """Open a folder that is there, from the root, name by name."""
        at = os.dup(self.root)
        try:
            for length in range(1, len(parts) + 1):
                inner = self.enter(parts[:length], at)
                os.close(at)
                at = inner
            yield at
        finally:
            os.close(at)

    def enter(self, parts: Parts, above: int) -> int:
        """Open a folder in the one above it; one of ours that may not be read is made readable for it."""
        name = self.name_of(parts)
        try:
            return self._file_system.open_folder(name, above)
        except PermissionError:
            if not self._file_system.holds_unreadable:
                raise
            handle = self._file_system.pass_through(name, above)
            try:
                self._widen(parts, handle, self._file_system.by_handle(handle))
            finally:
                os.close(handle)
            return self._file_system.open_folder(name, above)

    def name_of(self, parts: Parts) -> bytes:
        """Return the name that the last of these has in the target."""
        return self.renamed.get(parts, parts[-1])

    def make_writable(self, parts: Parts, folder: int) -> None:
        """Make an open folder writable until its mode is set, where it is one of ours."""
        at = os.fstat(folder)
        if at.st_uid == own_user() and at.st_mode & WRITABLE != WRITABLE:
            with suppress(OSError):  # What is to be written there says what is wrong.
                self._widen(parts, folder, folder)

    def _widen(self, parts: Parts, folder: int, changed: Target) -> None:
        with self._lock:
            before = os.fstat(folder)
            self._file_system.set_mode(changed, stat.S_IMODE(before.st_mode) | WRITABLE)
            self._widened.setdefault(parts, before)

    def keep_mode(self, parts: Parts) -> None:
        """Note that a folder has got its mode for good."""
        self._widened.pop(parts, None)

    def put_modes_back(self) -> None:
        """Give folders that were made writable their old modes, unless they have got theirs for good."""
        for parts, before in sorted(self._widened.items(), reverse=True):
            try:
                with self.opened(parts) as folder:
                    if os.path.samestat(before, os.fstat(folder)):
                        self._file_system.set_mode(folder, stat.S_IMODE(before.st_mode))
            except OSError:
                self._attributes.note_unset(MODE)
        self._widened.clear()
