import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from app.fleet.conductor import LEAST_AT_ONCE, MOST_AT_ONCE, Conductor
from app.fleet.disk import Disk
from app.fleet.roster import make_roster
from streams.vocabulary import RunTrigger


@dataclass(eq=False)
class FakeClient:
    disk: Disk
    online: bool = True
    busy: bool = False
    asked: list[RunTrigger] = field(default_factory=list[RunTrigger])

    def start_backup(self, trigger: RunTrigger) -> bool:
        self.busy = True
        self.asked.append(trigger)
        return True


def fleet(count: int) -> list[FakeClient]:
    return [FakeClient(Disk(machine, {})) for machine in make_roster(count, 1)]


def conductor_of(clients: list[FakeClient]) -> Conductor:
    return Conductor(cast(Any, clients), Random(1))


async def test_a_few_backups_run_at_once_from_the_start() -> None:
    clients = fleet(20)
    conductor = conductor_of(clients)
    for _ in range(10):
        conductor.start_due(0.0)
    assert sum(client.busy for client in clients) == LEAST_AT_ONCE


async def test_never_more_than_the_most_even_when_all_are_due() -> None:
    clients = fleet(20)
    conductor = conductor_of(clients)
    for _ in range(30):
        conductor.start_due(1e9)
    assert sum(client.busy for client in clients) == MOST_AT_ONCE


async def test_every_client_has_its_turn_and_those_offline_do_not() -> None:
    clients = fleet(12)
    clients[0].online = False
    conductor = conductor_of(clients)
    began_s = asyncio.get_running_loop().time()  # of a machine that has been up for a minute or for a month
    for since_s in range(0, 40_000, 20):
        conductor.start_due(began_s + since_s)
        for client in clients:
            client.busy = False
    assert not clients[0].asked
    assert all(set(client.asked) == {RunTrigger.SCHEDULE} for client in clients[1:])
