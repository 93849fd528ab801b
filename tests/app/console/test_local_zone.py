"""The zone of this machine has the offset of each time, not that of the present one."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.console.local_zone import LOCAL_ZONE


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield ZoneInfo("Europe/Berlin")
    monkeypatch.undo()
    time.tzset()


def test_it_says_what_the_zone_of_the_machine_says(berlin: ZoneInfo) -> None:
    zone = LOCAL_ZONE
    for first in (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)):
        for step in range(40):
            at = first + timedelta(minutes=15 * step)
            ours, theirs = at.astimezone(zone), at.astimezone(berlin)
            assert (ours.isoformat(), ours.tzname()) == (theirs.isoformat(), theirs.tzname())
            assert ours.astimezone(UTC) == at
    midnight = datetime(2026, 3, 30, tzinfo=zone)
    assert midnight.astimezone(UTC) == datetime(2026, 3, 29, 22, tzinfo=UTC)
