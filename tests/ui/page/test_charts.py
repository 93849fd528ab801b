"""Charts: round ticks, shades, labels that do not touch, and points that are used again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import flet as ft
import flet_charts as fc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.harness import NOON, PageHarness
from ui.base.format import Formatter, Units
from ui.components.charts.axes import Axis, apart
from ui.components.charts.heat import (
    HEAD_WIDTH,
    LEVELS,
    HeatCell,
    HeatMap,
    HeatPlot,
    HeatRow,
    cell_at,
    level_of,
    thinned,
)
from ui.components.charts.lines import LineChart
from ui.components.charts.model import Line, LinePlot, Spot, pieces, spread
from ui.components.charts.scale import (
    MAX_TICKS,
    Scale,
    Unit,
    span_text,
    tick_text,
    time_ticks,
    value_scale,
    value_text,
)

WORDS = Formatter()
GIB, MIB = 1024**3, 1024**2


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=20),
    st.sampled_from(list(Unit)),
    st.booleans(),
    st.sampled_from(list(Units)),
)
def test_every_value_lies_on_an_axis_of_few_different_ticks(
    values: list[float], unit: Unit, from_zero: bool, units: Units
) -> None:
    words = Formatter(units)
    if unit in (Unit.BYTES, Unit.BYTE_RATE):
        values = [value * 1e6 for value in values]
    scale = value_scale(values, unit, words, from_zero=from_zero)
    assert scale.low <= min(values) * (1 + 1e-6) + 1e-6
    assert scale.high >= max(values) * (1 - 1e-6)
    assert 1 <= scale.steps <= MAX_TICKS
    assert not from_zero or scale.low == 0
    texts = [tick_text(tick, scale, words) for tick in scale.ticks]
    assert len(set(texts)) == len(texts), texts
    if unit in (Unit.BYTES, Unit.BYTE_RATE):
        assert all(sum(sign.isdigit() for sign in text) <= 3 for text in texts), texts


def test_an_axis_without_words_never_lets_the_chart_make_up_its_own() -> None:
    axis = Axis(left=False)
    for labels in ([], [(1.0, "Nov 3")], []):
        axis.show(labels)
        assert axis.control.labels
        assert [label.label.content.value for label in axis.control.labels] == [
            text for _, text in labels or [(0, "")]
        ]


@pytest.mark.parametrize(
    ("greatest", "unit", "expected"),
    [
        (3, Unit.COUNT, ["0", "1", "2", "3"]),
        (1180, Unit.COUNT, ["0", "500", "1,000", "1,500"]),
        (0.42, Unit.RATIO, ["0 %", "10 %", "20 %", "30 %", "40 %", "50 %"]),
        (84 * GIB, Unit.BYTES, ["0", "20 GiB", "40 GiB", "60 GiB", "80 GiB", "100 GiB"]),
        (1.9 * GIB, Unit.BYTES, ["0", "0.5 GiB", "1.0 GiB", "1.5 GiB", "2.0 GiB"]),
        (990 * MIB, Unit.BYTES, ["0", "0.2 GiB", "0.4 GiB", "0.6 GiB", "0.8 GiB", "1.0 GiB"]),
        (31 * MIB, Unit.BYTE_RATE, ["0", "10 MiB/s", "20 MiB/s", "30 MiB/s", "40 MiB/s"]),
        (0.046, Unit.SECONDS, ["0", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms"]),
        (0.0, Unit.COUNT, ["0", "1"]),
    ],
)
def test_ticks_are_round_and_have_units(greatest: float, unit: Unit, expected: list[str]) -> None:
    scale = value_scale([greatest], unit, WORDS)
    assert [tick_text(tick, scale, WORDS) for tick in scale.ticks] == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([9.1, 9.2], ["9 d 02 h", "9 d 03 h", "9 d 04 h", "9 d 05 h"]),
        ([9.97, 9.99], ["9 d 23 h", "10 d"]),
        ([10.1, 10.4], ["10 d", "11 d"]),
        ([99.5, 101.5], ["99 d", "100 d", "101 d", "102 d"]),
    ],
)
def test_long_durations_have_an_axis_as_fine_as_their_words(days: list[float], expected: list[str]) -> None:
    scale = value_scale([count * 86400 for count in days], Unit.SECONDS, WORDS, from_zero=False)
    assert [tick_text(tick, scale, WORDS) for tick in scale.ticks] == expected


def test_small_changes_of_a_large_size_can_be_told_apart() -> None:
    scale = value_scale([412.1 * GIB, 412.9 * GIB], Unit.BYTES, WORDS, from_zero=False)
    texts = [tick_text(tick, scale, WORDS) for tick in scale.ticks]
    assert texts == ["412 GiB", "413 GiB"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([15.9472 * MIB], ["0", "5 MiB", "10 MiB", "15 MiB", "20 MiB"]),
        ([15.9472 * MIB, 15.9473 * MIB], ["0", "5 MiB", "10 MiB", "15 MiB", "20 MiB"]),
        ([412.5 * GIB], ["0", "100 GiB", "200 GiB", "300 GiB", "400 GiB", "500 GiB"]),
        ([15.94 * MIB, 16.1 * MIB], ["15.9 MiB", "16.0 MiB", "16.1 MiB"]),
        ([99.2 * MIB, 99.9 * MIB], ["99 MiB", "100 MiB"]),
        ([998.5 * MIB, 999.4 * MIB], ["0", "0.2 GiB", "0.4 GiB", "0.6 GiB", "0.8 GiB", "1.0 GiB"]),
        ([0.0], ["0", "1 B"]),
    ],
)
def test_sizes_have_three_digits_and_stand_on_an_axis_from_zero_where_these_are_the_same(
    values: list[float], expected: list[str]
) -> None:
    scale = value_scale(values, Unit.BYTES, WORDS, from_zero=False)
    assert [tick_text(tick, scale, WORDS) for tick in scale.ticks] == expected


def test_values_are_told_with_their_unit() -> None:
    assert value_text(0.231, Unit.RATIO, WORDS) == "23.1 %"
    assert value_text(0.0042, Unit.SECONDS, WORDS) == "4.2 ms"
    assert value_text(12.34, Unit.RATE, WORDS) == "12.3 /s"
    assert value_text(1204, Unit.COUNT, WORDS) == "1,204"


@given(st.floats(300, 5 * 366 * 86400), st.integers(0, 10**8), st.sampled_from(["UTC", "Asia/Kolkata"]))
def test_times_have_ticks_inside_the_period(span_s: float, begin_s: int, zone: str) -> None:
    since = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=begin_s)
    until = since + timedelta(seconds=span_s)
    ticks = time_ticks(since, until, ZoneInfo(zone))
    assert len(ticks.labels) <= 9
    assert all(since <= at <= until for at in ticks.times)
    assert ticks.place(since) <= 0
    for at in ticks.times:
        local = at.astimezone(ZoneInfo(zone))
        assert local.second == 0
        assert ticks.step_s < 86400 or (local.hour, local.minute) == (0, 0)


def test_times_are_worded_as_short_as_their_distance() -> None:
    day = time_ticks(NOON - timedelta(days=1), NOON, UTC)
    assert day.labels == ("12:00", "18:00", "Mar 11", "06:00", "12:00")
    month = time_ticks(NOON - timedelta(days=30), NOON, UTC)
    assert month.labels[0] == "Feb 10"
    assert span_text(NOON, 3600, UTC) == "Wed Mar 11 12:00 \N{EN DASH} 13:00"
    assert span_text(NOON, 86400, UTC) == "Wed Mar 11"


def spots(count: int, *, gap_at: int = -1, height: float = 1.0) -> tuple[Spot, ...]:
    return tuple(
        Spot(NOON + timedelta(minutes=i + (600 if 0 <= gap_at <= i else 0)), height * i, f"at {i}")
        for i in range(count)
    )


def test_a_pause_is_left_open() -> None:
    line = Line("x", spots(10, gap_at=4), gap_s=150)
    assert [len(piece) for piece in pieces(line)] == [4, 6]
    assert pieces(Line("x", ())) == []


@given(st.lists(st.floats(0, 200), max_size=8))
def test_labels_do_not_touch(places: list[float]) -> None:
    found = spread(places, 14, 200)
    assert len(found) == len(places)
    ordered = sorted(found)
    assert all(b - a >= 14 - 1e-6 for a, b in pairwise(ordered))
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in found)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_only_nothing_has_no_shade(value: int, greatest: int) -> None:
    level = level_of(value, greatest)
    assert 0 <= level <= LEVELS
    assert (level == 0) == (value <= 0 or greatest <= 0)


def line_plot(count: int, *, height: float = 1.0) -> LinePlot:
    until = NOON + timedelta(minutes=max(count, 1))
    times = time_ticks(NOON, until, UTC)
    scale = Scale(0.0, 100.0, 4, Unit.COUNT)
    return LinePlot(
        lines=(Line("mean", spots(count, height=height)),),
        since=NOON,
        until=until,
        times=times,
        scale=scale,
        scale_labels=tuple(tick_text(tick, scale, WORDS) for tick in scale.ticks),
        summary="a line",
    )


async def test_points_are_used_again_and_only_what_changed_is_sent() -> None:
    async with PageHarness.open() as h:
        chart = LineChart()
        assert chart.show(line_plot(300))
        h.mount(chart)
        data = h.find(fc.LineChart).data_series[0]
        before = list(data.points)
        assert len(before) == 300
        assert not chart.show(line_plot(300))
        assert chart.show(line_plot(300, height=2.0))
        chart.update()
        assert all(a is b for a, b in zip(before, data.points, strict=True))
        assert 0 < h.bytes < 12_000
        h.clear()
        assert chart.show(line_plot(10))
        chart.update()
        assert len(data.points) == 10
        assert not h.crashes


async def test_no_time_sticks_out_at_the_right_unless_words_stand_beside_the_lines() -> None:
    async with PageHarness.open() as h:
        chart = LineChart()
        plot = line_plot(60)  # 12:00 to 13:00, a tick at either end
        chart.show(plot)
        h.mount(chart)
        assert "13:00" in h.texts()
        chart.show(replace(plot, lines=(replace(plot.lines[0], label=""),)))
        assert "12:00" in h.texts()
        assert "13:00" not in h.texts()


async def test_labels_stand_at_the_ends_of_their_lines() -> None:
    async with PageHarness.open() as h:
        chart = LineChart()
        high = Line("high", (Spot(NOON, 400.0, ""),))
        low = Line("low", (Spot(NOON, 0.0, ""),))
        chart.show(replace(line_plot(2), lines=(high, low)))
        h.mount(chart)
        holder = next(c for c in h.find_all(ft.Container) if c.on_size_change)
        await h.fire(holder, "size_change", {"w": 400.0, "h": 226.0})
        tops = {text.value: text.top or 0.0 for text in h.find_all(ft.Text) if text.top is not None}
        assert tops["high"] < 10
        assert tops["low"] > 180


async def test_the_heat_map_is_drawn_anew_at_every_size_in_whole_rows() -> None:
    async with PageHarness.open() as h:
        rows = tuple(HeatRow(f"c{n}", (HeatCell(1, 0.0, "one"),), "") for n in range(20))
        heat = HeatMap(on_look=lambda _: None)
        h.mount(heat)
        holder = next(c for c in h.find_all(ft.Container) if c.on_size_change)
        assert holder.size_change_interval == 0  # none of several changes may be lost
        await h.fire(holder, "size_change", {"w": 0.0, "h": 0.0})
        heat.show(HeatPlot(rows, 1, ((0, "00"),), "heat"))
        for width, height, fitting in ((900.0, 400.0, 20), (490.0, 127.0, 7)):
            await h.fire(holder, "size_change", {"w": width, "h": height})
            assert heat._cells.width == width - 12
            assert len(heat._cells.shapes) > len(rows)
            assert heat._rows.height == 15 * fitting
        assert heat._rows.scroll is ft.ScrollMode.ALWAYS
        assert not h.crashes


async def test_the_heat_map_says_what_is_below_the_pointer() -> None:
    async with PageHarness.open() as h:
        said: list[str] = []
        opened: list[str] = []
        cells = tuple(HeatCell(level_of(hour, 23), hour / 24, f"hour {hour}") for hour in range(24))
        plot = HeatPlot((HeatRow("web-01", cells, "client:7"),), 24, ((0, "00"),), "heat")
        heat = HeatMap(on_look=said.append, on_open=opened.append)
        heat.show(plot)
        h.mount(heat)
        holder = next(c for c in h.find_all(ft.Container) if c.on_size_change)
        await h.fire(holder, "size_change", {"w": 490.0, "h": 200.0})
        hand = h.find(ft.GestureDetector)
        x, y = 118 + 15 * 5 + 3.0, 4.0
        assert cell_at(x, y, 478.0, plot) == (0, 5)
        assert cell_at(10.0, 4.0, 478.0, plot) is None
        place = {"x": x, "y": y}
        still = dict.fromkeys(("dev", "ps", "pMin", "pMax", "dist", "distMax", "size", "ts"), 0)
        still |= dict.fromkeys(("rMj", "rMn", "rMin", "rMax", "or", "tilt"), 0)
        await h.fire(hand, "hover", {"k": "mouse", "l": place, "g": place, **still})
        assert said == ["hour 5"]
        await h.fire(hand, "exit", {"k": "mouse", "l": place, "g": place, **still})
        assert said[-1] == ""
        await h.fire(hand, "tap_up", {"k": "mouse", "l": place, "g": place})
        assert opened == ["client:7"]
        assert not h.crashes


def test_days_that_would_touch_are_told_of_every_second() -> None:
    days = [(float(n), f"Nov {n}") for n in range(10, 17)]
    assert apart(days, 297) == days
    assert [text for _, text in apart(days, 200)] == ["Nov 10", "Nov 12", "Nov 14", "Nov 16"]
    assert apart(days, 0) == days, "how wide it will be is not known yet"


@given(st.integers(1, 60), st.integers(1, 6), st.floats(0.5, 80))
def test_words_over_the_columns_of_a_heat_map_never_lie_over_each_other(
    count: int, step: int, place: float
) -> None:
    heads = [(step * number, f"{number:02}") for number in range(count)]
    kept = thinned(heads, place)
    assert kept[0] == heads[0]
    assert all((after[0] - before[0]) * place >= HEAD_WIDTH for before, after in pairwise(kept))
    if step * place >= HEAD_WIDTH:
        assert list(kept) == heads
