"""Keyed rows in an order that holds still: live values move a row only when the table settles."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")

SortKey = Callable[[Any], Any]


class KeyedOrder(Generic[K, R]):
    """Rows by key, filtered and sorted.

    ``apply`` changes rows where they stand: one that would now sort elsewhere, or that the filter no longer
    keeps, stays where the eye left it, one that was removed stays as *gone*, a new one is put at the end.
    ``settle`` brings everything to its place.
    """

    def __init__(self, *, tie: SortKey | None = None) -> None:
        self.rows: dict[K, R] = {}
        self.order: list[K] = []
        self.gone: set[K] = set()
        self.unsettled = False
        self._tie = tie
        self._sort: SortKey | None = None
        self._descending = False
        self._keep: Callable[[R], bool] | None = None
        self._index: dict[K, int] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def index_of(self, key: K) -> int | None:
        """Return where a row stands, or None."""
        if self._index is None:
            self._index = {k: i for i, k in enumerate(self.order)}
        return self._index.get(key)

    def replace(self, rows: Iterable[tuple[K, R]]) -> None:
        """Take these rows in place of all others, in the order given, before sorting."""
        self.rows = dict(rows)
        self.settle()

    def sort_by(self, sort: SortKey | None, descending: bool = False) -> None:
        """Order by ``sort``; None keeps the order in which the rows came."""
        self._sort, self._descending = sort, descending
        self.settle()

    def filter_by(self, keep: Callable[[R], bool] | None) -> None:
        """Show only the rows that ``keep`` accepts."""
        self._keep = keep
        self.settle()

    def apply(self, changed: Mapping[K, R], removed: Iterable[K] = ()) -> bool:
        """Take changes without moving what is there; return whether rows were added or are gone now."""
        shape = False
        for key, row in changed.items():
            before = self.rows.get(key)
            self.rows[key] = row
            place = self.index_of(key)
            if place is None:
                if self._keep is None or self._keep(row):
                    self.order.append(key)
                    self._index = None
                    self.unsettled = shape = True
            else:
                if key in self.gone:
                    self.gone.discard(key)
                    shape = True
                if before is None or not self._stays(before, row):
                    self.unsettled = True
        for key in removed:
            if self.rows.pop(key, None) is not None and self.index_of(key) is not None:
                self.gone.add(key)
                self.unsettled = shape = True
        return shape

    def _stays(self, before: R, after: R) -> bool:
        if self._keep is not None and not self._keep(after):
            return False
        return self._sort is None or self._sort(before) == self._sort(after)

    def settle(self) -> bool:
        """Filter and sort anew; return whether any row stands elsewhere now."""
        was = self.order
        keep = self._keep
        keys = [key for key, row in self.rows.items() if keep is None or keep(row)]
        if self._sort is not None:
            keys = self._sorted(keys, self._sort)
        self.order = keys
        self.gone = set()
        self.unsettled = False
        self._index = None
        return keys != was

    def _sorted(self, keys: list[K], sort: SortKey) -> list[K]:
        rows, tie = self.rows, self._tie
        if tie is not None:
            keys = sorted(keys, key=lambda key: tie(rows[key]))
        values = {key: sort(rows[key]) for key in keys}
        known = [key for key in keys if values[key] is not None]
        unknown = [key for key in keys if values[key] is None]
        known.sort(key=lambda key: values[key], reverse=self._descending)
        return known + unknown
