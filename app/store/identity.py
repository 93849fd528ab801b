"""The identity of a store, so that another disk at its place, or none, is not taken for it. Blocking."""

import uuid

from app.store import notes
from app.store.errors import StoreLost
from app.store.file_operations import Inode, inode_of
from app.store.layout import Layout, holds_contents


class Identity:
    """The random word in the store's folder, and which folder of which file system it was read in."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._files = layout.files
        self._at: Inode | None = None
        self.word = ""

    def expect(self, word: str) -> None:
        """Raise StoreLost where the folder is not the store of this identity, and not a copy without one."""
        try:
            found = self._read()
        except NotADirectoryError:
            found = ""
        if found != word and (found or not holds_contents(self._layout.root)):
            raise StoreLost(
                f"{self._layout.root} is not the store of this catalogue: it is empty, or another one.",
                hint="Mount its disk, or put it back. With --new-store all is to be sent again.",
            )

    def load(self, word: str = "") -> None:
        """Read the identity, or give the store one: ``word``, or a new one; raises OSError."""
        self.word = self._read() or self._give(word or uuid.uuid4().hex)
        self._at = inode_of(self._files.stat(self._layout.root))

    def check(self) -> None:
        """Raise StoreLost where the folder is not the one that was loaded."""
        if self._at is None:
            return
        try:
            found = inode_of(self._files.stat(self._layout.root))
            if found == self._at:
                return
            # The same disk may have been mounted again.
            same = self._read() == self.word
        except OSError as error:
            raise self._lost() from error
        if not same:
            raise self._lost()
        self._at = found

    def _lost(self) -> StoreLost:
        return StoreLost(
            f"The store {self._layout.root} is not there any more, or another disk is mounted at its place.",
            hint="Mount the disk of the store again.",
        )

    def _read(self) -> str:
        return notes.read(self._layout, self._layout.identity)

    def _give(self, word: str) -> str:
        notes.write(self._layout, self._layout.identity, word)
        return word
