"""The agent's socket: signs of life and progress up, commands down, opened again whenever it breaks."""

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec

from app.agent.api import Api
from app.agent.backoff import Backoff
from app.agent.failures import HINTS, Replaced, failure_of, unknown_token
from app.runtime.tasks import end_if_cancelled
from app.wire.agent_socket import (
    AgentHello,
    AgentProblem,
    AgentProgress,
    Command,
    CommandAck,
    FromAgentFrame,
    Heartbeat,
    decode_to_agent,
)
from app.wire.http import CHALLENGE, CLOSE_DISCONNECTED, CLOSE_WRONG_TOKEN, encode
from streams.model.clients import Client
from streams.model.failures import TidewatchError, WrongToken

RECEIVE_S = 30.0
"""The server pings every 10 s; nothing for so long and the connection is dead."""
CLOSE_S = 2.0
SHUT_OUT_S = 20.0
"""How often an agent that an operator has disconnected asks whether it may come back."""


class ShutOut(TidewatchError):
    """An operator has disconnected this client."""

    code = "client_disconnected"

    def __init__(self) -> None:
        super().__init__("An operator has disconnected this client.", hint=HINTS["client_disconnected"])


class Link:
    """Keeps one socket open; tells who owns it when that is no longer allowed."""

    def __init__(
        self,
        api: Api,
        events_port: int,
        *,
        backoff: Backoff,
        heartbeat_s: float,
        on_command: Callable[[Command], CommandAck],
        on_refused: Callable[[TidewatchError], None],
        on_greeted: Callable[[Client], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
        shut_out_s: float = SHUT_OUT_S,
    ) -> None:
        self._api, self._backoff = api, backoff
        self.events_port = events_port
        self._heartbeat_s, self._shut_out_s = heartbeat_s, shut_out_s
        self._on_command, self._on_refused, self._say = on_command, on_refused, say
        self._on_greeted = on_greeted
        self._progress: AgentProgress | None = None
        self._acks: list[CommandAck] = []
        self._wake = asyncio.Event()
        self._lost = False
        self._replaced = False
        """Whether it was said that another agent works as this client."""
        self.connected = asyncio.Event()

    def progress(self, frame: AgentProgress) -> None:
        """Send ``frame`` soon; only the newest counts."""
        self._progress = frame
        self._wake.set()

    async def run(self) -> None:
        """Stay connected until cancelled; ends with ``WrongToken`` when the token is no longer good."""
        while True:
            try:
                await self._session()
                self._note_loss("The server has closed the connection.")
            except WrongToken as error:
                self._on_refused(error)
                raise
            except ShutOut as error:
                self._on_refused(error)
                end_if_cancelled()
                await asyncio.sleep(self._shut_out_s)
                continue
            except Replaced as error:
                if not self._replaced:
                    self._say(error.line())
                self._replaced = True
                end_if_cancelled()
                # Not at once: the two would throw each other out without end.
                await asyncio.sleep(self._shut_out_s)
                continue
            except TidewatchError as error:
                self._note_loss(error.message)
            finally:
                self.connected.clear()
            end_if_cancelled()
            await asyncio.sleep(self._backoff.next_s())

    def _note_loss(self, reason: str) -> None:
        if not self._lost:
            self._say(f"{reason} Connecting again.")
        self._lost = True

    async def _session(self) -> None:
        url = self._api.address.events_url(self.events_port)
        try:
            async with (
                self._api.session.ws_connect(
                    url,
                    headers=self._api.headers,
                    heartbeat=RECEIVE_S,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),  # pyright: ignore[reportCallIssue]
                ) as socket,
                asyncio.TaskGroup() as group,
            ):
                sender = group.create_task(self._send(socket))
                await self._receive(socket)
                sender.cancel()
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401 and _is_own(error):
                raise self._unknown_token() from None
            raise failure_of(error, url) from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise failure_of(error, url) from None
        except ExceptionGroup as group:
            known, unknown = group.split((aiohttp.ClientError, ConnectionError, TimeoutError, TidewatchError))
            if known is None or unknown is not None:
                raise
            first = known.exceptions[0]
            raise first if isinstance(first, TidewatchError) else failure_of(first, url) from None

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                frame = decode_to_agent(message.data)
            except msgspec.DecodeError:
                self._say("The server sent a frame that cannot be read; it is of another release.")
                break
            match frame:
                case AgentHello(client=client):
                    self._backoff.reset()
                    self.connected.set()
                    if self._lost:
                        self._say("Connected again.")
                    self._lost = False
                    self._on_greeted(client)
                case Command():
                    self._acks.append(self._on_command(frame))
                    self._wake.set()
                case AgentProblem():
                    self._refuse(frame.code)
                case _:
                    pass
        if socket.close_code == CLOSE_DISCONNECTED:
            raise ShutOut
        if socket.close_code == CLOSE_WRONG_TOKEN:
            self._refuse("wrong_token")

    def _refuse(self, code: str) -> None:
        if code == "client_disconnected":
            raise ShutOut
        if code == "replaced":
            raise Replaced
        if code == "wrong_token":
            raise self._unknown_token()

    def _unknown_token(self) -> WrongToken:
        return unknown_token(self._api.address, self._api.token_hint)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            while self._acks:
                await _send(socket, self._acks.pop(0))
            if self._progress is not None:
                frame, self._progress = self._progress, None
                await _send(socket, frame)
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await self._wake.wait()
            except TimeoutError:
                await _send(socket, Heartbeat())
            self._wake.clear()


def _is_own(error: aiohttp.WSServerHandshakeError) -> bool:
    """Return whether a refusal is the server's own: a proxy in between has no say about its tokens."""
    headers = error.headers or {}
    return all(headers.get(name) == value for name, value in CHALLENGE.items())


async def _send(socket: aiohttp.ClientWebSocketResponse, frame: FromAgentFrame) -> None:
    await socket.send_frame(encode(frame), aiohttp.WSMsgType.TEXT)
