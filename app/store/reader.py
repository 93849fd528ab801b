"""Reading a stored content, a frame at a time, checked against its hash when it is read whole. Blocking."""

import hashlib
import os
from pathlib import Path

from app.store.errors import Damaged
from app.store.frames import read_frame, read_table


def opened(path: Path, sha256: str, start: int, end: int | None, *, ahead_bytes: int) -> "Reader":
    """Open a content for reading; one that is wanted whole and has at most ``ahead_bytes`` is read here."""
    reader = Reader(path, sha256)
    try:
        reader.limit(start, end)
        if reader.whole and reader.size_bytes <= ahead_bytes:
            reader.read_ahead()
    except BaseException:
        reader.close()
        raise
    return reader


class Reader:
    """An open content; raises Damaged as soon as it is known."""

    def __init__(self, path: Path, sha256: str) -> None:
        self._sha256 = sha256
        self._descriptor = os.open(path, os.O_RDONLY)
        try:
            self._frames = read_table(self._descriptor)
        except BaseException:
            os.close(self._descriptor)
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
        if self._next >= len(self._frames) or self._frames[self._next].raw_at >= self._end:
            self._check()
            return b""
        frame = self._frames[self._next]
        raw = read_frame(self._descriptor, frame)
        self._next += 1
        if self.whole:
            self._hash.update(raw)
            if self._next == len(self._frames):
                self._check()
            return raw
        return raw[max(0, self._start - frame.raw_at) : self._end - frame.raw_at]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _check(self) -> None:
        if self.whole and self._hash.hexdigest() != self._sha256:
            raise Damaged(
                f"The stored bytes of {self._sha256} do not have that hash.",
                hint="Verify the client and back it up again.",
            )
