"""The simulated fleet as a whole: one live client for each machine, their schedules, and load on demand."""

import asyncio
from dataclasses import dataclass
from functools import partial
from random import Random

from app.agent.address import address_of
from app.agent.api import Api
from app.fleet.client import SimulatedClient
from app.fleet.conductor import Conductor
from app.fleet.content import Contents
from app.fleet.load import make_events, through
from app.fleet.roster import Temper
from app.fleet.seeding import Member
from app.server.run import ServerInfo
from app.tasks import Tasks

SPREAD_S = 0.6
"""Over how long the clients connect at the start."""
_ABSENT = (Temper.NEVER, Temper.GONE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What kind of fleet is wanted."""

    clients: int
    seed: int
    quiet: bool = False
    events_per_second: float = 0.0


async def run_fleet(info: ServerInfo, members: tuple[Member, ...], plan: Plan, tasks: Tasks) -> None:
    """Let all machines live until cancelled."""
    address = address_of(f"http://{info.host}:{info.port}")
    contents = Contents(plan.seed)
    clients: list[SimulatedClient] = []
    for number, member in enumerate(members):
        disk = member.disk
        if disk.machine.temper in _ABSENT:
            continue
        rng = Random(f"{plan.seed}:live:{disk.machine.name}")
        client = SimulatedClient(
            Api(address, member.token), disk, events_port=info.events_port, contents=contents, rng=rng,
            tasks=tasks,
        )  # fmt: skip
        clients.append(client)
        tasks.keep(partial(client.live_after, SPREAD_S * number / len(members)), disk.machine.name)

    async def load() -> None:
        token = await asyncio.to_thread(info.token_file.read_text)
        async with Api(address, token.strip()) as api:
            await make_events(through(api), [m.client_id for m in members], plan.events_per_second, tasks)

    if plan.events_per_second > 0:
        tasks.keep(load, "events")
    elif not plan.quiet:
        tasks.keep(Conductor(clients, Random(f"{plan.seed}:conductor")).conduct, "conductor")
    await asyncio.Event().wait()
