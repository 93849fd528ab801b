"""Samples as intervals: the least, the greatest, the sum and the count of what fell into each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from app.catalogue.schema import metric_samples
from app.catalogue.times import SECOND_US
from app.catalogue.transaction import Transaction

STEPS_S = (10, 60, 3600)
"""Lengths of the intervals that are kept, in seconds."""

Key = tuple[str, int, int]
"""Name of the metric, length of the interval in seconds, its start in microseconds."""


@dataclass(slots=True)
class Interval:
    """What is kept of all samples of one interval."""

    least: float
    greatest: float
    total: float
    count: int

    def merge(self, other: "Interval") -> None:
        """Take in another part of the same interval."""
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)
        self.total += other.total
        self.count += other.count


class Intervals:
    """Intervals of several metrics, gathered before they are written."""

    def __init__(self, steps_s: Sequence[int] = STEPS_S) -> None:
        self._steps_s = steps_s
        self.kept: dict[Key, Interval] = {}

    def add(self, at_us: int, sample: Mapping[str, float]) -> None:
        """Take in a sample, at every length."""
        for name, value in sample.items():
            for step_s in self._steps_s:
                start = at_us - at_us % (step_s * SECOND_US)
                self.merge((name, step_s, start), Interval(value, value, value, 1))

    def merge(self, key: Key, more: Interval) -> None:
        """Take in an interval that was gathered elsewhere."""
        known = self.kept.get(key)
        if known is None:
            self.kept[key] = more
        else:
            known.merge(more)

    def write(self, transaction: Transaction) -> None:
        """Add all to what the catalogue has, inside a write."""
        for step_s in self._steps_s:
            self._take_over(transaction, step_s)
        rows = [
            {
                "name": name,
                "step_s": step_s,
                "at": at_us,
                "least": each.least,
                "greatest": each.greatest,
                "total": each.total,
                "count": each.count,
            }
            for (name, step_s, at_us), each in self.kept.items()
        ]
        if rows:
            transaction.insert(metric_samples, rows)

    def _take_over(self, transaction: Transaction, step_s: int) -> None:
        """Take what the catalogue has of the same intervals out of it, and in here."""
        keys = [key for key in self.kept if key[1] == step_s]
        if not keys:
            return
        sample = metric_samples.c
        starts = [at_us for _, _, at_us in keys]
        rows = transaction.all(
            select(metric_samples).where(
                sample.name.in_({name for name, _, _ in keys}),
                sample.step_s == step_s,
                sample.at.between(min(starts), max(starts)),
            )
        )
        taken = [row for row in rows if (row.name, step_s, row.at) in self.kept]
        if not taken:
            return
        for row in taken:
            interval = Interval(row.least, row.greatest, row.total, row[-1])
            self.merge((row.name, step_s, row.at), interval)
        transaction.run(
            delete(metric_samples).where(
                sample.name == bindparam("which"),
                sample.step_s == step_s,
                sample.at == bindparam("start"),
            ),
            [{"which": row.name, "start": row.at} for row in taken],
        )
