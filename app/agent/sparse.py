"""Sparse files: which parts of them hold data, and reading these as one content."""

import os
from bisect import bisect_right
from itertools import accumulate

from app.agent.system.open_file import data_from, hole_from, may_have_holes, read_at, write_at
from app.wire.attributes import MAX_EXTENTS, data_ranges

SMALLEST_HOLE = 4096
PIECE_BYTES = 1024 * 1024


def extents_of(file: int, at: os.stat_result) -> tuple[int, ...] | None:
    """Return offset and length of each part of a sparse file that holds data; None for any other file."""
    size = at.st_size
    if size < SMALLEST_HOLE or not may_have_holes(at):
        return None
    parts: list[tuple[int, int]] = []
    smallest, end = SMALLEST_HOLE, 0
    while end < size:
        try:
            start = data_from(file, end)
            if start is None or start >= size:
                break
            end = min(hole_from(file, start), size)
        except OSError:
            return None  # This file system tells nothing of holes.
        parts.append((start, end))
        while len(parts) > MAX_EXTENTS:
            smallest *= 2
            parts = _without_small_holes(parts, smallest)
    parts = _without_small_holes(parts, smallest)
    if sum(end - start for start, end in parts) == size:
        return None
    return tuple(number for start, end in parts for number in (start, end - start))


def _without_small_holes(parts: list[tuple[int, int]], smallest: int) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in parts:
        if kept and start - kept[-1][1] < smallest:
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def cut_extents(extents: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return the parts that hold the first ``size`` bytes of the content."""
    kept: list[int] = []
    for offset, length in data_ranges(extents):
        if size <= 0:
            break
        kept += (offset, min(length, size))
        size -= length
    return tuple(kept)


def has_only_holes_between(file: int, extents: tuple[int, ...] | None, size: int) -> bool:
    """Return whether a file has nothing but zeros outside of these parts."""
    end = 0
    for offset, length in () if extents is None else (*data_ranges(extents), (size, 0)):
        while (end := _next_data(file, end, offset)) < offset:
            data = read_at(file, min(PIECE_BYTES, offset - end), end)
            if not data or data.count(0) != len(data):
                return False
            end += len(data)
        end = offset + length
    return True


def _next_data(file: int, at: int, end: int) -> int:
    """Return where data begins from ``at`` on; ``end`` where there is none, ``at`` where nothing is told."""
    try:
        start = data_from(file, at)
    except OSError:
        return at
    return end if start is None else min(start, end)


class Placement:
    """Where the bytes of a content belong in a file: one after another, or in the parts of a sparse one."""

    def __init__(self, extents: tuple[int, ...] | None) -> None:
        self._offsets = (0,) if extents is None else extents[::2]
        self._starts = (0,) if extents is None else tuple(accumulate(extents[1::2], initial=0))
        self._whole = extents is None

    def locate(self, at: int, size: int) -> tuple[int, int]:
        """Return where a byte of the content is in the file, and how many of ``size`` follow it there."""
        if self._whole:
            return at, size
        which = bisect_right(self._starts, at) - 1
        if which >= len(self._offsets):
            return at, 0
        return self._offsets[which] + at - self._starts[which], min(size, self._starts[which + 1] - at)

    def read(self, file: int, at: int, size: int) -> bytes:
        """Return the next bytes of the content, at most ``size``; none at its end."""
        offset, size = self.locate(at, size)
        return read_at(file, size, offset) if size else b""

    def write(self, file: int, at: int, data: bytes) -> None:
        """Write bytes of the content to where they belong."""
        view = memoryview(data)
        while view:
            offset, size = self.locate(at, len(view))
            if not size:
                raise ValueError("more than the parts of the file hold")
            written = write_at(file, view[:size], offset)
            view, at = view[written:], at + written
