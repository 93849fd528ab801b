"""A file on its way from the server to the disk, checked before it gets its name."""

import hashlib
import threading

from app.agent.restore_plan import Item
from app.agent.restore_tree import TargetTree
from app.agent.target_file import NewFile


class Damaged(Exception):
    """What came is not what was backed up."""


class Arriving:
    """A file on its way to the disk; what is not what was backed up never gets its name.

    Its calls block and belong in threads; one that was given up may still run when ``close`` comes.
    """

    def __init__(self, tree: TargetTree, item: Item, *, overwrite: bool) -> None:
        self._tree, self._item, self._overwrite = tree, item, overwrite
        self._file: NewFile | None = None
        self._digest = hashlib.sha256()
        self._size = 0
        self._lock = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Whether there is something to close."""
        return self._file is not None

    def write(self, data: bytes) -> None:
        """Append ``data``; raise ``Damaged`` where it is too much."""
        with self._lock:
            self._append(data)

    def _append(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._item.content_size:
            raise Damaged("more came than was backed up")
        if self._file is None:
            self._file = self._tree.new_file(
                self._item.parts, overwrite=self._overwrite, extents=self._item.extents
            )
        self._digest.update(data)
        self._file.write(data)

    def keep(self, data: bytes) -> None:
        """Append the last ``data``, check all of it, and give the file its name."""
        with self._lock:
            self._append(data)
            item, file = self._item, self._file
            if self._size != item.content_size or self._digest.hexdigest() != item.sha256 or file is None:
                raise Damaged("checksum mismatch")
            file.keep(item, overwrite=self._overwrite)
            self.close()

    def close(self) -> None:
        """Let go of the file; it is removed where it was not kept."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()
