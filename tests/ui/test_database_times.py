"""Times in columns are shown as times, in the zone of the console; nothing else is."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.model.database import Blob, LongText, Masked, Value
from ui.base.format import Formatter
from ui.base.theme import QUIET_INK
from ui.views.database.present import present_value
from ui.views.database.times import tells_times, time_of

AT = datetime(2026, 3, 12, 14, 2, 11, tzinfo=UTC)
SECONDS = int(AT.timestamp())
BERLIN = Formatter(zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("column", "declared"),
    [
        ("created_at", ""), ("mtime", ""), ("last_seen", ""), ("start_time_ms", ""), ("ts", ""),
        ("lastSeenAt", ""), ("x", "DATETIME"), ("x", "timestamp with time zone"), ("Updated", ""),
    ],
)  # fmt: skip
def test_columns_of_times_are_known_by_name_or_type(column: str, declared: str) -> None:
    assert tells_times(column, declared)


@pytest.mark.parametrize("column", ["id", "size_bytes", "format", "combat", "state", "sha256", "dates"])
def test_other_columns_are_not(column: str) -> None:
    assert not tells_times(column, "INTEGER")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("kind", [int, float])
def test_numbers_of_every_unit_are_times(unit: int, kind: type) -> None:
    assert time_of(kind(SECONDS * unit), may_be_number=True) == AT
    assert time_of(kind(SECONDS * unit), may_be_number=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-12T14:02:11Z", "2026-03-12 14:02:11+00:00", "2026-03-12T15:02:11+01:00",
        "2026-03-12T14:02:11,000Z", "2026-03-12T14:02:11.000000Z",
    ],
)  # fmt: skip
def test_text_with_a_zone_is_a_time_in_any_column(text: str) -> None:
    assert time_of(text, may_be_number=False) == AT


@pytest.mark.parametrize(
    "value",
    [
        None, 0, 1, -1, 3600, 2**63 - 1, -(2**63), float("nan"), float("inf"), 1e308, "", "14:02",
        "2026-03-12",
        "2026-03-12 14:02:11", "2026-02-31T14:02:11Z", "2026-03-12T25:02:11Z", "0001-01-01T00:00:00+14:00",
        "x2026-03-12T14:02:11Z", Masked(), Blob(head=b"x", size_bytes=1),
        LongText(head="2026", size_bytes=9),
    ],
)  # fmt: skip
def test_what_is_no_time_stays_as_it_is(value: Value) -> None:
    assert time_of(value, may_be_number=True) is None


def test_a_cell_shows_the_time_and_tells_the_raw_value() -> None:
    cell = present_value(SECONDS * 1000, BERLIN, times=True)
    assert cell.text == "2026-03-12 15:02:11 CET"
    assert cell.tooltip == f"Stored as {SECONDS * 1000}"
    assert present_value(SECONDS, BERLIN).text == str(SECONDS)
    assert present_value(None, BERLIN, times=True).color == QUIET_INK
