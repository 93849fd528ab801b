"""The lines that are on the screen or one scroll away: sorted by time, each once, bounded."""

from bisect import bisect_left
from collections.abc import Sequence

from streams.model.logs import LogLine
from streams.ports.logs import LineKey, key_of


class LineBuffer:
    """Lines in order of time; the oldest go when there are more than ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: list[LineKey] = []
        self.lines: list[LogLine] = []

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def full(self) -> bool:
        """Whether more older lines would push themselves out."""
        return len(self.lines) >= self._most

    @property
    def first(self) -> LineKey | None:
        """Where the oldest line stands."""
        return self._keys[0] if self._keys else None

    def clear(self) -> None:
        """Forget all lines."""
        self._keys.clear()
        self.lines.clear()

    def insert(self, lines: Sequence[LogLine]) -> int:
        """Sort lines in that are in order among themselves; return how many were not known yet."""
        if not lines:
            return 0
        before = len(self.lines)
        keys = [key_of(line) for line in lines]
        start = bisect_left(self._keys, keys[0])
        if start == before:
            self._keys += keys
            self.lines += lines
        else:
            end = bisect_left(self._keys, keys[-1], lo=start) + 1
            merged = dict(zip(self._keys[start:end], self.lines[start:end], strict=True))
            merged.update(zip(keys, lines, strict=True))
            part = sorted(merged)
            self._keys[start:end] = part
            self.lines[start:end] = [merged[key] for key in part]
        added = len(self.lines) - before
        over = len(self.lines) - self._most
        if over > 0:
            del self._keys[:over]
            del self.lines[:over]
        return added

    def index_of(self, key: LineKey) -> int:
        """Return the index of a line, or of the first one after it."""
        return bisect_left(self._keys, key)
