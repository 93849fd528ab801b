"""Questions about the past of the whole fleet, answered from what was rolled up as it happened."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, literal, select

from app.catalogue.analytics_period import Period, anchor_us, period_of
from app.catalogue.analytics_rollup import ALL, COUNTS, DAY_S, FLEET_S, HOUR_S, forget_hours
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.metrics import KEPT, Metrics
from app.catalogue.readers import Readers
from app.catalogue.rows import PRESENT, REMOVED
from app.catalogue.schema import clients, run_rollup
from app.catalogue.times import SECOND_US, from_us, to_us
from app.catalogue.totals import clamped, summed
from app.catalogue.writer import Writer
from streams.model.analytics import (
    AnalyticsQuery,
    BackupHistory,
    BackupInterval,
    ClientHeat,
    ClientHours,
    LoadHistory,
    StorageTrend,
)
from streams.model.server import Series, StorageForecast

MAX_CLIENTS = 48
HOURS = 24
HOURS_KEPT = timedelta(days=800)
"""How long it is known at which hour a client was backed up."""
PERFORMANCE = ("cpu_ratio", "memory_bytes", "received_bps", "sent_bps")
STORAGE = ("store_bytes",)

_row = run_rollup.c
_RUNS = _row.complete + _row.partial + _row.failed + _row.cancelled


class Analytics:
    """Backups in intervals, clients by hour, and load over longer times."""

    def __init__(
        self, readers: Readers, writer: Writer, metrics: Metrics, *, now: Callable[[], datetime]
    ) -> None:
        self._readers = readers
        self._writer = writer
        self._metrics = metrics
        self._now = now

    async def backups(self, query: AnalyticsQuery) -> BackupHistory:
        """Return how the runs of a period ended, in intervals, oldest first; raises BadQuery.

        Intervals that lie only partly in the period are whole.
        """
        period = period_of(query, self._now())
        step_s = period.run_step_s()
        shift_s = period.shift_s(step_s)
        before = period.edges_before_us(step_s, shift_s) if query.compare else []
        return BackupHistory(
            as_of=period.as_of,
            since=period.since,
            until=period.until,
            step_s=step_s,
            shift_s=shift_s,
            intervals=await self._intervals(period, period.edges_us(step_s), step_s),
            before=await self._intervals(period, before, step_s) if before else (),
        )

    async def _intervals(
        self, period: Period, edges: Sequence[int], step_s: int
    ) -> tuple[BackupInterval, ...]:
        length, starts = step_s * SECOND_US, edges[:-1]
        counted = [dict.fromkeys(COUNTS, 0) for _ in starts]
        for part in period.clock.within(edges[0], edges[-1]):
            anchor = part.offset_us + anchor_us(step_s)
            slot = (_row.at - (_row.at + literal(anchor)) % literal(length)).label("slot")
            rows = await self._readers.rows(
                select(slot, *(summed(_row[name]) for name in COUNTS))
                .where(
                    _row.step_s == FLEET_S,
                    _row.client_no == ALL,
                    _row.at >= part.start_us,
                    _row.at < part.end_us,
                )
                .group_by(slot)
            )
            for at, *counts in rows:
                # An interval in which the clock is changed has a group before and one after the change.
                into = counted[bisect_right(starts, max(at, part.start_us)) - 1]
                for name, count in zip(COUNTS, counts, strict=True):
                    into[name] = clamped(into[name] + count)
        return tuple(
            BackupInterval(at=from_us(at), **counts) for at, counts in zip(starts, counted, strict=True)
        )

    async def hours(self, query: AnalyticsQuery, most: int = MAX_CLIENTS) -> ClientHeat:
        """Return at which hours of the day clients were backed up within a period, by name; raises BadQuery.

        The period begins with a whole hour. Of more than ``most`` clients those that failed and then those
        that ran most often are told one by one.
        """
        period = period_of(query, self._now())
        since_us = to_us(period.since) - to_us(period.since) % (HOUR_S * SECOND_US)
        until_us = to_us(period.until)
        count = (await self._readers.rows(select(func.count()).select_from(clients).where(PRESENT)))[0][0]
        chosen = None if count <= most else await self._busiest(since_us, until_us, most)
        named = select(clients.c.no, clients.c.id, clients.c.name).where(PRESENT).order_by(clients.c.name)
        if chosen is not None:
            named = named.where(clients.c.no.in_(chosen))
        numbers = await self._readers.rows(named)
        found = await self._by_hour(
            period, HOUR_S, [row.no for row in numbers], since_us=since_us, until_us=until_us
        )
        nothing = ((0,) * HOURS, (0,) * HOURS)
        told = tuple(
            ClientHours(client_id=row.id, name=row.name, runs=runs, failed=failed)
            for row in numbers
            for runs, failed in [found.get(row.no, nothing)]
        )
        others = None
        if count > len(told):
            everyone = await self._by_hour(period, FLEET_S, [ALL], since_us=since_us, until_us=until_us)
            others = _rest(f"{count - len(told):,} others", everyone.get(ALL, nothing), told)
        return ClientHeat(
            as_of=period.as_of,
            since=from_us(since_us),
            until=period.until,
            clients=told,
            others=others,
            client_count=count,
        )

    async def _busiest(self, since_us: int, until_us: int, most: int) -> list[int]:
        """Return the numbers of the clients that failed and ran most, counted in the days of the period."""
        day = DAY_S * SECOND_US
        failed, runs = summed(_row.failed), summed(_RUNS)
        rows = await self._readers.rows(
            select(_row.client_no)
            .where(
                _row.step_s == DAY_S,
                _row.at >= since_us - since_us % day,
                _row.at < until_us,
                _row.client_no.not_in(REMOVED),
            )
            .group_by(_row.client_no)
            .order_by(failed.desc(), runs.desc(), _row.client_no)
            .limit(most)
        )
        return [row[0] for row in rows]

    async def _by_hour(
        self, period: Period, step_s: int, numbers: Sequence[int], *, since_us: int, until_us: int
    ) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Return runs and failed runs of each of these clients, by hour of the day."""
        length = HOUR_S * SECOND_US
        runs: dict[int, list[int]] = {}
        failures: dict[int, list[int]] = {}
        # Grouped by the time of the day in UTC, which costs least; a few hundred groups are dealt out here.
        begun = (_row.at % literal(DAY_S * SECOND_US)).label("begun")
        for part in period.clock.within(since_us, until_us):
            rows = await self._readers.rows(
                select(_row.client_no, begun, summed(_RUNS), summed(_row.failed))
                .where(
                    _row.step_s == step_s,
                    _row.client_no.in_(numbers),
                    _row.at >= part.start_us,
                    _row.at < part.end_us,
                )
                .group_by(_row.client_no, begun)
            )
            for number, begun_us, count, failed in rows:
                hour = (begun_us + part.offset_us) // length % HOURS
                runs.setdefault(number, [0] * HOURS)[hour] += count
                failures.setdefault(number, [0] * HOURS)[hour] += failed
        return {number: (tuple(runs[number]), tuple(failures[number])) for number in runs}

    async def performance(self, query: AnalyticsQuery) -> LoadHistory:
        """Return the server's own load over a period; raises BadQuery."""
        return await self._load(query, PERFORMANCE)

    async def storage(self, query: AnalyticsQuery, forecast: StorageForecast) -> StorageTrend:
        """Return how the file store grew over a period, beside a forecast; raises BadQuery."""
        return StorageTrend(history=await self._load(query, STORAGE), forecast=forecast)

    async def _load(self, query: AnalyticsQuery, names: Sequence[str]) -> LoadHistory:
        period = period_of(query, self._now())
        shift_s = period.shift_s(1)
        return LoadHistory(
            as_of=period.as_of,
            since=period.since,
            until=period.until,
            shift_s=shift_s,
            series=await self._series(period, names),
            before=await self._series(period.earlier(shift_s), names) if query.compare else (),
        )

    async def _series(self, period: Period, names: Sequence[str]) -> tuple[Series, ...]:
        step_s = period.load_step_s(KEPT)
        return await self._metrics.series(names, period.since, step_s, period.until)

    async def forget(self, at: datetime | None = None) -> int:
        """Drop what is too old; return how many rows went."""
        before = (at or self._now()) - HOURS_KEPT
        return await in_steps(
            self._writer,
            lambda transaction, most: forget_hours(transaction, before, most),
            flow=MAINTENANCE,
        )


def _rest(
    name: str, everyone: tuple[tuple[int, ...], tuple[int, ...]], told: Sequence[ClientHours]
) -> ClientHours:
    runs, failed = everyone
    return ClientHours(
        client_id="",
        name=name,
        runs=tuple(max(0, n - sum(c.runs[hour] for c in told)) for hour, n in enumerate(runs)),
        failed=tuple(max(0, n - sum(c.failed[hour] for c in told)) for hour, n in enumerate(failed)),
    )
