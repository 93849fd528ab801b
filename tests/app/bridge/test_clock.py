"""The server's clock beside ours: learnt from pings, or from the dates of answers, also when one is set."""

from datetime import UTC, datetime, timedelta

import pytest

from app.bridge.clock import ClockOffset

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_quickest_ping_tells_best() -> None:
    offset = ClockOffset()
    assert offset.seconds == 0
    offset.add(0.4, NOON + timedelta(seconds=100.3), NOON + timedelta(seconds=0.2))
    offset.add(0.02, NOON + timedelta(seconds=100), NOON + timedelta(seconds=0.01))
    assert offset.seconds == pytest.approx(100)
    assert offset.ours(NOON) == NOON - timedelta(seconds=100)


@pytest.mark.parametrize("hours", [-1, 3])
def test_a_clock_that_is_set_counts_from_the_next_ping_on(hours: int) -> None:
    offset = ClockOffset()
    for _ in range(16):
        offset.add(0.001, NOON, NOON)
    offset.add(0.2, NOON + timedelta(hours=hours), NOON + timedelta(seconds=0.1))
    assert offset.seconds == pytest.approx(hours * 3600)


def test_dates_of_answers_tell_it_where_there_is_no_socket() -> None:
    offset = ClockOffset()
    offset.add_date(0.2, "Sun, 01 Mar 2026 15:00:00 GMT", NOON + timedelta(seconds=0.1))
    assert offset.seconds == pytest.approx(3 * 3600 + 0.5)
    for date in ("", "yesterday", "Sun, 01 Mar 2026 15:00:00 -0000", "Sun, 99 Mar 2026 15:00:00 GMT"):
        offset.add_date(0.2, date, NOON)
    assert offset.seconds == pytest.approx(3 * 3600 + 0.5)
    offset.add(0.01, NOON + timedelta(hours=3), NOON + timedelta(seconds=0.005))
    assert offset.seconds == pytest.approx(3 * 3600)
