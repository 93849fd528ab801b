"""The simulated fleet as a whole: one live client for each machine, their schedules, and load on demand."""

import asyncio
from dataclasses import dataclass
from functools import partial
from random import Random

from app.agent.address import Address, address_of
from app.agent.api import Api
from app.fleet.client import Circumstances, SimulatedClient
from app.fleet.conductor import Conductor
from app.fleet.content import Contents
from app.fleet.fleet_clock import FleetClock
from app.fleet.load import make_events, through
from app.fleet.roster import Temper
from app.fleet.scenarios import Scenario, play
from app.fleet.seeding import Member
from app.runtime.tasks import Tasks
from app.server.run import ServerInfo

SPREAD_S = 0.6
"""Over how long the clients connect at the start."""
_ABSENT = (Temper.NEVER, Temper.GONE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What kind of fleet is wanted."""

    clients: int
    seed: int
    pace: float = 1.0
    scenario: Scenario = Scenario.NONE
    quiet: bool = False
    events_per_second: float = 0.0


class Fleet:
    """The machines that live, which come and go in some scenarios."""

    def __init__(self, info: ServerInfo, plan: Plan, tasks: Tasks) -> None:
        self._info, self._plan, self._tasks = info, plan, tasks
        self.address: Address = address_of(f"http://{info.host}:{info.port}")
        unique = plan.scenario is Scenario.FULL_DISK
        self.circumstances = Circumstances(FleetClock(plan.pace), Contents(plan.seed, unique=unique))
        self._lives: dict[SimulatedClient, asyncio.Task[None]] = {}
        self._conductor = Conductor((), self.circumstances.clock)

    @property
    def clients(self) -> tuple[SimulatedClient, ...]:
        """The machines that live now, in the order of their coming."""
        return tuple(self._lives)

    @property
    def size(self) -> int:
        """How many machines there were at the start."""
        return self._plan.clients

    @property
    def seed(self) -> int:
        """The start of the simulated chance."""
        return self._plan.seed

    def start(self, members: tuple[Member, ...]) -> None:
        """Let all members live, and start their backups as they are due."""
        for number, member in enumerate(members):
            if member.disk.machine.temper not in _ABSENT:
                self._live(member, SPREAD_S * number / len(members))
        if not self._plan.quiet and self._plan.events_per_second <= 0:
            self._conductor = Conductor(self._lives, self.circumstances.clock)
            self._tasks.keep(self._conductor.conduct, "conductor")

    def join(self, member: Member) -> None:
        """Let a machine that has just been enrolled live; its first backup is due."""
        self._conductor.add(self._live(member, 0.0))

    def leave(self, client: SimulatedClient) -> None:
        """Switch a machine off for ever."""
        self._conductor.remove(client)
        self._lives.pop(client).cancel()

    def rush(self, within_s: float) -> None:
        """Let every machine be due once more within some time of the fleet."""
        self._conductor.rush(within_s, Random(f"{self._plan.seed}:rush"))

    def _live(self, member: Member, pause_s: float) -> SimulatedClient:
        disk = member.disk
        client = SimulatedClient(
            Api(self.address, member.token), disk, client_id=member.client_id,
            events_port=self._info.events_port, circumstances=self.circumstances,
            rng=Random(f"{self._plan.seed}:live:{disk.machine.name}"), tasks=self._tasks,
        )  # fmt: skip
        self._lives[client] = self._tasks.keep(partial(client.live_after, pause_s), disk.machine.name)
        return client


async def run_fleet(info: ServerInfo, members: tuple[Member, ...], plan: Plan, tasks: Tasks) -> None:
    """Let all machines live until cancelled."""
    fleet = Fleet(info, plan, tasks)
    fleet.start(members)
    token = (await asyncio.to_thread(info.token_file.read_text)).strip()

    async def load() -> None:
        async with Api(fleet.address, token) as api:
            await make_events(through(api), [m.client_id for m in members], plan.events_per_second, tasks)

    async def scenario() -> None:
        async with Api(fleet.address, token) as api:
            await play(plan.scenario, fleet, api)

    if plan.events_per_second > 0:
        tasks.keep(load, "events")
    if plan.scenario is not Scenario.NONE:
        tasks.start(scenario(), "scenario")
    await asyncio.Event().wait()
