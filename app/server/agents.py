"""The agents hub: who is connected, what they are told to do, and what they tell."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import structlog
from aiohttp import ClientConnectionError, WSMsgType, web

from app.agent_frames import (
    AgentHello,
    AgentProblem,
    AgentProgress,
    Command,
    CommandAck,
    FromAgentFrame,
    Heartbeat,
    ToAgentFrame,
    decode_from_agent,
)
from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import UnknownClient
from app.log_limits import LimitedLog
from app.protocol import CLOSE_DISCONNECTED, CLOSE_WRONG_TOKEN, TOKEN_REVOKED, encode
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.progress import ProgressBoard
from app.server.roster import Roster
from app.server.sockets import CLOSE_GOING_AWAY, CLOSE_OK, CLOSE_UNREADABLE, PART_S, first_of, part, send
from app.tasks import Tasks
from streams.failures import TidewatchError
from streams.records.base import utc_now
from streams.records.events import PROTOCOL_VERSION
from streams.vocabulary import ClientState

log = structlog.stdlib.get_logger(__name__)
limited = LimitedLog(log)

ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
FRAME_BYTES = 256 * 1024
"""The largest frame an agent may send."""
MISSED_POLLS = 3
"""An agent that asks over HTTP is gone when it has not asked for so many of its intervals."""
SETTLED_AT_ONCE = 64
SETTLE_AGAIN_S = 1.0
"""Pause before a state that could not be written is written again."""
CLOSE_REPLACED = 4409
"""Close code of a socket whose client has connected again."""

SHUT_OUT = AgentProblem(code="client_disconnected", message="An operator has disconnected this client.")
REVOKED = AgentProblem(code="wrong_token", message=TOKEN_REVOKED)
REPLACED = AgentProblem(code="replaced", message="This client has connected again.")
UNREADABLE = AgentProblem(code="unreadable_frame", message="That is no frame of an agent.")
ENDING = AgentProblem(code="shutting_down", message="The server ends.")
CLOSE_CODES = {
    SHUT_OUT: CLOSE_DISCONNECTED,
    REVOKED: CLOSE_WRONG_TOKEN,
    REPLACED: CLOSE_REPLACED,
    UNREADABLE: CLOSE_UNREADABLE,
    ENDING: CLOSE_GOING_AWAY,
}


class AgentLink:
    """The socket of one agent."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        client_id: str,
        token_id: object,
    ) -> None:
        self.client_id = client_id
        self.token_id = token_id
        self.socket = socket
        self._transport = transport
        self.problem: AgentProblem | None = None
        self.dismissed = asyncio.Event()
        self.gone = asyncio.Event()
        self.acks: dict[int, asyncio.Future[CommandAck]] = {}

    async def send(self, frame: ToAgentFrame, within_s: float) -> None:
        """Send a frame; an agent that does not take it in time raises ``TimeoutError``."""
        await send(self.socket, encode(frame), within_s)

    def dismiss(self, problem: AgentProblem) -> None:
        """Let the task of this socket close it with a reason."""
        self.problem = self.problem or problem
        self.dismissed.set()

    async def part(self) -> None:
        """Close, with a reason if there is one; only the task of this socket may."""
        code = CLOSE_OK if self.problem is None else CLOSE_CODES[self.problem]
        try:
            await part(
                self.socket, self._transport, code, None if self.problem is None else encode(self.problem)
            )
        finally:
            self.gone.set()


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
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._heard: dict[str, float] = {}
        self._polled_until: dict[str, float] = {}
        """Until when agents that ask without a socket are taken to be there, by the monotonic clock."""
        self._unwritten: dict[str, float] = {}
        self._unsettled: dict[str, float] = {}
        """Clients of whom it has to be noted how they stand, and when by the monotonic clock."""
        self._to_settle = asyncio.Event()
        self._settling_fails = False
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

    def heard(self, client_id: str) -> None:
        """Note that something came from this client just now."""
        self._heard[client_id] = self._unwritten[client_id] = time.monotonic()

    async def polled(self, client_id: str, every_s: float) -> None:
        """Note that an agent without a socket is there; it is until it misses several questions."""
        until = time.monotonic() + every_s * MISSED_POLLS
        self._polled_until[client_id] = until
        client = self._roster.get(client_id)
        if client is None or client.state is not ClientState.ONLINE:
            await self._settled_now(client_id)
        self._due(client_id, until - time.monotonic())

    def _is_there(self, client_id: str) -> bool:
        """Whether the client's agent has its socket open, or asks without one."""
        return self.connected(client_id) or self._polled_until.get(client_id, 0.0) > time.monotonic()

    def forget(self, client_id: str) -> None:
        """Keep nothing more of a client that was removed."""
        self._polled_until.pop(client_id, None)
        self._heard.pop(client_id, None)
        self._unwritten.pop(client_id, None)
        self._unsettled.pop(client_id, None)

    def silent_s(self, client_id: str) -> float:
        """Return for how long nothing came from this client; since the start where nothing ever came."""
        return time.monotonic() - self._heard.setdefault(client_id, time.monotonic())

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
            self.heard(client_id)
            if self._roster.get(client_id) is None:
                self._roster.add(await self._catalogue.clients.one(client_id))
            await self._settled_now(client_id)
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
            self.heard(link.client_id)
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
            self._due(link.client_id, self._limits.offline_grace_s)
        for waiting in link.acks.values():
            waiting.cancel()
        await link.part()

    def _due(self, client_id: str, in_s: float) -> None:
        """Let ``settle`` note how a client stands after so many seconds."""
        if not self._ending:
            self._unsettled[client_id] = time.monotonic() + in_s
            self._to_settle.set()

    async def settle(self) -> None:
        """Note who has come and gone, until cancelled; what cannot be written now is written later."""
        while True:
            while not self._unsettled:
                self._to_settle.clear()
                await self._to_settle.wait()
            now = time.monotonic()
            due = [client_id for client_id, at in self._unsettled.items() if at <= now]
            if due:
                # Together, since what waits together is committed together.
                await asyncio.gather(*(self._settled_now(client_id) for client_id in due[:SETTLED_AT_ONCE]))
                continue
            self._to_settle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._unsettled.values()) - now):
                    await self._to_settle.wait()

    async def _settled_now(self, client_id: str) -> None:
        """Note how a client stands; where that cannot be written, it is tried again."""
        # Tried again unless it is done: also where a mistake of ours ends this.
        self._due(client_id, SETTLE_AGAIN_S)
        due = self._unsettled.get(client_id)
        try:
            await self._settle(client_id)
        except UnknownClient:
            log.debug("client_removed_meanwhile", client=client_id)
        except TidewatchError as failure:
            if not self._settling_fails:
                log.warning("presence_not_written", code=failure.code, reason=failure.message)
            self._settling_fails = True
            return
        self._settling_fails = False
        if self._unsettled.get(client_id) == due:
            self._unsettled.pop(client_id, None)

    async def _settle(self, client_id: str) -> None:
        """Make the catalogue say what is true: online while the socket is open, else offline."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            client = self._roster.get(client_id)
            state = ClientState.ONLINE if self._is_there(client_id) else ClientState.OFFLINE
            if client is None or client.state in (state, ClientState.DISCONNECTED, ClientState.REVOKED):
                return
            if client.state is ClientState.NEVER and state is ClientState.OFFLINE:
                return
            seen_at = utc_now() if state is ClientState.ONLINE else self._seen_at(client_id)
            await self._catalogue.clients.set_state(client_id, state, seen_at=seen_at)

    def _seen_at(self, client_id: str) -> datetime | None:
        heard = self._heard.get(client_id)
        return None if heard is None else utc_now() - timedelta(seconds=time.monotonic() - heard)

    async def shut_out(self, client_id: str) -> None:
        """Disconnect a client until it is allowed again."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            await self._catalogue.clients.set_state(client_id, ClientState.DISCONNECTED)
        link = self._links.pop(client_id, None)
        if link is not None:
            link.dismiss(SHUT_OUT)

    async def allow(self, client_id: str) -> None:
        """Let a disconnected client in again."""
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            await self._catalogue.clients.allow(client_id)

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

    async def write_seen(self) -> None:
        """Note in the catalogue who was heard of, in one write and without events."""
        heard, self._unwritten = self._unwritten, {}
        now, clock = utc_now(), time.monotonic()
        times = {client_id: now - timedelta(seconds=clock - at) for client_id, at in heard.items()}
        try:
            await self._catalogue.clients.seen(times)
        except BaseException:
            # Written with the next ones; who was heard of since keeps the newer time.
            self._unwritten = heard | self._unwritten
            raise

    async def close(self) -> None:
        """Close all sockets because the server ends; the agents come back when it does."""
        self._ending = True
        links = list(self._links.values())
        for link in links:
            link.dismiss(ENDING)
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_S / 2):
                await asyncio.gather(*(link.gone.wait() for link in links))
        try:
            async with asyncio.timeout(1.0):
                await self.write_seen()
        except (TimeoutError, TidewatchError) as failure:
            log.warning("seen_not_written", reason=str(failure) or "no time was left")
