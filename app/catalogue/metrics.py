"""Samples of the server's load, rolled up as they come: least, greatest, sum and count of each interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.forecast import forecast
from app.catalogue.readers import Readers
from app.catalogue.schema import metric_samples
from app.catalogue.times import SECOND_US, from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.records.server import Series, SeriesPoint, StorageForecast

STEPS_S = (10, 60, 3600)
"""Lengths of the intervals that are kept, in seconds."""
KEPT = {10: timedelta(hours=6), 60: timedelta(days=14), 3600: timedelta(days=1830)}
UNITS = {
    "cpu_ratio": "ratio",
    "memory_bytes": "bytes",
    "connections": "count",
    "clients_online": "count",
    "received_bps": "bytes/s",
    "sent_bps": "bytes/s",
    "store_bytes": "bytes",
}
FORECAST_DAYS = 30.0


@dataclass(slots=True)
class Interval:
    """What is kept of all samples of one interval."""

    least: float
    greatest: float
    total: float
    count: int

    def add(self, value: float) -> None:
        """Take in one more sample."""
        self.least = min(self.least, value)
        self.greatest = max(self.greatest, value)
        self.total += value
        self.count += 1


def rows_of(at_us: int, intervals: Mapping[str, Interval]) -> list[dict[str, Any]]:
    """Return the rows of an interval at every length that is kept."""
    return [
        {
            "name": name,
            "step_s": step_s,
            "at": at_us - at_us % (step_s * SECOND_US),
            "least": each.least,
            "greatest": each.greatest,
            "total": each.total,
            "count": each.count,
        }
        for step_s in STEPS_S
        for name, each in intervals.items()
    ]


async def merge_in(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add intervals to those that are kept, inside a write."""
    new = insert(metric_samples)
    merged = new.on_conflict_do_update(
        index_elements=["name", "step_s", "at"],
        set_={
            "least": func.min(metric_samples.c.least, new.excluded.least),
            "greatest": func.max(metric_samples.c.greatest, new.excluded.greatest),
            "total": metric_samples.c.total + new.excluded.total,
            "count": metric_samples.c["count"] + new.excluded["count"],
        },
    )
    if rows:
        await transaction.run(merged, rows)


class Metrics:
    """How the server has been doing."""

    def __init__(self, readers: Readers, writer: Writer, *, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._writer = writer
        self._now = now
        self._open: dict[str, Interval] = {}
        self._open_at = 0

    async def record(self, sample: Mapping[str, float], at: datetime | None = None) -> None:
        """Take in a sample; it is written with its 10 s, and can be asked for at once."""
        at_us = to_us(at or self._now())
        start = at_us - at_us % (STEPS_S[0] * SECOND_US)
        if start != self._open_at:
            await self.flush()
            self._open_at = start
        for name, value in sample.items():
            known = self._open.get(name)
            if known is None:
                self._open[name] = Interval(value, value, value, 1)
            else:
                known.add(value)

    async def flush(self) -> None:
        """Write what has been taken in."""
        rows = rows_of(self._open_at, self._open)
        self._open = {}
        if rows:
            await self._writer.write(lambda transaction: merge_in(transaction, rows))

    async def series(self, names: Sequence[str], since: datetime, step_s: float) -> tuple[Series, ...]:
        """Return metrics since a time, in intervals of ``step_s``, oldest first, in the order of ``names``."""
        step = max(int(step_s), STEPS_S[0])
        kept = max(each for each in STEPS_S if each <= step)
        step -= step % kept
        sample = metric_samples.c
        slot = (sample.at - sample.at % bindparam("slot_us", step * SECOND_US)).label("slot")
        rows = await self._readers.rows(
            select(
                sample.name,
                slot,
                func.min(sample.least),
                func.max(sample.greatest),
                func.sum(sample.total),
                func.sum(sample["count"]),
            )
            .where(sample.name.in_(names), sample.step_s == kept, sample.at >= to_us(since))
            .group_by(sample.name, slot)
        )
        found: dict[str, dict[int, Interval]] = {name: {} for name in names}
        for name, at_us, least, greatest, total, count in rows:
            found[name][at_us] = Interval(least, greatest, total, count)
        self._add_open(found, step * SECOND_US, to_us(since))
        return tuple(
            Series(name=name, unit=UNITS.get(name, ""), step_s=step, points=_points(intervals))
            for name, intervals in found.items()
        )

    def _add_open(self, found: dict[str, dict[int, Interval]], slot_us: int, since_us: int) -> None:
        slot = self._open_at - self._open_at % slot_us
        for name, intervals in found.items():
            taken = self._open.get(name)
            if taken is None or self._open_at < since_us:
                continue
            known = intervals.get(slot)
            if known is None:
                intervals[slot] = Interval(taken.least, taken.greatest, taken.total, taken.count)
            else:
                known.least = min(known.least, taken.least)
                known.greatest = max(known.greatest, taken.greatest)
                known.total += taken.total
                known.count += taken.count

    async def rollup(self) -> int:
        """Drop short intervals that are too old, their sums stay in the longer ones; return how many went."""
        now = self._now()

        async def work(transaction: Transaction) -> int:
            gone = 0
            for step_s, kept in KEPT.items():
                old = metric_samples.c.at < to_us(now - kept)
                done = await transaction.run(
                    delete(metric_samples).where(metric_samples.c.step_s == step_s, old)
                )
                gone += done.rowcount
            return gone

        return await self._writer.write(work)

    async def storage_history(self, days: float) -> list[tuple[datetime, float]]:
        """Return the mean size of the store in each hour of the last ``days``, oldest first."""
        sample = metric_samples.c
        rows = await self._readers.rows(
            select(sample.at, sample.total, sample["count"])
            .where(
                sample.name == "store_bytes",
                sample.step_s == STEPS_S[-1],
                sample.at >= to_us(self._now() - timedelta(days=days)),
            )
            .order_by(sample.at)
        )
        return [(from_us(at_us), total / count) for at_us, total, count in rows]

    async def forecast(self, disk_total_bytes: int, disk_free_bytes: int) -> StorageForecast:
        """Return when the disk will be full, judged by how the store has grown in the last 30 days."""
        history = await self.storage_history(FORECAST_DAYS)
        return forecast(
            history, now=self._now(), disk_total_bytes=disk_total_bytes, disk_free_bytes=disk_free_bytes
        )


def _points(intervals: Mapping[int, Interval]) -> tuple[SeriesPoint, ...]:
    return tuple(
        SeriesPoint(at=from_us(at_us), least=each.least, mean=each.total / each.count, greatest=each.greatest)
        for at_us, each in sorted(intervals.items())
    )
