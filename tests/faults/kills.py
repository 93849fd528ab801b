"""Kills the server and its agents at random moments; then everything acknowledged must be there."""

import asyncio
import contextlib
import random
import time

from tests.e2e.processes import free_port_pair
from tests.faults.__main__ import room, say
from tests.faults.checks import at_rest, running
from tests.faults.client import Acks
from tests.faults.nursery import Nursery
from tests.faults.programs import Machine, machines
from tests.faults.served import Served

MACHINES = 3
TOLD_EVERY = 20
BETWEEN_S = (0.05, 1.2)
"""From one kill to the next: within a backup, within the start of the server, or after both."""


async def kills(count: int) -> int:
    """Kill ``count`` times; return the exit code."""
    chance, port = random.Random(1256), free_port_pair()
    killed = {"server": 0, "agent": 0}
    done = 0
    with room() as work, contextlib.closing(Nursery({})) as nursery:
        server = Served(nursery, work / "data", port=port)
        assert server.up, server.said()
        clients = machines(work, nursery, server, port, MACHINES)
        for machine in clients:
            assert not (problem := await machine.back_up()), problem
        began = time.monotonic()
        told = 0
        while sum(killed.values()) < count:
            if sum(killed.values()) >= told + TOLD_EVERY:
                told = sum(killed.values())
                say(f"{killed['server']} kills of the server, {killed['agent']} of agents, {done} backups")
            done += sum(_keep_going(machine) for machine in clients)
            await asyncio.sleep(chance.uniform(*BETWEEN_S))
            if chance.random() < 0.5:
                server.kill()
                killed["server"] += 1
                server = Served(nursery, work / "data", port=port)
                if not server.up:
                    say(f"LOST the server does not start again: {server.said()[-600:]}")
                    return 1
            else:
                machine = chance.choice(clients)
                killed["agent"] += machine.ended() is None
                machine.kill()
        found = await _judged(server, clients)
        took_s = time.monotonic() - began
    for each in found:
        say(f"LOST {each}")
    versions = sum(len(machine.acks.entries) for machine in clients)
    say(
        f"{killed['server']} kills of the server, {killed['agent']} of agents, {done} backups between them,"
        f" {versions} acknowledged versions, {took_s:.0f} s, {len(found)} lost"
    )
    return 1 if found else 0


def _keep_going(machine: Machine) -> int:
    """Let a machine back up all the time; count those that ended well."""
    code = machine.ended()
    if machine.pid and code is None:
        return 0
    if code == 0:
        machine.acknowledged()
    machine.change()
    machine.start()
    return int(code == 0)


async def _judged(server: Served, clients: list[Machine]) -> list[str]:
    """Let every machine back up once more undisturbed, and look at everything."""
    found: list[str] = []
    for machine in clients:
        machine.kill()
        if problem := await machine.back_up():
            found.append(problem)
        found += await machine.restored(server)
    acks = Acks(entries=[entry for machine in clients for entry in machine.acks.entries])
    found += await asyncio.to_thread(running, server, acks)
    server.stop()
    return [*found, *await asyncio.to_thread(at_rest, server.data, acks)]
