"""A simulated client at work: its socket to the server, its heartbeats, its backups."""

import asyncio
from random import Random

import aiohttp
import msgspec
import structlog

from app.agent.api import Api, failure_of
from app.agent.backoff import Backoff
from app.fleet.backup import Backup
from app.fleet.content import Contents
from app.fleet.disk import Disk
from app.fleet.roster import Temper
from app.protocol import (
    CLOSE_DISCONNECTED,
    AgentHello,
    AgentProblem,
    AgentProgress,
    Command,
    CommandAck,
    FromAgentFrame,
    Heartbeat,
    ToAgentFrame,
    decode_to_agent,
    encode,
)
from app.tasks import Tasks
from streams.failures import TidewatchError
from streams.records.base import utc_now
from streams.vocabulary import RunTrigger

log = structlog.stdlib.get_logger(__name__)

HEARTBEAT_S = 20.0
SHUT_OUT_RETRY_S = 20.0


class SimulatedClient:
    """One machine of the fleet as the server meets it."""

    def __init__(
        self, api: Api, disk: Disk, *, events_port: int, contents: Contents, rng: Random, tasks: Tasks
    ) -> None:
        self.disk = disk
        self._api, self._contents, self._rng, self._tasks = api, contents, rng, tasks
        self._url = api.address.events_url(events_port)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._backup: Backup | None = None
        self._outgoing: asyncio.Queue[FromAgentFrame] = asyncio.Queue()

    @property
    def online(self) -> bool:
        """Whether its socket to the server is open."""
        return self._socket is not None and not self._socket.closed

    @property
    def busy(self) -> bool:
        """Whether it backs up right now."""
        return self._backup is not None

    async def live(self) -> None:
        """Stay connected as long as its temper allows, for ever."""
        backoff = Backoff(self.disk.machine.name, base_s=0.5, cap_s=20.0)
        if self.disk.machine.temper is Temper.AWAY:
            await asyncio.sleep(self._rng.uniform(0, 120))
        while True:
            pause_s: float | None = None
            try:
                pause_s = await self._stay_for(backoff)
            except TidewatchError as error:
                log.info("client_lost_the_server", client=self.disk.machine.name, reason=error.message)
            await asyncio.sleep(backoff.next_s() if pause_s is None else pause_s)

    async def _stay_for(self, backoff: Backoff) -> float | None:
        """Be connected for a while; return how long to stay away, None for as long as the back-off says."""
        if self.disk.machine.temper is not Temper.AWAY:
            return await self._stay_connected(backoff)
        staying = asyncio.ensure_future(self._stay_connected(backoff))
        try:
            await asyncio.wait((staying,), timeout=self._rng.uniform(200, 800))
            while self.busy and not staying.done():
                await asyncio.wait((staying,), timeout=5)
            if staying.done():
                return await staying
        finally:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
        return self._rng.uniform(60, 300)

    async def _stay_connected(self, backoff: Backoff) -> float | None:
        try:
            async with self._api.session.ws_connect(self._url, headers=self._api.headers) as socket:
                self._socket = socket
                sending = asyncio.ensure_future(self._send_frames(socket))
                try:
                    async for message in socket:
                        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                            self._on_frame(message.data, backoff)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                return SHUT_OUT_RETRY_S if socket.close_code == CLOSE_DISCONNECTED else None
        except aiohttp.WSServerHandshakeError as error:
            log.info("client_refused", client=self.disk.machine.name, status=error.status)
            return SHUT_OUT_RETRY_S
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise failure_of(error, self._api.address) from error
        finally:
            self._socket = None

    async def _send_frames(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Send what is reported, and a heartbeat where there is nothing to report."""
        while True:
            frame: FromAgentFrame = Heartbeat()
            try:
                async with asyncio.timeout(HEARTBEAT_S * self._rng.uniform(0.8, 1.2)):
                    frame = await self._outgoing.get()
            except TimeoutError:
                log.debug("heartbeat", client=self.disk.machine.name)
            await socket.send_str(encode(frame).decode())

    def _on_frame(self, data: str | bytes, backoff: Backoff) -> None:
        try:
            frame: ToAgentFrame = decode_to_agent(data)
        except msgspec.DecodeError as error:
            log.warning("unreadable_frame", client=self.disk.machine.name, reason=str(error))
            return
        match frame:
            case AgentHello():
                backoff.reset()
            case Command(kind="backup"):
                self._on_backup_asked(frame)
            case Command(kind="cancel"):
                if self._backup is not None and frame.run_id in (None, self._backup.run_id):
                    self._backup.stop()
                self._outgoing.put_nowait(CommandAck(id=frame.id, accepted=True))
            case Command():
                self._outgoing.put_nowait(
                    CommandAck(id=frame.id, accepted=False, reason=f"unknown command {frame.kind}")
                )
            case AgentProblem():
                log.info("client_told", client=self.disk.machine.name, code=frame.code)

    def _on_backup_asked(self, command: Command) -> None:
        accepted = self.start_backup(command.trigger)
        reason = None if accepted else "a backup is running already"
        self._outgoing.put_nowait(CommandAck(id=command.id, accepted=accepted, reason=reason))

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
        if self.online and self._outgoing.qsize() < 8:
            self._outgoing.put_nowait(progress)
