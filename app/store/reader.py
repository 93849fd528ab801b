"""Reading a stored content, a frame at a time, checked against its hash when it is read whole. Blocking."""

import errno
import hashlib
import os
import stat

from app.store.errors import BAD_SECTOR, Damaged
from app.store.file_operations import Inode, inode_of
from app.store.frames import damaged, read_frame, read_table
from app.store.layout import Layout

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""Whatever lies at the place of a content: opening it neither follows a link nor waits for a writer."""


def opened(layout: Layout, sha256: str, start: int, end: int | None, *, ahead_bytes: int) -> "Reader":
    """Open a content for reading; one that is wanted whole and has at most ``ahead_bytes`` is read here."""
    reader = Reader(layout, sha256)
    try:
        reader.limit(start, end)
        if reader.whole and reader.size_bytes <= ahead_bytes:
            reader.read_ahead()
    except BaseException:
        reader.close()
        raise
    return reader


class Reader:
    """An open content; raises Damaged as soon as it is known, OSError where the file system refuses."""

    def __init__(self, layout: Layout, sha256: str) -> None:
        self._files = layout.files
        self._sha256 = sha256
        self._descriptor = self._open(layout)
        try:
            found = os.fstat(self._descriptor)
            self.inode: Inode = inode_of(found)
            if not stat.S_ISREG(found.st_mode):
                raise damaged()
            self._frames = read_table(self._files, self._descriptor)
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, Damaged):
                error.inode = self.inode
            raise
        self.size_bytes = sum(frame.raw_length for frame in self._frames)
        self._hash = hashlib.sha256()
        self._next = 0
        self._start = 0
        self._end = self.size_bytes
        self.ahead: list[bytes] = []
        """What has been read already; ``read`` goes on after it."""

    @property
    def whole(self) -> bool:
        """Whether all of it is read, so that its hash can be checked."""
        return self._start == 0 and self._end == self.size_bytes

    def limit(self, start: int, end: int | None) -> None:
        """Read only from ``start`` up to ``end``, exclusive; frames before are not touched."""
        self._start = max(0, start)
        self._end = self.size_bytes if end is None else min(end, self.size_bytes)
        while self._next < len(self._frames):
            frame = self._frames[self._next]
            if frame.raw_at + frame.raw_length > self._start:
                break
            self._next += 1

    def read_ahead(self) -> None:
        """Read all of it, so that it is known to be good."""
        while piece := self.read():
            self.ahead.append(piece)

    def read(self) -> bytes:
        """Return the next piece, empty at the end; the last of a whole read only with the right hash."""
        try:
            return self._read()
        except Damaged as error:
            error.inode = self.inode
            raise

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _open(self, layout: Layout) -> int:
        try:
            return self._files.open(layout.blob(self._sha256), FLAGS)
        except OSError as error:
            if error.errno in BAD_SECTOR:
                raise damaged(bad_sector=True) from error
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise damaged() from error
            raise

    def _read(self) -> bytes:
        if self._next >= len(self._frames) or self._frames[self._next].raw_at >= self._end:
            self._check()
            return b""
        frame = self._frames[self._next]
        raw = read_frame(self._files, self._descriptor, frame)
        self._next += 1
        if self.whole:
            self._hash.update(raw)
            if self._next == len(self._frames):
                self._check()
            return raw
        return raw[max(0, self._start - frame.raw_at) : self._end - frame.raw_at]

    def _check(self) -> None:
        if self.whole and self._hash.hexdigest() != self._sha256:
            raise Damaged(
                f"The stored bytes of {self._sha256} do not have that hash.",
                hint="The next backup of its client mends it.",
            )
