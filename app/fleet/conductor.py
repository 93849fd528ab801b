"""The schedules of the fleet: each machine backs up when the model of its behaviour says so."""

import asyncio
from collections.abc import Iterable
from random import Random

from app.fleet.behaviour import next_start
from app.fleet.client import SimulatedClient
from app.fleet.fleet_clock import FleetClock
from streams.model.vocabulary import RunTrigger

LOOK_EVERY_S = 1.0
MAX_LATE_S = 900.0
"""A backup that is due waits so long for the machine to be connected; then its turn is over."""
MAX_BACKLOG_S = 3600.0
"""Runs that the history left to the future are made up for, older ones are not."""


class Conductor:
    """Starts the scheduled backups."""

    def __init__(self, clients: Iterable[SimulatedClient], clock: FleetClock) -> None:
        self._clock = clock
        now_s = clock.now_s()
        self._due = {
            client: next_start(client.disk.machine, max(client.disk.changed_s, now_s - MAX_BACKLOG_S))
            for client in clients
        }

    async def conduct(self) -> None:
        """Start what is due, for ever."""
        while True:
            self.start_due()
            await asyncio.sleep(LOOK_EVERY_S)

    def start_due(self) -> None:
        """Start the backups that are due; whoever is busy or away misses its turn."""
        now_s = self._clock.now_s()
        for client, due_s in self._due.items():
            if due_s > now_s or (not client.online and now_s - due_s < MAX_LATE_S):
                continue
            if client.online:
                client.start_backup(RunTrigger.SCHEDULE)
            self._due[client] = next_start(client.disk.machine, now_s)

    def add(self, client: SimulatedClient) -> None:
        """Take in a machine that has just been enrolled: its first backup is due."""
        self._due[client] = self._clock.now_s()

    def remove(self, client: SimulatedClient) -> None:
        """Forget a machine."""
        self._due.pop(client, None)

    def rush(self, within_s: float, rng: Random) -> None:
        """Let every machine be due once more within some time of the fleet, as in a nightly batch."""
        now_s = self._clock.now_s()
        for client, due_s in self._due.items():
            self._due[client] = min(due_s, now_s + rng.uniform(0, within_s))
