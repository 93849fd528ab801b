from datetime import UTC, datetime, timedelta

import pytest

from app.agent.revisions import Revisions
from app.agent.schedule import LOOK_S, Schedule

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clocks:
    def __init__(self) -> None:
        self.wall, self.monotonic = NOON, 1000.0
        self.schedule = Schedule(3600, lambda: self.wall, lambda: self.monotonic)

    def pass_s(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_a_backup_is_due_an_interval_after_the_last_one(clocks: Clocks) -> None:
    schedule = clocks.schedule
    schedule.begin(None)
    assert schedule.remaining_s() == 0
    schedule.begin(NOON - timedelta(seconds=3000))
    assert schedule.remaining_s() == 600
    assert schedule.wait_s() == LOOK_S
    clocks.pass_s(590)
    assert schedule.wait_s() == 10
    clocks.pass_s(20)
    assert schedule.remaining_s() == 0
    schedule.postpone(60)
    assert schedule.remaining_s() == 60


def test_a_last_backup_in_the_time_to_come_does_not_delay_the_next(clocks: Clocks) -> None:
    clocks.schedule.begin(NOON + timedelta(days=365))
    assert clocks.schedule.remaining_s() == 0


def test_a_machine_that_slept_is_due_by_the_wall_clock(clocks: Clocks) -> None:
    clocks.schedule.postpone(3600)
    clocks.wall += timedelta(hours=8)
    assert clocks.schedule.remaining_s() == 0


def test_a_clock_that_is_set_back_delays_nothing(clocks: Clocks) -> None:
    clocks.schedule.postpone(3600)
    clocks.wall -= timedelta(days=365)
    assert clocks.schedule.remaining_s() == 3600
    clocks.pass_s(3600)
    assert clocks.schedule.remaining_s() == 0


def test_revisions_are_followed_in_any_order_and_stop_at_a_change_of_others() -> None:
    revisions = Revisions("a")
    assert revisions.note("b", "c") == "a"
    assert revisions.note("a", "b") == "c"
    assert revisions.note("c", "c") == "c"
    assert revisions.note("foreign", "d") == "c"
