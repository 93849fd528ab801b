"""Texts and values of the analytics view."""

from datetime import UTC, timedelta

import pytest
from msgspec.structs import replace

from streams.model.analytics import (
    BackupHistory,
    BackupInterval,
    ClientHeat,
    ClientHours,
    LoadHistory,
    StorageTrend,
)
from streams.model.server import Series, SeriesPoint, StorageForecast
from tests.ui import fake_analytics
from tests.ui.harness import NOON
from ui.base.format import Formatter
from ui.components.charts.heat import HeatPlot
from ui.components.charts.model import BEFORE, BarPlot, LinePlot
from ui.views.analytics.load import CONSOLE, SERVER, metric_of, present_load, present_storage
from ui.views.analytics.present import is_idle, present_backups, present_heat, present_success, present_volume
from ui.views.analytics.range import Range, Span, query_of

WORDS = Formatter()
GIB = 1024**3


def history(*intervals: BackupInterval, before: tuple[BackupInterval, ...] = ()) -> BackupHistory:
    return BackupHistory(
        as_of=NOON,
        since=intervals[0].at,
        until=NOON,
        step_s=3600,
        shift_s=len(intervals) * 3600,
        intervals=intervals,
        before=before,
    )


def hour(ago: int, **counts: int) -> BackupInterval:
    at = NOON - timedelta(hours=ago, minutes=30)
    return BackupInterval(at=at, **counts)


def test_bars_have_their_parts_and_say_them() -> None:
    drawn = present_backups(
        history(hour(2, complete=10, failed=2, bytes_sent=1), hour(1), hour(0, complete=3)), WORDS
    )
    assert isinstance(drawn.plot, BarPlot)
    first, empty, last = drawn.plot.bars
    assert [part.value for part in first.parts] == [10, 0, 2, 0]
    assert first.text == "Wed Mar 11 09:30 \N{EN DASH} 10:30\n10 complete, 2 failed"
    assert empty.text.endswith("no backup")
    assert not first.open
    assert last.open
    assert "(not over yet)" in last.text
    assert (drawn.title, drawn.head) == ("Backups per hour", "15 backups")
    assert drawn.plot.scale_labels == ("0", "5", "10", "15")


def test_the_period_before_stands_beside() -> None:
    now = (hour(1, complete=4, bytes_sent=5 * GIB, bytes_seen=50 * GIB), hour(0))
    before = (hour(3, complete=7, bytes_sent=2 * GIB), hour(2))
    drawn = present_volume(history(*now, before=before), WORDS, seen=False)
    assert isinstance(drawn.plot, BarPlot)
    bar = drawn.plot.bars[0]
    assert bar.before == 2 * GIB
    assert "before: 2.0 GiB" in bar.text
    assert "5.0 GiB sent of 50.0 GiB seen" in bar.text
    assert drawn.head == "5.0 GiB (before: 2.0 GiB)"
    seen = present_volume(history(*now, before=before), WORDS, seen=True)
    assert seen.head.startswith("50.0 GiB")
    assert present_backups(history(*now, before=before), WORDS).head == "4 backups (before: 7)"


def test_success_leaves_out_what_was_cancelled_and_hours_without_runs() -> None:
    told = history(
        hour(3, complete=9, failed=1, cancelled=5), hour(2), hour(1, partial=4), hour(0, complete=1, failed=1)
    )
    drawn = present_success(told, WORDS)
    assert isinstance(drawn.plot, LinePlot)
    closed, tail = drawn.plot.lines
    assert [round(spot.value, 2) for spot in closed.spots] == [0.9, 0.0], "a partial one is no success"
    assert tail.stroke.dash
    assert [spot.value for spot in tail.spots] == [0.0, 0.5]
    assert closed.spots[1].text.endswith("0.0 % (0 of 4, 4 partial)")
    assert closed.spots[0].text.endswith("90.0 % (9 of 10)")
    assert drawn.head == "62.5 %"
    assert drawn.plot.scale.high == 1.0
    assert is_idle(history(hour(0)))
    assert not is_idle(told)


def test_a_line_before_is_moved_to_the_present_and_drawn_otherwise() -> None:
    told = history(hour(1, complete=1), hour(0), before=(hour(3, complete=1, failed=1), hour(2)))
    drawn = present_success(told, WORDS)
    assert isinstance(drawn.plot, LinePlot)
    before = next(line for line in drawn.plot.lines if line.label == "before")
    assert before.stroke.color == BEFORE
    assert before.stroke.dash
    assert before.spots[0].at == told.intervals[0].at
    assert before.spots[0].text.startswith("before: Wed Mar 11 08:30")


def test_the_heat_map_tells_each_cell() -> None:
    runs, failed = [0] * 24, [0] * 24
    runs[3], failed[3], runs[4] = 4, 1, 1
    client = ClientHours(client_id="7", name="web-01", runs=tuple(runs), failed=tuple(failed))
    others = ClientHours(client_id="", name="9 others", runs=tuple([50] * 24), failed=tuple([0] * 24))
    heat = ClientHeat(as_of=NOON, since=NOON, until=NOON, clients=(client,), others=others, client_count=10)
    plot = present_heat(heat, WORDS).plot
    assert isinstance(plot, HeatPlot)
    row = plot.rows[0]
    assert row.leads_to == "client:7"
    assert row.cells[3].text == "web-01, 03:00 \N{EN DASH} 04:00: 4 backups, 1 failed"
    assert row.cells[4].text.endswith("1 backup")
    assert row.cells[3].failed == 0.25
    assert row.cells[0].level == 0
    assert row.cells[4].level < row.cells[3].level
    assert plot.rows[1].leads_to == ""


def series(name: str, *values: float, step_s: float = 60, skip: int = 0) -> Series:
    points = tuple(
        SeriesPoint(
            at=NOON - timedelta(seconds=step_s * (len(values) - i + (skip if i < 2 else 0))),
            least=value / 2,
            mean=value,
            greatest=value * 2,
        )
        for i, value in enumerate(values)
    )
    return Series(name=name, unit="", step_s=step_s, points=points)


def load(
    *found: Series, before: tuple[Series, ...] = (), span: timedelta = timedelta(hours=1)
) -> LoadHistory:
    return LoadHistory(
        as_of=NOON,
        since=NOON - span,
        until=NOON,
        shift_s=round(span.total_seconds()),
        series=found,
        before=before,
    )


def test_a_metric_has_its_peaks_and_says_them() -> None:
    drawn = present_load("Server", load(series("cpu_ratio", 0.1, 0.2)), metric_of(SERVER, "CPU"), WORDS)
    assert isinstance(drawn.plot, LinePlot)
    assert {line.label: [spot.value for spot in line.spots] for line in drawn.plot.lines} == {
        "peak": [0.2, 0.4],
        "mean": [0.1, 0.2],
    }
    assert drawn.head == "up to 40.0 %"
    both = load(series("received_bps", 1000.0), series("sent_bps", 10.0))
    lines = present_load("Server", both, metric_of(SERVER, "Throughput"), WORDS).plot
    assert isinstance(lines, LinePlot)
    assert [line.label for line in lines.lines] == ["received", "sent"]
    assert lines.lines[0].stroke.dash != lines.lines[1].stroke.dash
    assert metric_of(SERVER, "nonsense") is SERVER[0]


def test_the_console_is_drawn_since_it_was_started() -> None:
    told = load(series("p50_s", 0.01, 0.02), series("p99_s", 0.05, 0.06), span=timedelta(days=30))
    drawn = present_load("Console", told, CONSOLE[0], WORDS, from_first=True)
    assert isinstance(drawn.plot, LinePlot)
    assert drawn.plot.since == NOON - timedelta(minutes=2)
    assert drawn.head == "99 % up to 120 ms, since 11:58"


def test_an_outage_is_a_pause_in_the_line() -> None:
    told = series("cpu_ratio", *([0.1] * 40), skip=20)
    drawn = present_load("Server", load(told), SERVER[0], WORDS).plot
    assert isinstance(drawn, LinePlot)
    assert drawn.lines[-1].gap_s == 150


def trend(forecast: StorageForecast, *sizes: float) -> StorageTrend:
    points = series("store_bytes", *sizes, step_s=86400)
    return StorageTrend(history=load(points, span=timedelta(days=30)), forecast=forecast)


FORECAST = StorageForecast(
    at=NOON,
    disk_total_bytes=500 * GIB,
    disk_free_bytes=100 * GIB,
    growth_bytes_per_day=5.0 * GIB,
    growth_least_bytes_per_day=100 * GIB / 26,
    growth_greatest_bytes_per_day=100 * GIB / 15,
    full_at=NOON + timedelta(days=20),
    full_earliest=NOON + timedelta(days=15),
    full_latest=NOON + timedelta(days=26),
)


def test_the_forecast_reaches_the_full_disk_when_it_says_so() -> None:
    drawn = present_storage(trend(FORECAST, 300.0 * GIB, 350.0 * GIB, 400.0 * GIB), WORDS)
    assert isinstance(drawn.plot, LinePlot)
    assert drawn.head == "full about Mar 31 (Mar 26 \N{EN DASH} Apr 6)"
    _, middle, fast, slow, full = drawn.plot.lines
    for line, full_at in (
        (middle, FORECAST.full_at),
        (fast, FORECAST.full_earliest),
        (slow, FORECAST.full_latest),
    ):
        assert full_at is not None
        assert abs((line.spots[-1].at - full_at).total_seconds()) < 1
    assert all(line.spots[-1].value == pytest.approx(500 * GIB) for line in (middle, fast, slow, full))
    assert full.label == "full"
    assert FORECAST.full_latest is not None
    assert FORECAST.full_latest < drawn.plot.until <= NOON + timedelta(days=30)


def test_the_period_before_is_named_where_no_word_can_stand_at_its_end() -> None:
    drawn = trend(FORECAST, 300.0 * GIB, 400.0 * GIB)
    earlier = series("store_bytes", 200.0 * GIB, 300.0 * GIB, step_s=86400)
    compared = replace(drawn, history=replace(drawn.history, before=(earlier,)))
    assert present_storage(compared, WORDS).head.endswith("Apr 6), grey: before")


def test_without_a_forecast_only_the_past_is_drawn() -> None:
    unknown = replace(FORECAST, growth_bytes_per_day=None, full_at=None, full_earliest=None, full_latest=None)
    drawn = present_storage(trend(unknown, 300.0 * GIB, 400.0 * GIB), WORDS)
    assert isinstance(drawn.plot, LinePlot)
    assert [line.label for line in drawn.plot.lines] == ["store"]
    assert drawn.plot.until == NOON
    nothing = present_storage(trend(FORECAST), WORDS).plot
    assert isinstance(nothing, LinePlot)
    assert nothing.lines == ()


def test_a_shrinking_store_is_drawn_shrinking() -> None:
    shrinks = replace(FORECAST, growth_bytes_per_day=-1.0 * GIB, full_at=None, full_latest=None)
    drawn = present_storage(trend(shrinks, 300.0 * GIB, 290.0 * GIB), WORDS).plot
    assert isinstance(drawn, LinePlot)
    forecast = next(line for line in drawn.lines if line.label == "forecast")
    assert forecast.spots[-1].value < forecast.spots[0].value


def test_one_backup_is_no_backups() -> None:
    one = present_backups(history(hour(1), hour(0, complete=1)), WORDS)
    assert one.head == "1 backup"
    assert one.head_exact == "1 backup ended, 0 of them failed"
    hours = ClientHours(client_id="a", name="web-01", runs=(0,) * 10 + (1,) + (0,) * 13, failed=(0,) * 24)
    heat = present_heat(ClientHeat(as_of=NOON, since=NOON, until=NOON, clients=(hours,)), WORDS)
    assert heat.head_exact == "1 backup, 0 failed; most of them at 10:00"


@pytest.mark.parametrize("span", [Span.HOUR, Span.DAY, Span.WEEK, Span.MONTH, Span.QUARTER])
def test_every_range_can_be_drawn(span: Span) -> None:
    query = query_of(Range(span, compare=True), NOON, UTC)
    told = fake_analytics.backups(query, NOON)
    for drawn in (present_backups(told, WORDS), present_volume(told, WORDS, seen=True)):
        assert isinstance(drawn.plot, BarPlot)
        assert 2 <= len(drawn.plot.labels) <= 9
        assert len(drawn.plot.bars) <= 100
    assert isinstance(present_success(told, WORDS).plot, LinePlot)
