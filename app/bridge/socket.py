"""One connection to the event socket: the words on the wire and nothing of what they are for."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
import structlog

from app.bridge.errors import CHECK_TOKEN, CHECK_VERSION, translated
from app.bridge.http import HttpClient
from app.bridge.tolerant import salvaged_frame
from app.wire.http import CLOSE_WRONG_TOKEN
from streams.model.events import (
    PROTOCOL_VERSION,
    ConsoleFrame,
    Hello,
    Resume,
    ServerFrame,
    SocketProblem,
    decode_server_frame,
    encode,
)
from streams.model.failures import ServerUnreachable, TidewatchError, WrongToken, WrongVersion

log = structlog.stdlib.get_logger(__name__)

CONNECT_S = 10.0
FRAME_BYTES = 16 * 1024 * 1024
_CLOSED = {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED}


def wrong_protocol(theirs: int, where: str) -> WrongVersion:
    """Return the failure for a server that speaks another version."""
    return WrongVersion(
        f"{where}: the server speaks version {theirs} of the protocol, this console {PROTOCOL_VERSION}.",
        hint="Bring both to the same release.",
    )


def _problem(frame: SocketProblem, where: str) -> TidewatchError:
    if frame.code == "wrong_token":
        return WrongToken(f"{where}: {frame.message.rstrip('.')}.", hint=CHECK_TOKEN)
    return ServerUnreachable(f"{where}: the server closed the event socket: {frame.message.rstrip('.')}.")


class EventSession:
    """A greeted connection: frames come from ``read``, go out through ``send``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, where: str, hello: Hello) -> None:
        self._socket = socket
        self._where = where
        self._outbox: asyncio.Queue[ConsoleFrame] = asyncio.Queue()
        self.hello = hello

    def send(self, frame: ConsoleFrame) -> None:
        """Send after all that was sent before; never waits."""
        self._outbox.put_nowait(frame)

    async def read(self) -> AsyncGenerator[ServerFrame]:
        """Give frames until the connection ends, which is always by one of our failures."""
        writer = asyncio.create_task(self._write(), name="event socket writer")
        try:
            while True:
                yield await _receive(self._socket, self._where)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            payload = encode(await self._outbox.get())
            try:
                await self._socket.send_frame(payload, aiohttp.WSMsgType.TEXT)
            except (aiohttp.ClientError, OSError):
                return  # the reader learns of it and says why
            except Exception:
                # A bug: nothing would be sent any more, so the reader has to connect again.
                self.cut()
                log.exception("event_socket_writer_failed")
                return

    def cut(self) -> None:
        """Break the connection at once, without a farewell."""
        transport = self._socket._writer.transport
        transport.abort()


@asynccontextmanager
async def event_session(
    http: HttpClient,
    resume: Callable[[Hello], Resume],
    *,
    heartbeat_s: float = 10.0,
) -> AsyncGenerator[EventSession]:
    """Connect, check the greeting, say where we stand; raise one of our failures."""
    where = http.address.events
    headers = {"Authorization": f"Bearer {await http.token()}"}
    with translated(where):
        async with asyncio.timeout(CONNECT_S):
            socket = await http.session.ws_connect(
                where,
                headers=headers,
                heartbeat=heartbeat_s,
                max_msg_size=FRAME_BYTES,
            )
    try:
        with translated(where):
            async with asyncio.timeout(CONNECT_S):
                hello = await _receive(socket, where)
                if not isinstance(hello, Hello):
                    raise WrongVersion(f"{where}: the server does not greet.", hint=CHECK_VERSION)
                if hello.protocol != PROTOCOL_VERSION:
                    raise wrong_protocol(hello.protocol, where)
                await socket.send_frame(encode(resume(hello)), aiohttp.WSMsgType.TEXT)
        yield EventSession(socket, where, hello)
    finally:
        with suppress(aiohttp.ClientError, OSError):
            await socket.close()


def _decoded(text: str, where: str) -> ServerFrame | None:
    """Return a frame; None for one that cannot be read and can be done without."""
    try:
        return decode_server_frame(text)
    except msgspec.ValidationError:
        return salvaged_frame(text, where)


async def _receive(socket: aiohttp.ClientWebSocketResponse, where: str) -> ServerFrame:
    with translated(where):
        message = await socket.receive()
        while message.type is aiohttp.WSMsgType.TEXT:
            frame = _decoded(message.data, where)
            if frame is None:
                message = await socket.receive()
                continue
            if isinstance(frame, SocketProblem):
                raise _problem(frame, where)
            return frame
        if message.type is aiohttp.WSMsgType.ERROR and isinstance(message.data, Exception):
            raise message.data
    if message.type in _CLOSED:
        if socket.close_code == CLOSE_WRONG_TOKEN:
            raise WrongToken(f"{where}: the token was revoked.", hint=CHECK_TOKEN)
        raise ServerUnreachable(f"{where}: the connection ended (code {socket.close_code}).")
    raise WrongVersion(f"{where}: a frame that is no text.", hint=CHECK_VERSION)
