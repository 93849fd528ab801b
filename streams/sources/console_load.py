"""The console's own load, sampled while it runs, in rings that do not grow."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from streams.core.safe import Report, subscribe_safe
from streams.model.analytics import AnalyticsQuery, LoadHistory
from streams.model.base import utc_now
from streams.model.server import Series, SeriesPoint
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from streams.sources.downsample import thin
from streams.sources.latency import LatencyMeter

SAMPLE_S = 2.0
LEVELS = ((2, 1800), (60, 4320), (1800, 4416))
"""Length of the intervals in seconds and how many are kept: an hour, three days, three months."""
UNITS = {
    "p50_s": "s",
    "p99_s": "s",
    "events_per_s": "1/s",
    "frames_per_s": "1/s",
    "memory_bytes": "bytes",
}


@dataclass(slots=True)
class _Sum:
    least: float
    total: float
    greatest: float
    count: int = 1

    def add(self, value: float) -> None:
        self.least, self.greatest = min(self.least, value), max(self.greatest, value)
        self.total += value
        self.count += 1

    def point(self, at: datetime) -> SeriesPoint:
        mean = min(max(self.total / self.count, self.least), self.greatest)
        return SeriesPoint(at=at, least=self.least, mean=mean, greatest=self.greatest)


@dataclass(slots=True)
class _Slot:
    at: datetime
    sums: dict[str, _Sum] = field(default_factory=dict[str, _Sum])


class _Ring:
    """The newest intervals of one length."""

    def __init__(self, step_s: int, kept: int) -> None:
        self.step_s = step_s
        self.span = timedelta(seconds=step_s * kept)
        self.slots: deque[_Slot] = deque(maxlen=kept)

    @property
    def whole(self) -> bool:
        """Whether nothing has been dropped yet."""
        return len(self.slots) < (self.slots.maxlen or 0)

    def add(self, at: datetime, sample: Mapping[str, float]) -> None:
        start = datetime.fromtimestamp(at.timestamp() // self.step_s * self.step_s, UTC)
        if not self.slots or self.slots[-1].at < start:
            self.slots.append(_Slot(start))
        sums = self.slots[-1].sums
        for name, value in sample.items():
            known = sums.get(name)
            if known is None:
                sums[name] = _Sum(value, value, value)
            else:
                known.add(value)


class ConsoleLoad:
    """Event to screen, events, frames and memory of this process, since it was started."""

    def __init__(
        self,
        meter: LatencyMeter,
        *,
        memory_bytes: Callable[[], float],
        frames: Callable[[], int],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._meter, self._memory_bytes, self._frames, self._now = meter, memory_bytes, frames, now
        self._rings = tuple(_Ring(step_s, kept) for step_s, kept in LEVELS)
        self._last: tuple[datetime, int] | None = None

    def run(self, *, scheduler: abc.SchedulerBase, report: Report) -> abc.DisposableBase:
        """Take a sample every ``SAMPLE_S`` until disposed of."""
        return subscribe_safe(
            rx.timer(0.0, SAMPLE_S, scheduler=scheduler), lambda _: self.sample(), report=report
        )

    def sample(self) -> None:
        """Take one sample; event to screen is left out while nothing has come to the screen."""
        now, frames, measured = self._now(), self._frames(), self._meter.measure()
        sample = {"events_per_s": measured.events_per_s, "memory_bytes": float(self._memory_bytes())}
        if measured.p50_s is not None and measured.p99_s is not None:
            sample |= {"p50_s": measured.p50_s, "p99_s": measured.p99_s}
        if self._last is not None and now > self._last[0]:
            # Fewer frames than before: a window was closed and took its count along.
            drawn = max(0, frames - self._last[1])
            sample["frames_per_s"] = drawn / (now - self._last[0]).total_seconds()
        self._last = (now, frames)
        for ring in self._rings:
            ring.add(now, sample)

    def history(self, query: AnalyticsQuery) -> LoadHistory:
        """Return what was measured within a period, at most 300 points a series."""
        now = self._now()
        until = min(query.until or now, now)
        since = query.since or until - timedelta(seconds=query.span_s or 0.0)
        span = until - since
        return LoadHistory(
            as_of=now,
            since=since,
            until=until,
            shift_s=round(span.total_seconds()),
            series=self._series(since, until),
            before=self._series(since - span, since) if query.compare else (),
        )

    def _series(self, since: datetime, until: datetime) -> tuple[Series, ...]:
        reach = self._now() - since
        ring = next((ring for ring in self._rings if ring.whole or ring.span >= reach), self._rings[-1])
        slots = [slot for slot in ring.slots if since <= slot.at < until]
        found: list[Series] = []
        for name, unit in UNITS.items():
            points = thin([slot.sums[name].point(slot.at) for slot in slots if name in slot.sums])
            found.append(Series(name=name, unit=unit, step_s=ring.step_s, points=points))
        return tuple(found)

    def stream(
        self, query: AnalyticsQuery, *, scheduler: abc.SchedulerBase, every_s: float = 5.0
    ) -> Observable[Snapshot[LoadHistory]]:
        """The console's own load over a period.

        Source:  this process, which samples itself every two seconds.
        Emits:   at once and every ``every_s``.
        Shape:   five series of up to 300 points since the console was started; seconds, bytes, 1/s.
        Sharing: none needed, nothing is read.
        Errors:  none.
        """

        def told(_: object) -> Snapshot[LoadHistory]:
            return Snapshot(self.history(query), Health.OK, self._now(), every_s)

        return rx.timer(0.0, every_s, scheduler=scheduler).pipe(ops.map(told))
