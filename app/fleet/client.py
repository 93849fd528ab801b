"""A simulated client at work: the agent's own socket, and backups when it is told or due."""

import asyncio
from random import Random

import structlog

from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.link import Link
from app.agent_frames import AgentProgress, Command, CommandAck
from app.fleet.backup import Backup
from app.fleet.content import Contents
from app.fleet.disk import Disk
from app.fleet.roster import Temper
from app.tasks import Tasks
from streams.failures import TidewatchError
from streams.records.base import utc_now
from streams.vocabulary import RunTrigger

log = structlog.stdlib.get_logger(__name__)

HEARTBEAT_S = 20.0


class SimulatedClient:
    """One machine of the fleet as the server meets it."""

    def __init__(
        self, api: Api, disk: Disk, *, events_port: int, contents: Contents, rng: Random, tasks: Tasks
    ) -> None:
        self.disk = disk
        self._api, self._contents, self._rng, self._tasks = api, contents, rng, tasks
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
        """Wait, then stay connected as long as its temper allows, for ever."""
        await asyncio.sleep(pause_s)
        async with self._api:
            try:
                if self.disk.machine.temper is Temper.AWAY:
                    await self._come_and_go()
                else:
                    await self._link.run()
            except TidewatchError as error:
                log.info("client_ended", client=self.disk.machine.name, reason=error.message)

    async def _come_and_go(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 120))
        while True:
            staying = asyncio.create_task(self._link.run(), name=f"link of {self.disk.machine.name}")
            try:
                await asyncio.wait((staying,), timeout=self._rng.uniform(200, 800))
                while self.busy and not staying.done():
                    await asyncio.wait((staying,), timeout=5)
            finally:
                staying.cancel()
                await asyncio.wait((staying,))
            if not staying.cancelled():
                staying.result()
            await asyncio.sleep(self._rng.uniform(60, 300))

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
        self.disk.live_on(self._rng, utc_now().timestamp())
        self._backup = Backup(self._api, self.disk, self._contents, self._rng, self._report)
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
