"""The agents hub: who is connected, what they are told to do, and what they tell."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog
from aiohttp import ClientConnectionError, WSMsgType, web

from app.catalogue.catalogue import Catalogue
from app.runtime.log_limits import LimitedLog
from app.runtime.tasks import Tasks
from app.server.agent_socket import (
    ENDING,
    ENDS,
    FRAME_BYTES,
    REPLACED,
    REVOKED,
    SHUT_OUT,
    UNREADABLE,
    AgentLink,
)
from app.server.client_registry import Roster
from app.server.limits import Limits
from app.server.presence import Presence
from app.server.problems import Refused
from app.server.progress import ProgressBoard
from app.server.sockets import PART_S, first_of
from app.wire.agent_socket import (
    AgentHello,
    AgentProgress,
    Command,
    CommandAck,
    FromAgentFrame,
    Heartbeat,
    decode_from_agent,
)
from streams.model.events import PROTOCOL_VERSION
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)
limited = LimitedLog(log)


class AgentsHub:
    """One socket for each client; the open socket is what makes a client online."""

    def __init__(
        self, *, catalogue: Catalogue, roster: Roster, progress: ProgressBoard, limits: Limits, tasks: Tasks
    ) -> None:
        self._catalogue = catalogue
        self._roster = roster
        self._progress = progress
        self._limits = limits
        self._tasks = tasks
        self._links: dict[str, AgentLink] = {}
        self.presence = Presence(catalogue, roster, self.connected)
        self._numbers = itertools.count(1)
        self._ending = False
        self._on_connected: list[Callable[[str], Coroutine[Any, Any, None]]] = []

    def __len__(self) -> int:
        return len(self._links)

    def on_connected(self, call: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Call ``call`` with the id of each client whose agent has been greeted."""
        self._on_connected.append(call)

    def connected(self, client_id: str) -> bool:
        """Whether the client's agent has its socket open."""
        return client_id in self._links

    def revoked(self, client_id: str) -> bool:
        """Whether the client's token was revoked, so that its agent cannot come back."""
        return self._roster.revoked(client_id)

    async def serve(self, request: web.Request, client_id: str, token_id: object) -> web.WebSocketResponse:
        """GET /agent: the socket of an agent, until it leaves or is closed."""
        if self._ending:
            raise Refused("shutting_down", "The server ends.")
        socket = web.WebSocketResponse(
            heartbeat=self._limits.heartbeat_s, compress=False, max_msg_size=FRAME_BYTES, timeout=1.0
        )
        await socket.prepare(request)
        link = AgentLink(socket, request.transport, client_id, token_id)
        if self._roster.shut_out(client_id):
            link.dismiss(SHUT_OUT)
            await link.part()
            return socket
        earlier, self._links[client_id] = self._links.get(client_id), link
        try:
            if earlier is not None:
                earlier.dismiss(REPLACED)
            self.presence.heard(client_id)
            if self._roster.get(client_id) is None:
                self._roster.add(await self._catalogue.clients.one(client_id))
            await self.presence.settled_now(client_id)
            client = await self._catalogue.clients.one(client_id)
            await link.send(AgentHello(protocol=PROTOCOL_VERSION, client=client), self._limits.command_s)
            for number, call in enumerate(self._on_connected):
                self._tasks.keep(partial(call, client_id), f"greeted-{number}-{client_id}")
            await first_of(self._read(link), link.dismissed.wait())
        except (ClientConnectionError, TimeoutError) as lost:
            log.info("agent_lost", client=client_id, reason=type(lost).__name__)
        finally:
            await self._leave(link)
        return socket

    async def _read(self, link: AgentLink) -> None:
        while True:
            async with asyncio.timeout(self._limits.agent_silent_s):  # pings are no frames
                message = await link.socket.receive()
            if message.type in ENDS:
                return
            self.presence.heard(link.client_id)
            if message.type is not WSMsgType.TEXT:
                return link.dismiss(UNREADABLE)
            try:
                frame: FromAgentFrame = decode_from_agent(message.data)
            except (msgspec.DecodeError, RecursionError) as error:
                limited.warning("unreadable_frame", client=link.client_id, reason=str(error))
                return link.dismiss(UNREADABLE)
            match frame:
                case Heartbeat():
                    pass
                case AgentProgress():
                    self._progress.note(link.client_id, frame)
                case CommandAck():
                    waiting = link.acks.pop(frame.id, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(frame)

    async def _leave(self, link: AgentLink) -> None:
        if self._links.get(link.client_id) is link:
            del self._links[link.client_id]
            # Not at once, so that a reconnect within the grace does not flicker.
            self.presence.due(link.client_id, self._limits.offline_grace_s)
        for waiting in link.acks.values():
            waiting.cancel()
        await link.part()

    async def shut_out(self, client_id: str) -> None:
        """Disconnect a client until it is allowed again."""
        await self.presence.shut_out(client_id)
        link = self._links.pop(client_id, None)
        if link is not None:
            link.dismiss(SHUT_OUT)

    async def allow(self, client_id: str) -> None:
        """Let a disconnected client in again."""
        await self.presence.allow(client_id)

    async def command(
        self, client_id: str, kind: str, *, run_id: int | None = None, reason: str = ""
    ) -> CommandAck | None:
        """Tell a client what to do and return its answer; None where it is gone or silent."""
        link = self._links.get(client_id)
        if link is None:
            return None
        command = Command(id=next(self._numbers), kind=kind, run_id=run_id, reason=reason)
        answer: asyncio.Future[CommandAck] = asyncio.get_running_loop().create_future()
        link.acks[command.id] = answer
        try:
            await link.send(command, self._limits.command_s)
            async with asyncio.timeout(self._limits.command_s):
                # Cancelled when the socket closes, which is an answer too: none will come.
                await asyncio.wait((answer,))
        except (TimeoutError, ClientConnectionError):
            return None
        finally:
            link.acks.pop(command.id, None)
        return None if answer.cancelled() else answer.result()

    def close_token(self, token_id: object) -> None:
        """Close the socket that was opened with a token that is now revoked."""
        for link in list(self._links.values()):
            if link.token_id == token_id:
                link.dismiss(REVOKED)

    async def close(self) -> None:
        """Close all sockets because the server ends; the agents come back when it does."""
        self._ending = True
        self.presence.end()
        links = list(self._links.values())
        for link in links:
            link.dismiss(ENDING)
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_S / 2):
                await asyncio.gather(*(link.gone.wait() for link in links))
        try:
            async with asyncio.timeout(1.0):
                await self.presence.write_seen()
        except (TimeoutError, TidewatchError) as failure:
            log.warning("seen_not_written", reason=str(failure) or "no time was left")
