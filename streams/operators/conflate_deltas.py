"""Conflation of keyed changes: one delta a frame, whatever came in between."""

from collections.abc import Hashable
from datetime import datetime
from typing import Any, Generic, TypeVar

from streams.operators.conflate import Gather, conflate_into
from streams.operators.frames import Frames
from streams.operators.kinds import Operator, Seconds
from streams.schedulers import JobScheduler
from streams.snapshot import Delta

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def conflate_deltas(every_s: Seconds, *, scheduler: JobScheduler) -> Operator[Delta[K, V], Delta[K, V]]:
    """Emit one delta that does what all those of a frame do, at most once in ``every_s``.

    Without a new mapping for each delta on the way.

    ::

        source:   a-b-c-----d--|
        conflate_deltas(0.004)
        result:   a---x-----d--|
        where x does what b and then c do
    """
    return conflate_into(*DELTAS, lambda: Frames(scheduler, every_s))


class GatheredDeltas(Generic[K, V]):
    """Deltas of one frame; a single one is handed on as it is."""

    __slots__ = ("_changed", "_committed_at", "_first", "_removed")

    def __init__(self, first: Delta[K, V]) -> None:
        self._first = first
        self._changed: dict[K, V] | None = None
        self._removed: set[K] = set()
        self._committed_at: datetime | None = None

    def add(self, later: Delta[K, V]) -> "GatheredDeltas[K, V]":
        """Take one more in; return what goes on gathering."""
        if later.full:
            return GatheredDeltas(later)
        changed = self._changed
        if changed is None:
            changed = self._changed = dict(self._first.changed)
            self._removed.update(self._first.removed)
            self._committed_at = self._first.committed_at
        if later.removed:
            for key in later.removed:
                changed.pop(key, None)
            if not self._first.full:
                self._removed |= later.removed
        changed.update(later.changed)
        if self._removed:
            self._removed.difference_update(later.changed)
        if self._committed_at is None:  # they come in the order in which they were committed
            self._committed_at = later.committed_at
        return self

    def delta(self) -> Delta[K, V]:
        """Return one delta that does what all of them do."""
        if self._changed is None:
            return self._first
        return Delta(self._changed, frozenset(self._removed), self._first.full, self._committed_at)


DELTAS: Gather[Any, Any] = (GatheredDeltas, GatheredDeltas.add, GatheredDeltas.delta)
"""Gathers deltas into one, for whoever has frames of his own."""
