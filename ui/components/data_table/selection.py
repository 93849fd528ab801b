"""The selected rows of a table, by key: they survive sorting, paging and live updates."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Selection(Generic[K]):
    """Selected keys, and the anchor from which Shift selects a range."""

    def __init__(self) -> None:
        self.keys: set[K] = set()
        self.anchor: K | None = None

    def __contains__(self, key: K) -> bool:
        return key in self.keys

    def __len__(self) -> int:
        return len(self.keys)

    def toggle(self, key: K) -> None:
        """Select a row, or no longer; it becomes the anchor."""
        if key in self.keys:
            self.keys.discard(key)
        else:
            self.keys.add(key)
        self.anchor = key

    def extend(self, order: Sequence[K], key: K) -> None:
        """Select the rows from the anchor to ``key``; without an anchor in the order, only ``key``."""
        if self.anchor is None or self.anchor not in order or key not in order:
            self.keys.add(key)
            self.anchor = key
            return
        first, last = sorted((order.index(self.anchor), order.index(key)))
        self.keys.update(order[first : last + 1])

    def select_all(self, keys: Iterable[K]) -> None:
        """Select these rows in addition."""
        self.keys.update(keys)

    def clear(self) -> None:
        """Select nothing and forget the anchor."""
        self.keys.clear()
        self.anchor = None

    def drop(self, keys: Iterable[K]) -> bool:
        """Forget rows that no longer exist; return whether the selection changed."""
        gone = self.keys.intersection(keys)
        self.keys -= gone
        if self.anchor in gone:
            self.anchor = None
        return bool(gone)

    def covers(self, order: Sequence[K]) -> bool | None:
        """Return True when all of ``order`` is selected, None when some of it is, False when none is."""
        count = sum(1 for key in order if key in self.keys) if self.keys else 0
        if not count:
            return False
        return True if count == len(order) else None
