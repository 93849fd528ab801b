"""A stored content: zstd frames of at most 1 MiB each, and a table of them at the end.

Any zstd program reads it as one stream; the table (the "seekable format" of zstd, a skippable frame) lets a
range be read without what lies before it. While an upload goes on, its table lies beside it.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from app.store.errors import BAD_SECTOR, Damaged
from app.store.file_operations import FileOperations

FRAME_BYTES = 1 << 20
MAX_PACKED_BYTES = FRAME_BYTES + (FRAME_BYTES >> 8) + 64
"""No frame is longer: the bound of zstd for what cannot be compressed, and its head and checksum."""
LEVEL = 3
ENTRY = struct.Struct("<II")
"""Compressed and raw length of a frame."""
_HEAD = struct.Struct("<II")
_FOOT = struct.Struct("<IBI")
_SKIPPABLE = 0x184D2A5E
_SEEKABLE = 0x8F92EAB1


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a piece of a content lies, compressed and raw."""

    at: int
    length: int
    raw_at: int
    raw_length: int


def compressor() -> zstandard.ZstdCompressor:
    """Return a compressor for one thread at a time; each frame carries its own checksum."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)


def frames_of(entries: bytes, limit: int | None = None) -> list[Frame]:
    """Return the frames of a table's entries, up to one that ends after ``limit`` bytes or is impossible."""
    frames: list[Frame] = []
    at = raw_at = 0
    usable = len(entries) - len(entries) % ENTRY.size
    for length, raw_length in ENTRY.iter_unpack(entries[:usable]):
        if not (0 < length <= MAX_PACKED_BYTES and 0 < raw_length <= FRAME_BYTES):
            break
        if limit is not None and at + length > limit:
            break
        frames.append(Frame(at, length, raw_at, raw_length))
        at += length
        raw_at += raw_length
    return frames


def entries_of(frames: Sequence[Frame]) -> bytes:
    """Return the table's entries of these frames."""
    return b"".join(ENTRY.pack(frame.length, frame.raw_length) for frame in frames)


def table_of(frames: Sequence[Frame]) -> bytes:
    """Return the table that ends a stored content."""
    entries = entries_of(frames)
    return _HEAD.pack(_SKIPPABLE, len(entries) + _FOOT.size) + entries + _FOOT.pack(len(frames), 0, _SEEKABLE)


def read_table(files: FileOperations, descriptor: int) -> list[Frame]:
    """Return the frames of a stored content; raises Damaged where its table is."""
    size = os.fstat(descriptor).st_size
    foot = read_stored(files, descriptor, _FOOT.size, max(0, size - _FOOT.size))
    if len(foot) < _FOOT.size:
        raise damaged()
    count, flags, magic = _FOOT.unpack(foot)
    length = count * ENTRY.size
    start = size - _FOOT.size - length - _HEAD.size
    if magic != _SEEKABLE or flags or start < 0:
        raise damaged()
    # Looked at first: a damaged count may name as many bytes as the file has.
    if read_stored(files, descriptor, _HEAD.size, start) != _HEAD.pack(_SKIPPABLE, length + _FOOT.size):
        raise damaged()
    frames = frames_of(read_stored(files, descriptor, length, start + _HEAD.size))
    ends = frames[-1].at + frames[-1].length if frames else 0
    if len(frames) != count or ends != start:
        raise damaged()
    return frames


def read_frame(files: FileOperations, descriptor: int, frame: Frame) -> bytes:
    """Return the raw bytes of a frame; raises Damaged where they cannot be had."""
    packed = read_stored(files, descriptor, frame.length, frame.at)
    try:
        # Looked at first: a damaged header may promise more than there is memory.
        if zstandard.frame_content_size(packed) != frame.raw_length:
            raise damaged()
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=FRAME_BYTES)
    except zstandard.ZstdError as error:
        raise damaged() from error
    if len(packed) != frame.length or len(raw) != frame.raw_length:
        raise damaged()
    return raw


def read_stored(files: FileOperations, descriptor: int, count: int, at: int) -> bytes:
    """Return stored bytes; raises Damaged where the disk cannot give them back."""
    try:
        return files.read(descriptor, count, at)
    except OSError as error:
        if error.errno in BAD_SECTOR:
            raise damaged(bad_sector=True) from error
        raise


def damaged(*, bad_sector: bool = False) -> Damaged:
    """Return the failure of a content that is not what was stored."""
    what = "cannot be read from the disk" if bad_sector else "are damaged"
    return Damaged(
        f"The stored bytes {what}.", hint="The next backup of its client mends it.", bad_sector=bad_sector
    )
