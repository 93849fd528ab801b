from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from app.fleet.behaviour import next_start
from app.fleet.conductor import MAX_LATE_S, Conductor
from app.fleet.disk import Disk
from app.fleet.fleet_clock import FleetClock
from app.fleet.roster import DAY_S, make_roster
from streams.model.vocabulary import RunTrigger

NOW_S = 1_760_000_000.0


@dataclass(eq=False)
class FakeClient:
    disk: Disk
    online: bool = True
    busy: bool = False
    asked: list[RunTrigger] = field(default_factory=list[RunTrigger])

    def start_backup(self, trigger: RunTrigger) -> bool:
        self.asked.append(trigger)
        return not self.busy


@dataclass
class Hand:
    """A clock that is set by hand."""

    at_s: float = NOW_S

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def hand() -> Hand:
    return Hand()


def fleet(count: int) -> list[FakeClient]:
    return [FakeClient(Disk(machine, {}, changed_s=NOW_S)) for machine in make_roster(count, 1)]


def conductor_of(clients: list[FakeClient], hand: Hand) -> Conductor:
    return Conductor(cast(Any, clients), FleetClock(now=hand))


def test_nothing_begins_before_it_is_due_and_each_turn_once(hand: Hand) -> None:
    (client,) = clients = fleet(1)
    conductor = conductor_of(clients, hand)
    due_s = next_start(client.disk.machine, NOW_S)
    hand.at_s = due_s - 1
    conductor.start_due()
    assert not client.asked
    hand.at_s = due_s + 1
    for _ in range(5):
        conductor.start_due()
    assert client.asked == [RunTrigger.SCHEDULE]


def test_every_client_has_its_turn_and_those_offline_do_not(hand: Hand) -> None:
    clients = fleet(12)
    clients[0].online = False
    conductor = conductor_of(clients, hand)
    for at in range(0, round(7 * DAY_S), 600):
        hand.at_s = NOW_S + at
        conductor.start_due()
    assert not clients[0].asked
    assert all(set(client.asked) == {RunTrigger.SCHEDULE} for client in clients[1:])


def test_who_connects_late_still_has_its_turn_but_not_for_ever(hand: Hand) -> None:
    clients = fleet(2)
    for client in clients:
        client.online = False
    conductor = conductor_of(clients, hand)
    conductor.rush(0.0, Random(1))
    for at, online in ((1.0, None), (MAX_LATE_S / 2, 0), (MAX_LATE_S * 1.5, 1)):
        hand.at_s = NOW_S + at
        conductor.start_due()
        if online is not None:
            clients[online].online = True
        conductor.start_due()
    assert [len(client.asked) for client in clients] == [1, 0]


def test_what_the_history_left_over_begins_at_once(hand: Hand) -> None:
    (client,) = clients = fleet(1)
    due_s = next_start(client.disk.machine, NOW_S)
    client.disk.changed_s, hand.at_s = due_s - 60, due_s + 300
    conductor_of(clients, hand).start_due()
    assert client.asked


def test_machines_come_and_go(hand: Hand) -> None:
    clients = fleet(2)
    conductor = conductor_of(clients[:1], hand)
    conductor.add(cast(Any, clients[1]))
    conductor.start_due()
    assert [len(client.asked) for client in clients] == [0, 1]
    conductor.remove(cast(Any, clients[1]))
    hand.at_s += DAY_S
    conductor.start_due()
    assert [len(client.asked) for client in clients] == [1, 1]
