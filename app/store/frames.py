"""A stored content: zstd frames of at most 1 MiB each, and a table of them at the end.

Any zstd program reads it as one stream; the table (the "seekable format" of zstd, a skippable frame) lets a
range be read without what lies before it. While an upload goes on, its table lies beside it.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from app.store.errors import Damaged

FRAME_BYTES = 1 << 20
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
    """Return the frames of a table's entries; those that end after ``limit`` bytes are left out."""
    frames: list[Frame] = []
    at = raw_at = 0
    usable = len(entries) - len(entries) % ENTRY.size
    for length, raw_length in ENTRY.iter_unpack(entries[:usable]):
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


def read_table(descriptor: int) -> list[Frame]:
    """Return the frames of a stored content; raises Damaged where its table is."""
    size = os.fstat(descriptor).st_size
    foot = os.pread(descriptor, _FOOT.size, max(0, size - _FOOT.size))
    if len(foot) < _FOOT.size:
        raise _damaged()
    count, flags, magic = _FOOT.unpack(foot)
    length = count * ENTRY.size
    start = size - _FOOT.size - length - _HEAD.size
    if magic != _SEEKABLE or flags or start < 0:
        raise _damaged()
    table = os.pread(descriptor, _HEAD.size + length, start)
    frames = frames_of(table[_HEAD.size :])
    ends = frames[-1].at + frames[-1].length if frames else 0
    if _HEAD.unpack_from(table) != (_SKIPPABLE, length + _FOOT.size) or ends != start:
        raise _damaged()
    if any(frame.raw_length > FRAME_BYTES for frame in frames):
        raise _damaged()
    return frames


def read_frame(descriptor: int, frame: Frame) -> bytes:
    """Return the raw bytes of a frame; raises Damaged where they cannot be had."""
    packed = os.pread(descriptor, frame.length, frame.at)
    try:
        # Looked at first: a damaged header may promise more than there is memory.
        if zstandard.frame_content_size(packed) != frame.raw_length:
            raise _damaged()
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=FRAME_BYTES)
    except zstandard.ZstdError as error:
        raise _damaged() from error
    if len(packed) != frame.length or len(raw) != frame.raw_length:
        raise _damaged()
    return raw


def _damaged() -> Damaged:
    return Damaged("The stored bytes are damaged.", hint="Verify the client and back it up again.")
