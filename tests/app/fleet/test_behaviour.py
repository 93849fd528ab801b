"""The model of the fleet's behaviour: the past that is written and the future that is lived are one."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from statistics import mean
from typing import Any, cast

import pytest

from app.fleet.behaviour import (
    Conditions,
    draw_duration_s,
    draw_fate,
    is_on,
    last_on_s,
    next_start,
    starts,
)
from app.fleet.conductor import Conductor
from app.fleet.disk import Disk
from app.fleet.fleet_clock import FleetClock
from app.fleet.roster import DAY_S, Machine, Temper, make_roster
from app.fleet.synthetic_history import HISTORY_DAYS, PastRun, make_past
from streams.model.vocabulary import RunState, RunTrigger
from streams.testing.virtual_loop import run_virtual

NOW_S = 1_760_000_000.0
SEED = 1256
DAYS = 14
LIVING = tuple(
    machine
    for machine in make_roster(45, SEED)
    if machine.temper not in (Temper.NEVER, Temper.GONE, Temper.SHUT_OUT)
)


@dataclass(eq=False)
class LivingClient:
    """A client whose backups take as long as the model says."""

    disk: Disk
    clock: FleetClock
    began_s: list[float] = field(default_factory=list[float])
    sent_bytes: int = 0
    fates: list[RunState] = field(default_factory=list[RunState])
    busy_until_s: float = 0.0
    rng: Random = field(default_factory=lambda: Random(4))

    @property
    def online(self) -> bool:
        return is_on(self.disk.machine, self.clock.now_s())

    @property
    def busy(self) -> bool:
        return self.clock.now_s() < self.busy_until_s

    def start_backup(self, trigger: RunTrigger) -> bool:
        assert trigger is RunTrigger.SCHEDULE
        if self.busy:
            return False
        now_s = self.clock.now_s()
        fate = draw_fate(self.disk.machine, self.rng, troubled=True, first=not self.disk.stored)
        self.busy_until_s = now_s + draw_duration_s(self.disk.machine, self.rng)
        self.began_s.append(now_s)
        self.fates.append(fate.state)
        self.disk.live_on(self.rng, now_s)
        if fate.state is not RunState.FAILED:
            for file in list(self.disk.unsent.values()):
                self.sent_bytes += file.size_bytes
                self.disk.kept(file)
            self.disk.told_gone(self.disk.gone())
        return True


def history() -> tuple[list[PastRun], list[Disk]]:
    """Return the runs of the last two weeks, and the disks with which the future begins."""
    pasts = [make_past(machine, SEED, NOW_S) for machine in LIVING]
    recent = [run for past in pasts for run in past.runs if run.started_s > NOW_S - DAYS * DAY_S]
    return recent, [past.disk for past in pasts]


def live(disks: list[Disk], *, pace: float = 1.0) -> list[LivingClient]:
    """Let the conductor start what is due for two weeks of the fleet, in virtual time."""

    async def two_weeks() -> list[LivingClient]:
        loop = asyncio.get_running_loop()
        clock = FleetClock(pace, now=lambda: NOW_S + loop.time())
        clients = [LivingClient(disk, clock) for disk in disks]
        conductor = Conductor(cast(Any, clients), clock)
        while clock.now_s() < NOW_S + DAYS * DAY_S:
            conductor.start_due()
            await asyncio.sleep(60 / pace)
        return clients

    return run_virtual(two_weeks())


@pytest.fixture(scope="module")
def both() -> tuple[list[PastRun], list[LivingClient]]:
    past, disks = history()
    return past, live(disks)


def test_the_future_has_as_many_backups_as_the_past(both: tuple[list[PastRun], list[LivingClient]]) -> None:
    past, clients = both
    future = sum(len(client.began_s) for client in clients)
    assert future == pytest.approx(len(past), rel=0.05)


def test_the_future_sends_as_much_as_the_past(both: tuple[list[PastRun], list[LivingClient]]) -> None:
    past, clients = both
    regular = [run.sent_bytes for run in past]
    assert sum(client.sent_bytes for client in clients) == pytest.approx(sum(regular), rel=0.35)


def test_as_many_fail_in_the_future_as_in_the_past(both: tuple[list[PastRun], list[LivingClient]]) -> None:
    past, clients = both
    before = sum(run.state is RunState.FAILED for run in past) / len(past)
    fates = [fate for client in clients for fate in client.fates]
    after = sum(fate is RunState.FAILED for fate in fates) / len(fates)
    assert 0.02 < before < 0.2
    assert after == pytest.approx(before, abs=0.05)


def test_the_hours_of_the_day_are_the_same(both: tuple[list[PastRun], list[LivingClient]]) -> None:
    past, clients = both

    def hours(moments: list[float]) -> Counter[int]:
        return Counter(datetime.fromtimestamp(at, UTC).hour // 6 for at in moments)

    before = hours([run.started_s for run in past])
    after = hours([at for client in clients for at in client.began_s])
    for quarter in range(4):
        assert after[quarter] == pytest.approx(before[quarter], rel=0.15)


def test_a_pace_scales_the_rate_and_nothing_else() -> None:
    _, disks = history()
    slow = [at for client in live(disks) for at in client.began_s]
    _, disks = history()
    fast = [at for client in live(disks, pace=60) for at in client.began_s]
    assert len(fast) == pytest.approx(len(slow), rel=0.02)
    assert max(fast) == pytest.approx(max(slow), abs=DAY_S / 4)  # of the fleet's own time


def test_the_history_leads_to_the_future_without_a_gap() -> None:
    past, disks = history()
    began = [at for client in live(disks) for at in client.began_s]
    edge = [run.started_s for run in past if run.started_s > NOW_S - DAY_S / 2]
    edge += [at for at in began if at < NOW_S + DAY_S / 2]
    gaps = [after - before for before, after in zip(sorted(edge), sorted(edge)[1:], strict=False)]
    assert max(gaps) < 8 * mean(gaps)


@pytest.mark.parametrize("machine", LIVING, ids=lambda machine: machine.name)
def test_the_schedule_is_the_same_whoever_asks_and_from_when(machine: Machine) -> None:
    whole = list(starts(machine, NOW_S, NOW_S + 5 * DAY_S))
    middle = NOW_S + 2 * DAY_S
    assert whole == [
        *starts(machine, NOW_S, middle),
        *starts(machine, middle - 1e-6, NOW_S + 5 * DAY_S),
    ]
    assert all(is_on(machine, at) for at in whole)
    assert next_start(machine, NOW_S) == whole[0] if whole else True


def test_people_are_at_work_by_day_and_servers_are_always_on() -> None:
    laptops = [machine for machine in LIVING if machine.office_hours]
    servers = [machine for machine in LIVING if not machine.office_hours]
    midnight = datetime.fromtimestamp(NOW_S, UTC).astimezone().replace(hour=2, minute=0).timestamp()
    assert not any(is_on(machine, midnight) for machine in laptops)
    assert all(is_on(machine, midnight) for machine in servers)
    noons = [midnight + 10 * 3600 + day * DAY_S for day in range(7)]
    assert sum(is_on(machine, at) for machine in laptops for at in noons) > 3 * len(laptops)
    assert last_on_s(laptops[0], midnight) < midnight
    assert is_on(laptops[0], last_on_s(laptops[0], midnight))


def test_a_first_backup_is_complete_unless_the_night_is_bad() -> None:
    machine = next(machine for machine in LIVING if machine.temper is Temper.FAILING)
    rng = Random(1)
    assert draw_fate(machine, rng, troubled=True, first=True).state is RunState.COMPLETE
    assert draw_fate(machine, rng, troubled=True, first=False).reason == machine.reason
    bad = Conditions(failure_ratio=1.0, failure_reason="the share did not answer")
    fate = draw_fate(replace(machine, temper=Temper.STEADY), rng, troubled=True, first=True, conditions=bad)
    assert (fate.state, fate.reason) == (RunState.FAILED, "the share did not answer")


def test_the_history_is_thirty_days_of_the_same_rate() -> None:
    runs = [run for machine in LIVING for run in make_past(machine, SEED, NOW_S).runs]
    weeks = Counter(int((NOW_S - run.started_s) // (7 * DAY_S)) for run in runs)
    assert weeks[0] == pytest.approx(weeks[2], rel=0.2)
    assert HISTORY_DAYS == 30
