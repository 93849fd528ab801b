"""The schedules of the fleet: usually two to six backups at once, each machine in its turn."""

import asyncio
from collections.abc import Sequence
from random import Random

from app.fleet.client import SimulatedClient
from app.fleet.roster import Temper
from streams.vocabulary import RunTrigger

LEAST_AT_ONCE = 3
MOST_AT_ONCE = 6
LOOK_EVERY_S = 2.0
FIRST_SECONDS = 30 * 60.0


class Conductor:
    """Starts the scheduled backups."""

    def __init__(self, clients: Sequence[SimulatedClient], rng: Random) -> None:
        self._clients, self._rng = clients, rng
        loop_s = asyncio.get_running_loop().time()
        self._due = {client: loop_s + rng.uniform(0, FIRST_SECONDS) for client in clients}

    async def conduct(self) -> None:
        """Start what is due, for ever."""
        while True:
            self.start_due(asyncio.get_running_loop().time())
            await asyncio.sleep(LOOK_EVERY_S * self._rng.uniform(0.5, 1.5))

    def start_due(self, now_s: float) -> int:
        """Start one backup that is due, or the next one while too few run; return how many run now."""
        running = sum(client.busy for client in self._clients)
        ready = [client for client in self._clients if client.online and not client.busy]
        if ready and running < MOST_AT_ONCE:
            client = min(ready, key=lambda candidate: self._due[candidate])
            if (self._due[client] <= now_s or running < LEAST_AT_ONCE) and client.start_backup(
                RunTrigger.SCHEDULE
            ):
                self._due[client] = now_s + self._pause_s(client)
                running += 1
        return running

    def _pause_s(self, client: SimulatedClient) -> float:
        machine = client.disk.machine
        pause_s = self._rng.uniform(12, 40) * 60
        if machine.role.personal or machine.temper is Temper.SLOW:
            pause_s *= 2
        return pause_s
