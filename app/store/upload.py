"""One upload: frames as they come, and after an interruption the truth about what has been received.

All of it blocks; the store calls it in its threads. The data file is written first, its table after it: what
the table names and the data file holds has been received, whenever the process is killed.
"""

import hashlib
import os
from pathlib import Path

from app.store.errors import Damaged, HashMismatch, OffsetMismatch, full_disk_said
from app.store.frames import (
    ENTRY,
    FRAME_BYTES,
    Frame,
    compressor,
    entries_of,
    frames_of,
    read_frame,
    table_of,
)
from app.store.layout import Layout, sync_directory

DATA = ".part"
TABLE = ".table"


def received_frames(data: Path) -> list[Frame]:
    """Return the frames that an interrupted upload has left in ``data``."""
    try:
        size = data.stat().st_size
        entries = data.with_suffix(TABLE).read_bytes()
    except FileNotFoundError:
        return []
    return frames_of(entries, size)


def received_bytes(data: Path) -> int:
    """Return how many raw bytes an interrupted upload has left in ``data``."""
    return sum(frame.raw_length for frame in received_frames(data))


def forget(data: Path) -> None:
    """Remove what an upload has left in ``data``."""
    data.unlink(missing_ok=True)
    data.with_suffix(TABLE).unlink(missing_ok=True)


class Upload:
    """An upload in progress, from any offset that the server has."""

    def __init__(self, layout: Layout, sha256: str, *, source: Path, data: Path, offset: int) -> None:
        """Go on at ``offset`` with what ``source`` holds; ``data`` is the same file, or a copy is made there.

        Raises OffsetMismatch where that is impossible; what is in ``source`` has been checked by then.
        """
        self._layout = layout
        self._sha256 = sha256
        self._path = data
        self._hash = hashlib.sha256()
        self._frames: list[Frame] = []
        self._compressor = compressor()
        self._open = True
        held = received_frames(source) if offset else []
        flags = os.O_RDWR | os.O_CREAT
        self._table = os.open(data.with_suffix(TABLE), flags, 0o600)
        self._data = os.open(data, flags, 0o600)
        try:
            with full_disk_said():
                self._resume(source, held, offset)
        except BaseException:
            self.close()
            raise

    @property
    def received(self) -> int:
        """How many raw bytes have been received."""
        last = self._frames[-1] if self._frames else None
        return 0 if last is None else last.raw_at + last.raw_length

    def append(self, raw: bytes) -> None:
        """Take in the next bytes, at most one frame; raises StoreFull, and no more can be appended then."""
        if not 0 < len(raw) <= FRAME_BYTES:
            raise ValueError(f"a frame holds 1 to {FRAME_BYTES} bytes, not {len(raw)}")
        self._hash.update(raw)
        packed = self._compressor.compress(raw)
        last = self._frames[-1] if self._frames else Frame(0, 0, 0, 0)
        frame = Frame(last.at + last.length, len(packed), last.raw_at + last.raw_length, len(raw))
        with full_disk_said():
            self._write(frame, packed)

    def commit(self) -> int:
        """Check the hash and make the content durable at its place; return how many bytes it takes there.

        Raises HashMismatch, and nothing is left of the upload then, or StoreFull.
        """
        if self._hash.hexdigest() != self._sha256:
            self.discard()
            raise HashMismatch([self._sha256])
        target = self._layout.blob(self._sha256)
        with full_disk_said():
            end = self._frames[-1].at + self._frames[-1].length if self._frames else 0
            _write_all(self._data, table_of(self._frames), end)
            os.fsync(self._data)
            size = os.fstat(self._data).st_size
            self._path.replace(target)
            sync_directory(target.parent)
        self._path.with_suffix(TABLE).unlink(missing_ok=True)
        self.close()
        return size

    def discard(self) -> None:
        """Forget the upload and all that it has left."""
        self.close()
        forget(self._path)

    def close(self) -> None:
        """Let go of the files; what has been received stays."""
        if self._open:
            self._open = False
            os.close(self._data)
            os.close(self._table)

    def _resume(self, source: Path, held: list[Frame], offset: int) -> None:
        copying = source != self._path
        origin = os.open(source, os.O_RDONLY) if held else None
        try:
            for frame in held:
                if frame.raw_at >= offset or origin is None:
                    break
                try:
                    raw = read_frame(origin, frame)
                except Damaged:
                    break
                self._hash.update(raw)
                if copying:
                    _write_all(self._data, os.pread(origin, frame.length, frame.at), frame.at)
                self._frames.append(frame)
        finally:
            if origin is not None:
                os.close(origin)
        end = self._frames[-1].at + self._frames[-1].length if self._frames else 0
        if self.received == offset:
            os.ftruncate(self._data, end)
            os.ftruncate(self._table, 0)
            _write_all(self._table, entries_of(self._frames), 0)
            return
        if not copying:
            # What cannot be read again has not been received.
            good = len(self._frames) if self.received < offset else len(held)
            os.ftruncate(self._table, good * ENTRY.size)
        raise OffsetMismatch(min(received_bytes(source), self.received))

    def _write(self, frame: Frame, packed: bytes) -> None:
        try:
            _write_all(self._data, packed, frame.at)
            _write_all(
                self._table, ENTRY.pack(frame.length, frame.raw_length), len(self._frames) * ENTRY.size
            )
        except OSError:
            os.ftruncate(self._table, len(self._frames) * ENTRY.size)
            os.ftruncate(self._data, frame.at)
            raise
        self._frames.append(frame)


def _write_all(descriptor: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, at)
        view = view[written:]
        at += written
