"""Snapshots: values with their health, and keyed deltas instead of whole lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from streams.model.failures import Failure
from streams.model.vocabulary import Health

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """The last good value of a subject, when it came, and what it is worth now."""

    value: T | None
    health: Health
    at: datetime | None = None
    """When ``value`` was last confirmed, not merely changed; None before the first one."""
    cadence_s: float | None = None
    """How often a new one is due; older than this is stale."""
    failure: Failure | None = None


class Delta(msgspec.Struct, Generic[K, V], frozen=True, eq=False, gc=False):
    """What changed in a keyed subject since the last delta; ``full`` replaces all that was known.

    Equal deltas do the same, whenever it was committed. A struct, because one is made for every event.
    """

    changed: Mapping[K, V]
    removed: frozenset[K] = frozenset()
    full: bool = False
    committed_at: datetime | None = None
    """The oldest commit that this carries, by the clock of the server; for measuring event to screen."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Delta):
            return False
        return (self.changed, self.removed, self.full) == (other.changed, other.removed, other.full)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def apply_to(self, rows: dict[K, V]) -> None:
        """Bring ``rows`` to where this delta leads."""
        if self.full:
            rows.clear()
        for key in self.removed:
            rows.pop(key, None)
        rows.update(self.changed)
