"""One upload: frames as they come, and after an interruption the truth about what has been received.

All of it blocks; the store calls it in its threads. The data file is written first, its table after it: what
the table names and the data file holds has been received, whenever the process is killed.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from app.store.errors import Damaged, HashMismatch, OffsetMismatch
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
from app.store.layout import Layout
from app.store.places import Placed, Places

DATA = ".part"
TABLE = ".table"


def received_frames(data: Path, places: Places) -> list[Frame]:
    """Return the frames that an interrupted upload has left in ``data``."""
    if places.disowned(data):
        return []
    try:
        size = data.stat().st_size
        entries = data.with_suffix(TABLE).read_bytes()
    except FileNotFoundError:
        return []
    return frames_of(entries, size)


def received_bytes(data: Path, places: Places) -> int:
    """Return how many raw bytes an interrupted upload has left in ``data``."""
    return sum(frame.raw_length for frame in received_frames(data, places))


def forget(data: Path) -> None:
    """Remove what an upload has left in ``data``."""
    data.unlink(missing_ok=True)
    data.with_suffix(TABLE).unlink(missing_ok=True)


class Upload:
    """An upload in progress, from any offset that the server has."""

    def __init__(
        self, layout: Layout, places: Places, sha256: str, *, source: Path, data: Path, offset: int
    ) -> None:
        """Go on at ``offset`` with what ``source`` holds; ``data`` is the same file, or a copy is made there.

        Raises OffsetMismatch where that is impossible; what is in ``source`` has been checked by then.
        """
        self._files = layout.files
        self._places = places
        self._sha256 = sha256
        self._path = data
        self._hash = hashlib.sha256()
        self._frames: list[Frame] = []
        self._compressor = compressor()
        self._open = True
        held = received_frames(source, places) if offset else []
        if not held or data != source:
            # Into new files: what an old one has lost on its way to the disk is not known any more.
            forget(data)
            places.own(data)
        flags = os.O_RDWR | os.O_CREAT
        self._table = self._files.open(data.with_suffix(TABLE), flags)
        try:
            self._data = self._files.open(data, flags)
        except BaseException:
            os.close(self._table)
            raise
        try:
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
        """Take in the next bytes, at most one frame; raises OSError, and no more can be appended then."""
        if not 0 < len(raw) <= FRAME_BYTES:
            raise ValueError(f"a frame holds 1 to {FRAME_BYTES} bytes, not {len(raw)}")
        self._hash.update(raw)
        packed = self._compressor.compress(raw)
        last = self._frames[-1] if self._frames else Frame(0, 0, 0, 0)
        frame = Frame(last.at + last.length, len(packed), last.raw_at + last.raw_length, len(raw))
        self._write(frame, packed)

    def commit(self) -> Placed:
        """Check the hash and make the content durable at its place.

        Raises HashMismatch, and nothing is left of the upload then, or OSError. After a failed sync nothing
        has been received.
        """
        if self._hash.hexdigest() != self._sha256:
            self.discard()
            raise HashMismatch([self._sha256])
        end = self._frames[-1].at + self._frames[-1].length if self._frames else 0
        self._files.write(self._data, table_of(self._frames), end)
        try:
            self._files.sync(self._data)
        except OSError:
            # The kernel may call clean what it could not write: going on with it would prove nothing.
            self.discard()
            raise
        placed = self._places.place(self._path, self._sha256)
        try:
            self._places.settle([placed])
        finally:
            # Without its data it says nothing; the next start clears it.
            with suppress(OSError):
                self._files.remove(self._path.with_suffix(TABLE))
        self.close()
        return placed

    def discard(self) -> None:
        """Forget the upload: nothing of what has come counts as received, not even where it stays."""
        for path in (self._path.with_suffix(TABLE), self._path):
            try:
                self._files.remove(path)
            except FileNotFoundError:
                continue
            except OSError:
                self._places.disown(self._path)
        self.close()

    def close(self) -> None:
        """Let go of the files; what has been received stays."""
        if self._open:
            self._open = False
            for descriptor in (self._data, self._table):
                # What it may tell of is proven by the sync, or has not been acknowledged.
                with suppress(OSError):
                    os.close(descriptor)

    def _resume(self, source: Path, held: list[Frame], offset: int) -> None:
        copying = source != self._path
        origin = self._files.open(source, os.O_RDONLY) if held else None
        try:
            for frame in held:
                if frame.raw_at >= offset or origin is None:
                    break
                try:
                    raw = read_frame(self._files, origin, frame)
                except Damaged:
                    break
                self._hash.update(raw)
                if copying:
                    packed = self._files.read(origin, frame.length, frame.at)
                    self._files.write(self._data, packed, frame.at)
                self._frames.append(frame)
        finally:
            if origin is not None:
                os.close(origin)
        end = self._frames[-1].at + self._frames[-1].length if self._frames else 0
        if self.received == offset:
            self._files.truncate(self._data, end)
            self._files.truncate(self._table, 0)
            self._files.write(self._table, entries_of(self._frames), 0)
            return
        if not copying:
            # What cannot be read again has not been received.
            good = len(self._frames) if self.received < offset else len(held)
            self._files.truncate(self._table, good * ENTRY.size)
        raise OffsetMismatch(min(received_bytes(source, self._places), self.received))

    def _write(self, frame: Frame, packed: bytes) -> None:
        entry = ENTRY.pack(frame.length, frame.raw_length)
        try:
            self._files.write(self._data, packed, frame.at)
            self._files.write(self._table, entry, len(self._frames) * ENTRY.size)
        except OSError:
            # Tidied up where the disk lets us: what the table does not name has not been received anyway.
            with suppress(OSError):
                self._files.truncate(self._table, len(self._frames) * ENTRY.size)
                self._files.truncate(self._data, frame.at)
            raise
        self._frames.append(frame)
