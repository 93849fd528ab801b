"""The console measures itself: what it keeps is bounded, and what it tells is what was measured."""

from datetime import UTC, datetime, timedelta

from reactivex.scheduler import VirtualTimeScheduler

from streams.model.analytics import AnalyticsQuery, LoadHistory
from streams.model.snapshot import Snapshot
from streams.sources.console_load import LEVELS, SAMPLE_S, ConsoleLoad
from streams.sources.downsample import MAX_POINTS
from streams.sources.latency import LatencyMeter

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class _World:
    def __init__(self) -> None:
        self.scheduler = VirtualTimeScheduler()
        self.frames = 0
        self.memory = 100.0
        self.meter = LatencyMeter(self.now)
        self.load = ConsoleLoad(
            self.meter, memory_bytes=lambda: self.memory, frames=lambda: self.frames, now=self.now
        )
        self.faults: list[Exception] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.scheduler.clock)

    def told(self, span_s: float = 3600) -> dict[str, list[float]]:
        history = self.load.history(AnalyticsQuery(span_s=span_s))
        return {series.name: [point.greatest for point in series.points] for series in history.series}


def test_it_tells_what_was_measured() -> None:
    world = _World()
    running = world.load.run(scheduler=world.scheduler, report=world.faults.append)
    world.scheduler.advance_by(0.001)
    world.frames += 20
    world.memory = 300.0
    world.meter.shown(0.020)
    world.meter.arrived(4)
    world.scheduler.advance_by(SAMPLE_S)
    world.frames = 0
    world.scheduler.advance_by(SAMPLE_S)
    told = world.told()
    assert told["memory_bytes"] == [100.0, 300.0, 300.0]
    assert told["frames_per_s"] == [10.0, 0.0]
    assert 0.020 <= told["p99_s"][0] < 0.023
    assert round(told["events_per_s"][1], 1) == 2.0
    running.dispose()
    world.scheduler.advance_by(60)
    assert len(world.told()["memory_bytes"]) == 3
    assert not world.faults


def test_memory_is_bounded_and_a_peak_of_days_ago_is_kept() -> None:
    world = _World()
    for minute in range(4 * 24 * 60):
        world.memory = 999.0 if minute == 100 else 5.0
        world.load.sample()
        world.scheduler.advance_by(60)
    day = world.told(86400)["memory_bytes"]
    assert len(day) <= MAX_POINTS
    assert max(day) == 5.0
    week = world.told(7 * 86400)["memory_bytes"]
    assert len(week) <= MAX_POINTS
    assert max(week) == 999.0
    kept = [len(ring.slots) for ring in world.load._rings]  # pyright: ignore[reportPrivateUsage]
    assert all(count <= most for count, (_, most) in zip(kept, LEVELS, strict=True))


def test_the_period_before_is_the_one_before() -> None:
    world = _World()
    for minute in range(120):
        world.memory = 1.0 if minute < 60 else 2.0
        world.load.sample()
        world.scheduler.advance_by(60)
    history = world.load.history(AnalyticsQuery(span_s=3600, compare=True))
    memory = {series.name: series for series in history.series}["memory_bytes"]
    before = {series.name: series for series in history.before}["memory_bytes"]
    assert {point.mean for point in memory.points} == {2.0}
    assert {point.mean for point in before.points} == {1.0}


def test_the_stream_tells_again() -> None:
    world = _World()
    seen: list[Snapshot[LoadHistory]] = []
    query = AnalyticsQuery(span_s=3600)
    listening = world.load.stream(query, scheduler=world.scheduler, every_s=5).subscribe(seen.append)
    world.scheduler.advance_by(11)
    listening.dispose()
    world.scheduler.advance_by(11)
    assert len(seen) == 3
