"""Whole answers and numbered events become one table: no answer overwrites what happened after it."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from streams.model.snapshot import Delta

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NO_KEYS: frozenset[Any] = frozenset()


class NumberedFold(Generic[K, V]):
    """A table under two writers: answers that say up to which event they know, and the events themselves.

    Each row has the number of the event that wrote it last. An answer leaves rows alone that were written by
    later events than it knows; an event that an answer knew already changes nothing.
    """

    def __init__(self) -> None:
        self.rows: dict[K, V] = {}
        self._numbers: dict[K, int] = {}
        self._known = 0
        self._epoch: str | None = None
        self._read = False

    def restart(self, epoch: str) -> None:
        """Take note that events are numbered afresh; the rows stay until they are read again."""
        if self._epoch not in (None, epoch):
            self._known = 0
            self._numbers.clear()
        self._epoch = epoch

    def read(self, epoch: str, seq: int, rows: Mapping[K, V]) -> Delta[K, V] | None:
        """Take a whole answer that includes all events up to ``seq``; return what it changes, if anything."""
        full, self._read = not self._read, True
        self.restart(epoch)
        if seq < self._known:
            return None
        self._known = seq
        self._numbers = {key: number for key, number in self._numbers.items() if number > seq}
        later, mine = self._numbers, self.rows
        changed = {key: row for key, row in rows.items() if key not in later and mine.get(key) != row}
        removed = frozenset(key for key in mine if key not in rows and key not in later)
        return self._apply(changed, removed, full=full)

    def write(self, seq: int, key: K, row: V | None, at: datetime | None = None) -> Delta[K, V] | None:
        """Take what an event says of a row, None for gone; return it, unless something later is known.

        Whether the row is another than before is left to the table that follows: it compares anyway.
        """
        numbers = self._numbers
        if seq <= numbers.get(key, self._known):  # what it says of a row is later than what an answer knew
            return None
        numbers[key] = seq
        if row is None:
            return self._apply({}, frozenset({key} & self.rows.keys()), at=at)
        self.rows[key] = row
        return Delta({key: row}, _NO_KEYS, False, at)

    def _apply(
        self, changed: dict[K, V], removed: frozenset[K], *, full: bool = False, at: datetime | None = None
    ) -> Delta[K, V] | None:
        for key in removed:
            del self.rows[key]
        self.rows.update(changed)
        return _delta(self.rows, changed, removed, full, at)


class NewestFold(Generic[K, V]):
    """A table under two writers that number nothing: answers, and frames of which only the newest counts.

    An answer leaves rows alone that a frame has touched since the question was asked.
    """

    def __init__(self) -> None:
        self.rows: dict[K, V] = {}
        self._touched: set[K] = set()
        self._read = False

    def ask(self) -> None:
        """Take note that the question of the next answer is asked now."""
        self._touched.clear()

    def read(self, rows: Mapping[K, V]) -> Delta[K, V] | None:
        """Take a whole answer; return what it changes, if anything."""
        full, self._read = not self._read, True
        touched, mine = self._touched, self.rows
        changed = {key: row for key, row in rows.items() if key not in touched and mine.get(key) != row}
        removed = frozenset(key for key in mine if key not in rows and key not in touched)
        return self._apply(changed, removed, full=full)

    def write(
        self, rows: Mapping[K, V], gone: frozenset[K] = frozenset(), at: datetime | None = None
    ) -> Delta[K, V] | None:
        """Take what a frame says; return what it changes, if anything."""
        self._touched.update(rows)
        self._touched.update(gone)
        changed = {key: row for key, row in rows.items() if key not in gone and self.rows.get(key) != row}
        return self._apply(changed, gone & self.rows.keys(), at=at)

    def _apply(
        self, changed: dict[K, V], removed: frozenset[K], *, full: bool = False, at: datetime | None = None
    ) -> Delta[K, V] | None:
        for key in removed:
            del self.rows[key]
        self.rows.update(changed)
        return _delta(self.rows, changed, removed, full, at)


def _delta(
    rows: dict[K, V], changed: dict[K, V], removed: frozenset[K], full: bool, at: datetime | None
) -> Delta[K, V] | None:
    if full:  # the first answer: all there is, with what events have brought before it
        return Delta(MappingProxyType(dict(rows)), frozenset(), True, at)
    return Delta(MappingProxyType(changed), removed, False, at) if changed or removed else None
