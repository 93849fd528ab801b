"""A network between console and server that can be counted and cut."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.e2e.processes import free_port_pair

REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")


@dataclass(slots=True)
class Network:
    """Two ports that lead to the two ports of a server."""

    port: int
    target: int
    events_target: int
    requests: list[str] = field(default_factory=list[str])
    """The paths that were asked for over HTTP, oldest first."""
    open: bool = True
    cuts: int = 0
    """How often it was cut; what was still being connected then is cut as well."""
    sockets: int = 0
    """How many connections there were to the port of the events."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def _connect(self, offset: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.close()
            return
        cuts = self.cuts
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self.events_target if offset else self.target
            )
        except OSError:
            writer.close()
            return
        if cuts != self.cuts:
            writer.transport.abort()
            far_writer.transport.abort()
            return
        self.sockets += offset
        self._writers |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, count=offset == 0))
                group.create_task(self._pump(far_reader, writer, count=False))
        finally:
            self._writers -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if count:  # what the console says; the other direction only tells where the events are
                    self.requests += [path.decode() for path in REQUEST.findall(data)]
                else:
                    data = data.replace(
                        b'"events_port":%d' % self.events_target, b'"events_port":%d' % (self.port + 1)
                    )
                writer.write(data)
                await writer.drain()
        writer.close()

    async def quiet_for(self, seconds: float, *, within_s: float) -> None:
        """Wait until nothing was asked for so long; fails with what is asked all the time."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    before = len(self.requests)
                    await asyncio.sleep(seconds)
                    if len(self.requests) == before:
                        return
        except TimeoutError:
            raise AssertionError(f"asked while nobody looks: {self.requests[-10:]}") from None

    def cut(self, *, stay_cut: bool = False) -> None:
        """Break every connection; with ``stay_cut`` refuse new ones until ``mend``."""
        self.open = not stay_cut
        self.cuts += 1
        for writer in tuple(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.open = True


@contextlib.asynccontextmanager
async def run_network(target: int, events_target: int | None = None) -> AsyncIterator[Network]:
    """Stand between a console and the server whose HTTP port is ``target``, for the length of the block."""
    network = Network(free_port_pair(), target, events_target or target + 1)
    handlers: set[asyncio.Task[None]] = set()

    def connected(offset: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(network._connect(offset, reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    servers = [
        await asyncio.start_server(lambda r, w, n=n: connected(n, r, w), "127.0.0.1", network.port + n)
        for n in (0, 1)
    ]
    try:
        yield network
    finally:
        for server in servers:
            server.close()
        network.cut(stay_cut=True)
        await asyncio.gather(*handlers, return_exceptions=True)
