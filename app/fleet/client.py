"""A simulated client at work: the agent's own socket, and backups when it is told or due."""

import asyncio
from dataclasses import dataclass, field
from random import Random

import structlog

from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.link import Link
from app.fleet.backup import Backup
from app.fleet.behaviour import Conditions, is_on
from app.fleet.content import Contents
from app.fleet.disk import Disk
from app.fleet.fleet_clock import FleetClock
from app.runtime.tasks import Tasks
from app.wire.agent_socket import AgentProgress, Command, CommandAck
from streams.model.failures import TidewatchError
from streams.model.vocabulary import RunTrigger

log = structlog.stdlib.get_logger(__name__)

HEARTBEAT_S = 20.0
LOOK_EVERY_S = 2.0
"""How often a machine looks whether it is switched on."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The time, the files and the troubles that all machines of a fleet share."""

    clock: FleetClock
    contents: Contents
    conditions: Conditions = field(default_factory=Conditions)


class SimulatedClient:
    """One machine of the fleet as the server meets it."""

    def __init__(
        self,
        api: Api,
        disk: Disk,
        *,
        client_id: str,
        events_port: int,
        circumstances: Circumstances,
        rng: Random,
        tasks: Tasks,
    ) -> None:
        self.disk, self.client_id = disk, client_id
        self._api, self._circumstances, self._rng, self._tasks = api, circumstances, rng, tasks
        self._backup: Backup | None = None
        name = disk.machine.name
        self._link = Link(
            api,
            events_port,
            backoff=Backoff(name, base_s=0.5, cap_s=20.0),
            heartbeat_s=HEARTBEAT_S * rng.uniform(0.8, 1.2),
            on_command=self._on_command,
            on_refused=lambda error: log.info("client_refused", client=name, reason=error.message),
            say=lambda text: log.info("client_says", client=name, text=text),
        )

    @property
    def online(self) -> bool:
        """Whether the server has greeted it."""
        return self._link.connected.is_set()

    @property
    def busy(self) -> bool:
        """Whether it backs up right now."""
        return self._backup is not None

    async def live_after(self, pause_s: float) -> None:
        """Wait, then be connected whenever the machine is switched on, for ever."""
        await asyncio.sleep(pause_s)
        async with self._api:
            try:
                while True:
                    if self._present():
                        await self._stay()
                    await asyncio.sleep(LOOK_EVERY_S)
            except TidewatchError as error:
                log.info("client_ended", client=self.disk.machine.name, reason=error.message)

    def _present(self) -> bool:
        machine = self.disk.machine
        down = machine.name in self._circumstances.conditions.down
        return not down and is_on(machine, self._circumstances.clock.now_s())

    async def _stay(self) -> None:
        """Be connected until the machine is switched off, which waits for a backup, or loses its network."""
        staying = asyncio.create_task(self._link.run(), name=f"link of {self.disk.machine.name}")
        try:
            while not staying.done() and (self._present() or self.busy):
                await asyncio.wait((staying,), timeout=LOOK_EVERY_S)
        finally:
            staying.cancel()
            await asyncio.wait((staying,))
        if not staying.cancelled():
            staying.result()

    def _on_command(self, command: Command) -> CommandAck:
        match command.kind:
            case "backup":
                accepted = self.start_backup(command.trigger)
                reason = None if accepted else "a backup is running already"
                return CommandAck(id=command.id, accepted=accepted, reason=reason)
            case "cancel":
                if self._backup is not None and command.run_id in (None, self._backup.run_id):
                    self._backup.stop(command.reason)
                return CommandAck(id=command.id, accepted=True)
            case _:
                return CommandAck(id=command.id, accepted=False, reason=f"unknown command {command.kind}")

    def start_backup(self, trigger: RunTrigger) -> bool:
        """Begin a backup in the background; False while one is running."""
        if self.busy:
            return False
        clock, conditions = self._circumstances.clock, self._circumstances.conditions
        self.disk.live_on(self._rng, clock.now_s(), conditions.change_factor)
        self._backup = Backup(
            self._api, self.disk, self._circumstances.contents, self._rng, self._report,
            pace=clock.pace, conditions=conditions,
        )  # fmt: skip
        self._tasks.start(self._back_up(self._backup, trigger), f"backup of {self.disk.machine.name}")
        return True

    async def _back_up(self, backup: Backup, trigger: RunTrigger) -> None:
        try:
            await backup.begin(trigger)
            await backup.carry_out()
        except TidewatchError as error:
            log.info("backup_broken_off", client=self.disk.machine.name, reason=error.message)
        finally:
            self._backup = None

    def _report(self, progress: AgentProgress) -> None:
        if self.online:
            self._link.progress(progress)
