"""Accepting connections: no more than the door has room for, and bounded from the first byte of TLS on.

``asyncio``'s own server hands a connection over only after its TLS handshake, waits a minute for that, and
logs each failure of ``accept()`` as many times as its backlog is long. Here all of it counts at once.
"""

import asyncio
import socket
import ssl

import structlog
from aiohttp import web

from app.config import is_loopback
from app.runtime.log_limits import LimitedLog
from app.runtime.tasks import Tasks
from app.server.door import Connection, Door

limited = LimitedLog(structlog.stdlib.get_logger(__name__))

AT_ONCE = 32
"""Connections that are accepted before others get their turn on the loop."""
HANDSHAKE_S = 10.0
FULL_S = 0.05
"""Pause while no connection may be accepted."""
FAILED_S = 0.5
"""Pause after ``accept()`` has failed, since no file can be opened say."""


MAPPED = "::ffff:"
"""Before an IPv4 address that has come to an IPv6 port."""
TLS_RECORD = b"\x16"
"""The first byte of a TLS handshake; no HTTP request begins with it."""


class Acceptor:
    """Accepts the connections of one port for an aiohttp server.

    With ``plain_on_loopback`` programs on this machine may speak plain HTTP where others have to speak TLS.
    """

    def __init__(
        self,
        listening: socket.socket,
        server: web.Server,
        door: Door,
        tls: ssl.SSLContext | None,
        *,
        plain_on_loopback: bool = False,
    ) -> None:
        self._listening, self._server, self._door, self._tls = listening, server, door, tls
        self._plain_on_loopback = plain_on_loopback
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks()
        self._again: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin to accept."""
        self._again = None
        if not self._stopped:
            self._loop.add_reader(self._listening, self._accept)

    async def stop(self) -> None:
        """Accept nothing more; handshakes that go on are cut."""
        self._stopped = True
        self._loop.remove_reader(self._listening)
        if self._again is not None:
            self._again.cancel()
        await self._tasks.close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if not self._door.has_room():
                return self._pause(FULL_S)
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:  # it was closed before it was accepted
                continue
            except OSError as error:
                limited.warning("accept_failed", reason=error.strerror or str(error))
                self._door.close_oldest()
                return self._pause(FAILED_S)
            accepted.setblocking(False)
            self._admit(accepted, str(address[0]))

    def _admit(self, accepted: socket.socket, address: str) -> None:
        # Counted before the next one is accepted, not when its task begins: the bound holds at any moment.
        connection = self._door.admit(address, accepted.close)
        task = self._tasks.start(self._serve(accepted, address, connection), "accepted connection")
        cut = connection.close = task.cancel

        def ended(_: object) -> None:
            # Also of a task that was cancelled before its first step.
            if connection.close == cut:
                accepted.close()
                self._door.forget(connection)

        task.add_done_callback(ended)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._again = self._loop.call_later(seconds, self.start)

    async def _serve(self, accepted: socket.socket, address: str, connection: Connection) -> None:
        try:
            tls = await self._tls_for(accepted, address)
            transport = await self._connected(accepted, connection, tls)
        except (OSError, TimeoutError) as error:
            limited.info("handshake_failed", peer=address, reason=str(error) or type(error).__name__)
        else:
            connection.close = transport.abort

    async def _tls_for(self, accepted: socket.socket, address: str) -> ssl.SSLContext | None:
        if self._tls is None or not self._plain_on_loopback or not is_loopback(address.removeprefix(MAPPED)):
            return self._tls
        async with asyncio.timeout(HANDSHAKE_S):
            await _readable(accepted)
        return self._tls if accepted.recv(1, socket.MSG_PEEK) in (b"", TLS_RECORD) else None

    async def _connected(
        self, accepted: socket.socket, connection: Connection, tls: ssl.SSLContext | None
    ) -> asyncio.WriteTransport:
        def handler() -> web.RequestHandler:
            made = self._server()
            self._door.serves(connection, made)
            return made

        transport, _ = await self._loop.connect_accepted_socket(
            handler,
            accepted,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_S,
        )
        assert isinstance(transport, asyncio.WriteTransport)
        return transport


async def _readable(accepted: socket.socket) -> None:
    """Wait until there is something to read, and leave it there."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(accepted, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(accepted)
