"""Ranges of the past: what is asked for, by the clock on the wall, and what stands below the bars."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.model.analytics import (
    AnalyticsQuery,
    BackupHistory,
    BackupInterval,
)
from tests.ui.harness import NOON
from ui.base.format import Formatter
from ui.components.charts.model import BarPlot, LinePlot
from ui.components.charts.scale import span_text
from ui.views.analytics.present import present_backups, present_success
from ui.views.analytics.range import BadDays, Range, Span, days_of, kept_range, query_of, range_words

WORDS = Formatter()
GIB = 1024**3


def test_two_days_are_meant_whole_in_the_zone_of_the_reader() -> None:
    zone = ZoneInfo("Europe/Berlin")
    chosen = Range(Span.CUSTOM, date(2026, 3, 1), date(2026, 3, 2), compare=True)
    assert query_of(chosen, NOON, zone) == AnalyticsQuery(
        since=datetime(2026, 2, 28, 23, tzinfo=UTC),
        until=datetime(2026, 3, 2, 23, tzinfo=UTC),
        offset_s=3600,
        compare=True,
    )
    week = query_of(Range(Span.WEEK), NOON, zone)
    assert (week.span_s, week.offset_s) == (7 * 86400.0, 3600)
    spring, autumn = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
    assert week.offset_changes == f"{spring.timestamp():.0f}:7200,{autumn.timestamp():.0f}:3600"


@pytest.mark.parametrize("month", [3, 10])
def test_bars_of_days_keep_their_words_when_the_clocks_are_changed(month: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    words = Formatter(zone=zone)
    days = [datetime(2026, month, 20 + n, tzinfo=zone).astimezone(UTC) for n in range(12)]
    told = BackupHistory(
        as_of=days[-1] + timedelta(hours=9),
        since=days[0],
        until=days[-1] + timedelta(hours=9),
        step_s=86400,
        shift_s=12 * 86400,
        intervals=tuple(BackupInterval(at=at, complete=1) for at in days),
    )
    plot = present_backups(told, words).plot
    assert isinstance(plot, BarPlot)
    named = dict(plot.labels)
    assert len(named) >= 5
    assert all(
        text == f"{days[i].astimezone(zone):%b} {days[i].astimezone(zone).day}" for i, text in named.items()
    )
    lines = present_success(told, words).plot
    assert isinstance(lines, LinePlot)
    assert list(lines.times.labels) == [
        f"{at:%b} {at.day}" for at in (t.astimezone(zone) for t in lines.times.times)
    ]


def test_a_part_of_the_day_in_which_the_clock_is_changed_is_named_by_the_clock() -> None:
    zone = ZoneInfo("Europe/Berlin")
    night = datetime(2026, 3, 29, tzinfo=zone).astimezone(UTC)
    assert span_text(night, 21600, zone) == "Sun Mar 29 00:00 \N{EN DASH} 06:00"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-03-01", "2026-03-11", (date(2026, 3, 1), date(2026, 3, 11))),
        (" 2026-3-1 ", "2027-01-01", (date(2026, 3, 1), date(2026, 3, 11))),
        ("1 March", "2026-03-11", BadDays(first="Write a day as 2026-03-12")),
        ("2026-03-01", "", BadDays(last="Write a day as 2026-03-12")),
        ("2026-02-30", "2026-03-01", BadDays(first="There is no such day")),
        ("2026-03-05", "2026-03-01", BadDays(last="Before the first day")),
        ("2026-03-12", "2026-03-12", BadDays(first="This day has not begun")),
        ("1999-01-01", "2026-03-01", BadDays(first="More than 5 years before the last day")),
    ],
)
def test_days_are_checked(first: str, last: str, expected: object) -> None:
    assert days_of(first, last, date(2026, 3, 11)) == expected


def test_a_range_is_remembered_and_nonsense_is_not() -> None:
    chosen = Range(Span.CUSTOM, date(2026, 3, 1), date(2026, 3, 2), compare=True)
    assert kept_range(range_words(chosen)) == chosen
    for nonsense in (None, [], {"span": "2 y"}, {"span": "Custom"}, {"span": "Custom", "first": "x"}):
        assert kept_range(nonsense).span is Span.MONTH
