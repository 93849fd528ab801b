"""Samples of the server's load, rolled up as they come: least, greatest, sum and count of each interval."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, literal, select, tuple_

from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.forecast import forecast
from app.catalogue.intervals import STEPS_S, Interval, Intervals
from app.catalogue.readers import Readers
from app.catalogue.schema import metric_samples
from app.catalogue.times import LATEST_US, SECOND_US, from_us, to_us
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.server import Series, SeriesPoint, StorageForecast

KEPT = {10: timedelta(hours=6), 60: timedelta(days=14), 3600: timedelta(days=1830)}
"""How long the intervals of each length are kept."""
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


class Metrics:
    """How the server has been doing."""

    def __init__(self, readers: Readers, writer: Writer, *, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._writer = writer
        self._now = now
        self._open = Intervals()
        self._open_at = 0

    async def record(self, sample: Mapping[str, float], at: datetime | None = None) -> None:
        """Take in a sample; it is written with its 10 s, and can be asked for at once."""
        at_us = to_us(at or self._now())
        start = at_us - at_us % (STEPS_S[0] * SECOND_US)
        if start != self._open_at:
            await self.flush()
            self._open_at = start
        self._open.add(at_us, sample)

    async def flush(self) -> None:
        """Write what has been taken in."""
        gathered, self._open = self._open, Intervals()
        if gathered.kept:
            await self._writer.write(gathered.write)

    async def series(
        self, names: Sequence[str], since: datetime, step_s: float, until: datetime | None = None
    ) -> tuple[Series, ...]:
        """Return metrics since a time, in intervals of ``step_s``, oldest first, in the order of ``names``.

        An interval that began before ``since`` is whole; none begins at ``until`` or later.
        """
        kept = max(each for each in STEPS_S if each <= max(step_s, STEPS_S[0]))
        step = max(int(step_s) // kept, 1) * kept
        slot_us = step * SECOND_US
        since_us = to_us(since) - to_us(since) % slot_us
        until_us = LATEST_US if until is None else to_us(until)
        sample = metric_samples.c
        slot = (sample.at - sample.at % literal(slot_us)).label("slot")
        rows = await self._readers.rows(
            select(
                sample.name,
                slot,
                func.min(sample.least),
                func.max(sample.greatest),
                func.sum(sample.total),
                func.sum(sample["count"]),
            )
            .where(
                sample.name.in_(names),
                sample.step_s == kept,
                sample.at >= since_us,
                sample.at < until_us,
            )
            .group_by(sample.name, slot)
        )
        found = Intervals()
        for name, at_us, least, greatest, total, count in rows:
            found.merge((name, step, at_us), Interval(least, greatest, total, count))
        for (name, length, at_us), taken in self._open.kept.items():
            if length == kept and since_us <= at_us < until_us:
                part = Interval(taken.least, taken.greatest, taken.total, taken.count)
                found.merge((name, step, at_us - at_us % slot_us), part)
        return tuple(_series(name, step, found) for name in names)

    async def rollup(self, at: datetime | None = None) -> int:
        """Drop short intervals that are too old, their sums stay in the longer ones; return how many went."""
        gone = 0
        for step_s, kept in KEPT.items():
            before = to_us((at or self._now()) - kept)
            for name in await self._names():
                old = (
                    (metric_samples.c.name == name)
                    & (metric_samples.c.step_s == step_s)
                    & (metric_samples.c.at < before)
                )
                gone += await in_steps(
                    self._writer,
                    lambda transaction, most, old=old: _drop(transaction, old, most),
                    flow=MAINTENANCE,
                )
        return gone

    async def _names(self) -> list[str]:
        """Return the names of all series, each found by a step over the one before."""
        names: list[str] = []
        following = select(func.min(metric_samples.c.name))
        while True:
            wanted = following.where(metric_samples.c.name > names[-1]) if names else following
            name = (await self._readers.rows(wanted))[0][0]
            if name is None:
                return names
            names.append(name)

    async def storage_history(self, days: float) -> list[tuple[datetime, float]]:
        """Return the mean size of the store in each hour of the last ``days``, oldest first."""
        since = self._now() - timedelta(days=days)
        series = await self.series(["store_bytes"], since, STEPS_S[-1])
        return [(point.at, point.mean) for point in series[0].points]

    async def forecast(self, disk_total_bytes: int, disk_free_bytes: int) -> StorageForecast:
        """Return when the disk will be full, judged by how the store has grown in the last 30 days."""
        history = await self.storage_history(FORECAST_DAYS)
        return forecast(
            history, now=self._now(), disk_total_bytes=disk_total_bytes, disk_free_bytes=disk_free_bytes
        )


def _drop(transaction: Transaction, old: ColumnElement[bool], most: int) -> int:
    key = tuple_(*metric_samples.primary_key.columns)
    first = select(*metric_samples.primary_key.columns).where(old).limit(most)
    return transaction.run(delete(metric_samples).where(key.in_(first))).rowcount


def _series(name: str, step_s: int, found: Intervals) -> Series:
    points = sorted((at_us, each) for (metric, _, at_us), each in found.kept.items() if metric == name)
    return Series(
        name=name,
        unit=UNITS.get(name, ""),
        step_s=step_s,
        points=tuple(
            SeriesPoint(
                at=from_us(at_us), least=each.least, mean=each.total / each.count, greatest=each.greatest
            )
            for at_us, each in points
        ),
    )
