"""File operations that fail as a disk does, and know what would be left after a loss of power."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from app.store.file_operations import FileOperations, Inode, inode_of


class Disk(FileOperations):
    """Fails what it is told to; what a failed sync has lost no later one brings back."""

    def __init__(self) -> None:
        self._rules: list[tuple[str, str, int, int, int]] = []
        self._dirty: set[Inode] = set()
        self._lost: set[Inode] = set()
        self._names: defaultdict[Path, dict[str, Inode | None]] = defaultdict(dict)
        self._durable: dict[Path, Inode] = {}
        self._lock = threading.Lock()
        self.calls: list[tuple[str, Path]] = []
        self.before_read: Callable[[Path], None] | None = None

    def fail(self, operation: str, number: int, *, on: str = "", after: int = 0, times: int = 1) -> None:
        """Let an operation on paths that contain ``on`` fail ``times`` in a row, ``after`` some went well."""
        self._rules.append((operation, on, number, after, times))

    def heal(self) -> None:
        """Let everything go well again."""
        self._rules.clear()

    def survives(self, path: Path) -> bool:
        """Return whether a file would be there, with all that was written to it, after a loss of power."""
        inode = inode_of(path.lstat())
        return self._durable.get(path) == inode and inode not in self._dirty | self._lost

    def _meet(self, operation: str, path: Path) -> None:
        self.calls.append((operation, path))
        for place, (name, part, number, after, times) in enumerate(self._rules):
            if name != operation or part not in str(path) or not times:
                continue
            if after:
                self._rules[place] = (name, part, number, after - 1, times)
                return
            self._rules[place] = (name, part, number, 0, times - 1)
            raise OSError(number, os.strerror(number), str(path))

    def open(self, path: Path, flags: int) -> int:
        self._meet("create" if flags & os.O_CREAT else "open", path)
        return super().open(path, flags)

    def read(self, descriptor: int, count: int, at: int) -> bytes:
        path = _path_of(descriptor)
        if self.before_read is not None:
            self.before_read(path)
        self._meet("read", path)
        return super().read(descriptor, count, at)

    def write(self, descriptor: int, content: bytes, at: int) -> None:
        self._dirty.add(inode_of(os.fstat(descriptor)))
        self._meet("write", _path_of(descriptor))
        super().write(descriptor, content, at)

    def sync(self, descriptor: int) -> None:
        inode = inode_of(os.fstat(descriptor))
        try:
            self._meet("sync", _path_of(descriptor))
        except OSError:
            self._lost.add(inode)
            raise
        self._dirty.discard(inode)

    def truncate(self, descriptor: int, size: int) -> None:
        self._meet("truncate", _path_of(descriptor))
        super().truncate(descriptor, size)

    def move(self, source: Path, target: Path) -> None:
        self._meet("move", target)
        inode = inode_of(source.lstat())
        super().move(source, target)
        with self._lock:
            self._names[source.parent][source.name] = None
            self._names[target.parent][target.name] = inode

    def remove(self, path: Path) -> None:
        self._meet("remove", path)
        super().remove(path)
        with self._lock:
            self._names[path.parent][path.name] = None

    def stat(self, path: Path) -> os.stat_result:
        self._meet("stat", path)
        return super().stat(path)

    def make_folder(self, path: Path) -> None:
        self._meet("make_folder", path)
        super().make_folder(path)

    def sync_folder(self, folder: Path) -> None:
        with self._lock:
            changed = self._names.pop(folder, {})
        self._meet("sync_folder", folder)
        for name, inode in changed.items():
            if inode is None:
                self._durable.pop(folder / name, None)
            else:
                self._durable[folder / name] = inode


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
