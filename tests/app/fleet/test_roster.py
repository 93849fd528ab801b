from collections import Counter

import pytest

from app.fleet.roster import DAY_S, Role, Temper, make_roster


@pytest.mark.parametrize("count", [1, 30, 45, 60, 200])
def test_as_many_as_asked_for_and_every_name_once(count: int) -> None:
    roster = make_roster(count, 1)
    assert len(roster) == count
    assert len({machine.name for machine in roster}) == count


def test_the_same_seed_gives_the_same_fleet_and_another_one_does_not() -> None:
    assert make_roster(45, 7) == make_roster(45, 7)
    assert make_roster(45, 7) != make_roster(45, 8)


@pytest.mark.parametrize("count", [30, 45, 60])
@pytest.mark.parametrize("seed", [0, 1256])
def test_a_few_machines_have_troubles_and_most_are_well(count: int, seed: int) -> None:
    tempers = Counter(machine.temper for machine in make_roster(count, seed))
    assert tempers[Temper.STEADY] > count / 2
    assert tempers[Temper.NEVER] == tempers[Temper.SLOW] == tempers[Temper.GONE] == 1
    assert tempers[Temper.FAILING] == 2
    assert tempers[Temper.AWAY] >= 2


def test_what_fails_says_why_and_for_how_long() -> None:
    for machine in make_roster(60, 3):
        if machine.temper is Temper.FAILING:
            assert machine.reason
            assert machine.trouble_s > DAY_S
        if machine.temper is Temper.AWAY:
            assert machine.role is Role.LAPTOP
