"""The meter of event to screen: quantiles of the last minute in bounded memory."""

from datetime import UTC, datetime, timedelta

from streams.sources.latency import LatencyMeter


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_nothing_measured_is_unknown() -> None:
    latency = LatencyMeter(Clock()).measure()
    assert (latency.p50_s, latency.p99_s, latency.samples, latency.events_per_s) == (None, None, 0, 0.0)


def test_quantiles_are_never_told_too_good_and_at_most_a_tenth_too_bad() -> None:
    meter = LatencyMeter(Clock())
    for milliseconds in range(1, 101):
        meter.shown(milliseconds / 1000)
    latency = meter.measure()
    assert latency.p50_s is not None
    assert latency.p99_s is not None
    assert 0.050 <= latency.p50_s <= 0.055
    assert 0.099 <= latency.p99_s <= 0.109
    assert latency.samples == 100


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    meter.shown(5.0)
    clock.go(61)
    meter.shown(0.010)
    latency = meter.measure()
    assert latency.samples == 1
    assert latency.p99_s is not None
    assert latency.p99_s < 0.012
    for _ in range(1000):
        clock.go(1)
        meter.shown(0.01)
    assert len(meter._slices) <= 62


def test_events_a_second_and_a_clock_that_is_behind() -> None:
    clock = Clock()
    meter = LatencyMeter(clock)
    for _ in range(10):
        meter.arrived(20)
        meter.shown(-0.003)
        clock.go(0.5)
    latency = meter.measure()
    assert latency.events_per_s == 40
    assert latency.p50_s is not None
    assert latency.p50_s >= 0


def test_values_that_were_not_shown_for_themselves_are_counted() -> None:
    meter = LatencyMeter(Clock())
    meter.overtaken(True)
    meter.overtaken(True)
    meter.overtaken(False)
    latency = meter.measure()
    assert (latency.merged, latency.dropped) == (2, 1)
