"""Weeks of switching off and on, and clocks that are wrong: which time ages are judged by."""

from datetime import UTC, datetime, timedelta

import pytest

from app.catalogue.clock_trust import CONFIRM_BACK_S, CONFIRM_S, MAX_STRETCHES, Clock, first, look

FRIDAY = datetime(2026, 11, 27, 17, tzinfo=UTC)
HOUR_S = 3600.0
STEP_S = 600.0


class Machine:
    """A machine with a clock on its wall, which may be wrong, and a server that is switched on and off."""

    def __init__(self) -> None:
        self.time = FRIDAY
        self.wrong = timedelta(0)
        self.up_s: float = 0.0
        self.clock = first(self.time)
        self.jumped = timedelta(0)
        self.judged: list[datetime] = []

    def look(self) -> None:
        now = self.time + self.wrong
        self.clock, jump = look(self.clock, now, self.up_s)
        self.jumped += jump
        self.judged.append(min(now, self.clock.trusted.at))

    def on(self, hours: float) -> None:
        self.look()
        for _ in range(round(hours * HOUR_S / STEP_S)):
            self.time += timedelta(seconds=STEP_S)
            self.up_s += STEP_S
            self.look()

    def off(self, hours: float) -> None:
        self.clock = self.clock.stored()
        self.time += timedelta(hours=hours)
        self.up_s = 0.0

    @property
    def lag(self) -> timedelta:
        return self.time - self.judged[-1]

    def never_ahead(self) -> bool:
        return max(self.judged) <= self.time


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.on(1)
    return machine


@pytest.mark.parametrize(
    ("day_h", "days", "lag_days"), [(9, 5, 0), (24, 4, 0), (4, 5, 8), (1, 5, 42), (8, 1, 30)], ids=str
)
def test_an_office_that_is_closed_at_the_weekend_goes_on_purging(
    machine: Machine, day_h: float, days: int, lag_days: int
) -> None:
    """The time by which ages are judged never stands still, and is never far behind."""
    for _ in range(60):
        machine.off(24 * (7 - days) - 1)
        for day in range(days):
            machine.on(day_h)
            if day < days - 1:
                machine.off(24 - day_h)
        machine.off(1)
    assert machine.lag <= timedelta(days=lag_days, hours=1)
    assert machine.never_ahead()


def test_a_server_that_is_on_once_a_month_goes_on_purging(machine: Machine) -> None:
    for _ in range(24):
        machine.off(30 * 24)
        machine.on(6)
    assert machine.lag <= timedelta(days=5 * 31)
    assert machine.never_ahead()


def test_restarts_do_not_make_a_jump_true(machine: Machine) -> None:
    machine.wrong = timedelta(days=365)
    for _ in range(50):
        machine.on(0.4)
        machine.off(0)
    assert not machine.clock.settled
    assert machine.never_ahead()
    machine.wrong = timedelta(0)
    machine.on(0)
    assert machine.clock.settled, "the clock is right again"
    machine.wrong = timedelta(days=365)
    machine.on(20)
    assert machine.never_ahead(), "and the wait begins anew"


def test_a_jump_that_stays_is_believed_after_a_day_of_uptime_over_restarts(machine: Machine) -> None:
    machine.wrong = timedelta(days=365)
    for _ in range(4):
        machine.on(8)
        machine.off(16)
    machine.on(1)
    assert machine.clock.settled
    assert machine.lag == timedelta(days=-365)
    assert abs(machine.jumped - timedelta(days=365)) < timedelta(hours=1)


def test_each_of_two_jumps_waits_for_itself(machine: Machine) -> None:
    machine.wrong = timedelta(days=30)
    machine.on(20)
    machine.off(1)
    machine.wrong = timedelta(days=300)
    machine.on(10)
    assert max(machine.judged) - machine.time <= timedelta(days=30)
    machine.on(20)
    assert machine.clock.settled
    assert machine.jumped > timedelta(days=299)


def test_a_clock_without_a_battery_is_right_once_it_has_asked_the_network(machine: Machine) -> None:
    """It says 1970 at each start, for some minutes."""
    for _ in range(30):
        machine.off(15)
        machine.wrong = datetime(1970, 1, 1, tzinfo=UTC) - machine.time
        machine.on(0.5)
        machine.wrong = timedelta(0)
        machine.on(8)
        assert machine.clock.settled
    assert not machine.jumped
    assert not machine.lag


def test_one_that_begins_with_the_time_of_its_end_is_some_days_behind(machine: Machine) -> None:
    for _ in range(30):
        machine.off(15)
        machine.wrong = timedelta(hours=-15)
        machine.on(0.2)
        machine.wrong = timedelta(0)
        machine.on(9)
    assert machine.lag < timedelta(days=4)
    assert machine.never_ahead()


def test_a_clock_that_was_set_back_is_believed_after_an_hour(machine: Machine) -> None:
    back = timedelta(days=400)
    machine.wrong = -back
    machine.on(CONFIRM_BACK_S / HOUR_S - 0.5)
    machine.off(0)
    machine.on(0.4)
    assert machine.clock.trusted.at > machine.time - back
    machine.on(1)
    assert machine.clock.trusted.at == machine.time - back
    machine.wrong = timedelta(0)
    machine.on(1)
    assert machine.judged[-1] < machine.time - timedelta(days=399)


def test_a_clock_that_jumps_all_the_time_is_never_believed_and_takes_no_room(machine: Machine) -> None:
    for _ in range(3 * MAX_STRETCHES):
        machine.wrong += timedelta(days=100)
        machine.on(1 / 6)
    assert len(machine.clock.unproven) <= MAX_STRETCHES
    assert machine.never_ahead()
    machine.on(CONFIRM_S / HOUR_S)
    assert machine.clock.settled
    assert machine.lag == timedelta(days=-100 * 3 * MAX_STRETCHES)


def test_the_state_is_as_good_after_it_was_stored(machine: Machine) -> None:
    machine.wrong = timedelta(days=9)
    machine.on(3)
    stored = machine.clock.stored()
    assert isinstance(stored, Clock) and stored.unproven[0].up_s == machine.clock.unproven[0].up_s
