"""A made-up past for the tests of the screen; the same moment and question give the same answer."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from app.catalogue.analytics_period import Period, period_of
from app.catalogue.metrics import KEPT, UNITS
from streams.model.analytics import (
    AnalyticsQuery,
    BackupHistory,
    BackupInterval,
    ClientHeat,
    ClientHours,
    LoadHistory,
    StorageTrend,
)
from streams.model.failures import Failure
from streams.model.server import Series, SeriesPoint
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from streams.sources.analytics import AnalyticsStreams
from streams.sources.console_load import UNITS as CONSOLE_UNITS
from tests.ui import fleet

MIB = fleet.MIB
CONSOLE_STARTED_S = 5 * 3600


def _wave(at_s: float, period_s: float, phase: float = 0.0) -> float:
    """A value between 0 and 1 that comes and goes."""
    return 0.5 + 0.5 * math.sin(2 * math.pi * at_s / period_s + phase)


def _noise(at_s: float, salt: float) -> float:
    return math.modf(abs(math.sin(at_s * 12.9898 + salt * 78.233)) * 43758.5453)[0]


def _mean(name: str, at_s: float, now_s: float) -> float:
    day, rush = _wave(at_s, 86400, -1.2), _noise(at_s // 30, 1)
    match name:
        case "cpu_ratio":
            return 0.04 + 0.18 * day + 0.1 * rush
        case "memory_bytes":
            return (820 + 260 * day + 20 * rush) * MIB
        case "received_bps":
            return (4 + 52 * day * rush) * MIB
        case "sent_bps":
            return (0.6 + 5 * day * rush) * MIB
        case "store_bytes":
            return fleet.GIB * (412 - (now_s - at_s) / 86400 * 4.1 + 3 * _wave(at_s, 9 * 86400))
        case "p50_s":
            return 0.009 + 0.004 * rush
        case "p99_s":
            return 0.028 + 0.04 * rush * day
        case "events_per_s":
            return 12 + 14 * day + 6 * rush
        case "frames_per_s":
            return 3 + 5 * rush
        case _:
            return (188 + 9 * rush) * MIB


def _series(name: str, unit: str, period: Period, *, start_s: float = 0.0) -> Series:
    step_s = period.load_step_s(KEPT)
    now_s = period.as_of.timestamp()
    points: list[SeriesPoint] = []
    for at_us in period.edges_us(step_s)[:-1]:
        at_s = at_us / 1e6
        if at_s < start_s:
            continue
        mean = _mean(name, at_s, now_s)
        swing = 0.0 if name == "store_bytes" else 0.1 + 0.5 * _noise(at_s, 3)
        at = datetime.fromtimestamp(at_s, UTC)
        points.append(
            SeriesPoint(at=at, least=mean * (1 - swing / 2), mean=mean, greatest=mean * (1 + swing))
        )
    return Series(name=name, unit=unit, step_s=step_s, points=tuple(points))


def backups(query: AnalyticsQuery, now: datetime) -> BackupHistory:
    """Some ten backups an hour, fewer at night, now and then one that fails."""
    period = period_of(query, now)
    step_s = period.run_step_s()
    shift_s = period.shift_s(step_s)

    def intervals(part: Period) -> tuple[BackupInterval, ...]:
        found: list[BackupInterval] = []
        for at_us in part.edges_us(step_s)[:-1]:
            at_s = at_us / 1e6
            share = min(1.0, (now.timestamp() - at_s) / step_s)
            runs = (
                step_s / 3600 * (3 + 9 * _wave(at_s + step_s / 2, 86400, -1.2) + 3 * _noise(at_s, 5)) * share
            )
            failed = round(runs * 0.07 * _noise(at_s, 7))
            partial = round(runs * 0.05 * _noise(at_s, 9))
            found.append(
                BackupInterval(
                    at=datetime.fromtimestamp(at_s, UTC),
                    complete=round(runs * 0.93),
                    partial=partial,
                    failed=failed,
                    cancelled=round(runs * 0.03 * _noise(at_s, 11)),
                    bytes_sent=round(runs * (180 + 90 * _noise(at_s, 13)) * MIB),
                    bytes_seen=round(runs * 8 * fleet.GIB),
                )
            )
        return tuple(found)

    return BackupHistory(
        as_of=now,
        since=period.since,
        until=period.until,
        step_s=step_s,
        shift_s=shift_s,
        intervals=intervals(period),
        before=intervals(period.earlier(shift_s)) if query.compare else (),
    )


def hours(query: AnalyticsQuery, now: datetime) -> ClientHeat:
    """Servers at their hour of the night, laptops at noon, the mail gateway failing all day."""
    period = period_of(query, now)
    days = max(1.0, period.span_s / 86400)
    told: list[ClientHours] = []
    for i, name in enumerate(sorted(fleet.NAMES)):
        peak = 12.5 if name.startswith("laptop") else (i * 5) % 24
        runs = [round(days * max(0.0, 1.6 - abs((hour - peak + 12) % 24 - 12) * 0.8)) for hour in range(24)]
        runs = [0] * 24 if name == fleet.NEVER else runs
        failed = [n if name == fleet.FAILING else round(n * 0.1) if i % 9 == 4 else 0 for n in runs]
        told.append(
            ClientHours(client_id=fleet.client_id(name), name=name, runs=tuple(runs), failed=tuple(failed))
        )
    return ClientHeat(
        as_of=now, since=period.since, until=period.until, clients=tuple(told), client_count=len(told)
    )


def load(query: AnalyticsQuery, now: datetime, units: dict[str, str], *, start_s: float = 0.0) -> LoadHistory:
    """Higher by day than by night."""
    period = period_of(query, now)
    shift_s = period.shift_s(1)
    before = period.earlier(shift_s)
    return LoadHistory(
        as_of=now,
        since=period.since,
        until=period.until,
        shift_s=shift_s,
        series=tuple(_series(name, unit, period, start_s=start_s) for name, unit in units.items()),
        before=tuple(_series(name, unit, before, start_s=start_s) for name, unit in units.items())
        if query.compare
        else (),
    )


class FakeAnalytics:
    """The streams of the analytics view; all of them are in the same situation."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._turn: BehaviorSubject[Callable[[Callable[[], Any]], Snapshot[Any]]] = BehaviorSubject(
            lambda _make: Snapshot(None, Health.LOADING)
        )
        self.asked: list[AnalyticsQuery] = []
        self._empty = False
        self.streams = AnalyticsStreams(
            backups=self._stream(self.backups),
            hours=self._stream(self.hours),
            performance=self._stream(
                lambda query: self.load(query, {name: UNITS[name] for name in UNITS if name != "store_bytes"})
            ),
            storage=self._stream(
                lambda query: StorageTrend(
                    history=self.load(query, {"store_bytes": "bytes"}), forecast=fleet.forecast(self._now())
                )
            ),
            console=self._stream(
                lambda query: self.load(
                    query, CONSOLE_UNITS, start_s=self._now().timestamp() - CONSOLE_STARTED_S
                )
            ),
        )

    @property
    def looked_at(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._turn.observers)

    def backups(self, query: AnalyticsQuery) -> BackupHistory:
        """The answer, without any run where nobody has been backed up."""
        told = backups(query, self._now())
        if not self._empty:
            return told
        nothing = tuple(BackupInterval(at=each.at) for each in told.intervals)
        return BackupHistory(
            as_of=told.as_of,
            since=told.since,
            until=told.until,
            step_s=told.step_s,
            shift_s=told.shift_s,
            intervals=nothing,
        )

    def hours(self, query: AnalyticsQuery) -> ClientHeat:
        """The answer, without any client where nobody has enrolled."""
        told = hours(query, self._now())
        if not self._empty:
            return told
        return ClientHeat(as_of=told.as_of, since=told.since, until=told.until, clients=())

    def load(self, query: AnalyticsQuery, units: dict[str, str], *, start_s: float = 0.0) -> LoadHistory:
        """The answer, without points where nothing was measured."""
        if self._empty:
            start_s = self._now().timestamp() + 1e9
        return load(query, self._now(), units, start_s=start_s)

    # -- situations

    def fill(self) -> None:
        """Everything is there."""
        self._empty = False
        self._turn.on_next(lambda make: Snapshot(make(), Health.OK, self._now(), 30.0))

    def empty(self) -> None:
        """Nothing has happened yet."""
        self._empty = True
        self._turn.on_next(lambda make: Snapshot(make(), Health.OK, self._now(), 30.0))

    def fail(self, failure: Failure) -> None:
        """Nothing could be read."""
        self._turn.on_next(lambda _make: Snapshot(None, Health.ERROR, failure=failure))

    def lose(self, failure: Failure) -> None:
        """What was read stays."""
        at = self._now() - timedelta(seconds=95)
        self._turn.on_next(lambda make: Snapshot(make(), Health.ERROR, at, 30.0, failure))

    def _stream(
        self, make: Callable[[AnalyticsQuery], Any]
    ) -> Callable[[AnalyticsQuery], Observable[Snapshot[Any]]]:
        def stream(query: AnalyticsQuery) -> Observable[Snapshot[Any]]:
            self.asked.append(query)
            return self._turn.pipe(ops.map(lambda turn: turn(lambda: make(query))))

        return stream
