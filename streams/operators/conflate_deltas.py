"""Conflation of keyed changes: one delta a frame, whatever came in between."""

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from streams.core.schedulers import JobScheduler
from streams.core.types import Operator, Seconds
from streams.model.snapshot import Delta
from streams.operators.conflate import Gather, conflate_into
from streams.operators.frames import Frames

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


def merged(deltas: Sequence[Delta[K, V]]) -> Delta[K, V]:
    """Return one delta that does what these, of which there is at least one, do one after the other.

    A single one is returned as it is; together they carry the oldest of their commits.
    """
    if len(deltas) == 1:
        return deltas[0]
    changed: dict[K, V] = {}
    for delta in deltas:
        if delta.removed or delta.full:
            return _merged_in_turn(deltas)
        changed |= delta.changed
    return Delta(changed, committed_at=_oldest_commit(deltas))


def _merged_in_turn(deltas: Sequence[Delta[K, V]]) -> Delta[K, V]:
    starts = [place for place, delta in enumerate(deltas) if delta.full]
    full = bool(starts)
    if full:  # what came before the last one that is full does not count any more
        deltas = deltas[starts[-1] :]
    changed: dict[K, V] = {}
    removed: set[K] = set()
    for delta in deltas:
        for key in delta.removed:
            changed.pop(key, None)
        removed |= delta.removed
        changed |= delta.changed
        removed.difference_update(delta.changed)
    return Delta(changed, frozenset() if full else frozenset(removed), full, _oldest_commit(deltas))


def _oldest_commit(deltas: Sequence[Delta[K, V]]) -> datetime | None:
    """Return the first commit: they come in the order in which they were committed."""
    return next((delta.committed_at for delta in deltas if delta.committed_at is not None), None)


def _begun(first: Delta[K, V]) -> list[Delta[K, V]]:
    return [first]


DELTAS: Gather[Any, Any] = (_begun, list[Any].append, merged)
"""Gathers deltas into one, for whoever has frames of his own: two hundred come a second, frames are fewer."""
