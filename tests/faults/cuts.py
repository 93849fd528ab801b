"""Cuts sockets of agents and consoles at random bytes; backups must complete, and each event come once."""

import asyncio
import contextlib
import json
import sqlite3
import time

from tests.faults.__main__ import room, say
from tests.faults.checks import at_rest, running
from tests.faults.client import Acks, Http, Refused
from tests.faults.followers import Follower
from tests.faults.lines import lines_to
from tests.faults.nursery import Nursery
from tests.faults.programs import Machine, machines
from tests.faults.served import Served
from tests.servers import until

MACHINES = 3
CONSOLES = 8
CHANGES_EVERY_S = 0.01
CAUGHT_UP_S = 180.0
TOLD_EVERY = 500
GOALS_S = (60.0, 86_400.0)


async def cuts(count: int) -> int:
    """Cut ``count`` times; return the exit code."""
    with room() as work, contextlib.closing(Nursery({})) as nursery:
        server = Served(nursery, work / "data")
        assert server.up, server.said()
        async with lines_to(server.port, server.events_port) as lines:
            clients = machines(work, nursery, server, lines.port, MACHINES)
            for machine in clients:
                machine.start("--every", "1m")
            url, token = f"http://127.0.0.1:{lines.port + 1}/events", server.console().token or ""
            followers = [Follower(url, token) for _ in range(CONSOLES)]
            tasks = [asyncio.create_task(each.follow()) for each in followers]
            changes = asyncio.create_task(_change(server, clients))
            began = time.monotonic()
            told = 0
            while lines.cuts < count:
                await asyncio.sleep(0.05)
                if lines.cuts >= told + TOLD_EVERY:
                    told = lines.cuts
                    say(f"{told} cuts, {sum(each.events for each in followers)} events")
                if changes.done():
                    break
            cut = lines.cuts
            changes.cancel()
            lines.settle()
            ended = await asyncio.gather(changes, return_exceptions=True)
            found = [str(error) for error in ended if isinstance(error, Exception)]
            found += await _judged(server, clients, followers)
            took_s = time.monotonic() - began
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    for each in found:
        say(f"LOST {each}")
    events = sum(each.events for each in followers)
    say(f"{cut} cuts, {events} events at {CONSOLES} consoles, {took_s:.0f} s, {len(found)} lost")
    return 1 if found else 0


async def _change(server: Served, clients: list[Machine]) -> None:
    """Change files and the goals of clients all the time, past the lines, so that there are events."""
    console, number = server.console(), 0
    while True:
        number += 1
        for client in (await asyncio.to_thread(console.get, "/api/clients"))["clients"]:
            goal = {"goal_s": GOALS_S[number % 2]}
            with contextlib.suppress(Refused):  # on a busy machine it asks to try again
                await asyncio.to_thread(_patch, console, client["id"], goal)
            await asyncio.sleep(CHANGES_EVERY_S)
        if number % 20 == 0:
            for machine in clients:
                machine.change()
            with contextlib.suppress(Refused):  # one whose socket is cut just now
                await asyncio.to_thread(console.post, "/api/backups", {"client_ids": None})


def _patch(console: Http, client_id: str, goal: dict[str, float]) -> None:
    console.ask("PATCH", f"/api/clients/{client_id}", json.dumps(goal).encode())


async def _judged(server: Served, clients: list[Machine], followers: list[Follower]) -> list[str]:
    found: list[str] = []
    for machine in clients:
        if (code := machine.ended()) is not None:
            found.append(f"the agent of {machine.name} has ended with {code}: {machine.said()[-300:]}")
        machine.kill()
        if problem := await machine.back_up():
            found.append(problem)
        found += await machine.restored(server)
    last = _last_seq(server)
    try:
        await until(lambda: all(each.last_seq >= last for each in followers), CAUGHT_UP_S)
    except TimeoutError:
        found.append(f"consoles stay at {[each.last_seq for each in followers]}, the server is at {last}")
    for each in followers:
        found += each.found
    acks = Acks(entries=[entry for machine in clients for entry in machine.acks.entries])
    found += await asyncio.to_thread(running, server, acks)
    server.stop()
    return [*found, *await asyncio.to_thread(at_rest, server.data, acks)]


def _last_seq(server: Served) -> int:
    with contextlib.closing(sqlite3.connect(server.data / "catalogue.db")) as db:
        return db.execute("SELECT max(seq) FROM events").fetchone()[0]
