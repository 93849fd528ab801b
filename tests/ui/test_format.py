"""Numbers, sizes and times as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ui.base.format import (
    UNKNOWN,
    Formatter,
    Units,
    age_text,
    count_text,
    counted,
    duration_text,
    ratio_text,
    rough_duration_text,
)

NOW = datetime(2026, 3, 11, 14, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1023, "1.0 KiB"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (99.96 * 1024, "100 KiB"),
        (312 * 1024**2, "312 MiB"),
        (999 * 1024, "999 KiB"),
        (1005 * 1024, "0.98 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (int(1.4 * 1024**3), "1.4 GiB"),
        (1024**4, "1.0 TiB"),
        (5000 * 1024**6, "5,000 EiB"),
        (-1024, "-1.0 KiB"),
        (None, UNKNOWN),
    ],
)
def test_sizes(count: float | None, text: str) -> None:
    assert Formatter().size(count) == text


def test_decimal_sizes_and_rates() -> None:
    words = Formatter(Units.DECIMAL)
    assert words.size(1500) == "1.5 kB"
    assert words.size(999_600) == "1.0 MB"
    assert words.rate(31_000_000) == "31.0 MB/s"
    assert Formatter().rate(1023 * 1024) == "1.0 MiB/s"
    assert words.rate(None) == UNKNOWN


def test_one_thing_is_not_several() -> None:
    assert [counted(count, "file") for count in (0, 1, 2, 1204)] == [
        "0 files",
        "1 file",
        "2 files",
        "1,204 files",
    ]


def test_exact_sizes() -> None:
    assert Formatter().exact_size(1_503_238_553) == "1,503,238,553 bytes"
    assert Formatter().exact_size(1) == "1 byte"
    assert Formatter().exact_size(None) == "unknown"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.012, "12 ms"),
        (0.9996, "1 s"),
        (1.24, "1.2 s"),
        (9.97, "10 s"),
        (48, "48 s"),
        (59.6, "1 min"),
        (125, "2 min 05 s"),
        (1800, "30 min"),
        (7500, "2 h 05 min"),
        (86400 * 4 + 7200, "4 d 02 h"),
        (86400 * 4, "4 d"),
        (86400 * 10, "10 d"),
        (86400 * 10 + 7200, "10 d"),
        (86400 * 400, "400 d"),
        (-48, "-48 s"),
        (None, UNKNOWN),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_rough_durations_and_ages() -> None:
    assert rough_duration_text(150) == "2 min"
    assert rough_duration_text(0.2) == "0 s"
    assert rough_duration_text(None) == UNKNOWN
    assert age_text(NOW, NOW) == "now"
    assert age_text(NOW - timedelta(seconds=18), NOW) == "18 s ago"
    assert age_text(NOW - timedelta(hours=6, minutes=40), NOW) == "6 h ago"
    assert age_text(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert age_text(None, NOW) == UNKNOWN


def test_ratios_never_say_done_or_nothing_too_early() -> None:
    assert ratio_text(0.0) == "0 %"
    assert ratio_text(0.004) == "< 1 %"
    assert ratio_text(0.42) == "42 %"
    assert ratio_text(0.9999) == "99 %"
    assert ratio_text(1.0) == "100 %"
    assert ratio_text(0.021, digits=1) == "2.1 %"
    assert ratio_text(1.37) == "137 %"
    assert ratio_text(None) == UNKNOWN


def test_counts() -> None:
    assert count_text(128412) == "128,412"
    assert count_text(None) == UNKNOWN


def test_moments_are_as_short_as_they_can_be_told_apart() -> None:
    words = Formatter()
    assert words.clock(NOW) == "14:02:11"
    assert words.moment(NOW, NOW) == "14:02"
    assert words.moment(NOW - timedelta(days=1), NOW) == "Tue 14:02"
    assert words.moment(NOW - timedelta(days=30), NOW) == "Feb 9"
    assert words.date(NOW + timedelta(days=366), NOW) == "Mar 12 2027"
    assert words.exact_time(NOW) == "2026-03-11 14:02:11 UTC"
    assert words.moment(None, NOW) == words.clock(None) == words.date(None, NOW) == UNKNOWN


def test_clock_times_are_in_the_chosen_zone() -> None:
    words = Formatter(zone=ZoneInfo("Europe/Berlin"))
    assert words.clock(NOW) == "15:02:11"
    assert words.exact_time(NOW) == "2026-03-11 15:02:11 CET"
