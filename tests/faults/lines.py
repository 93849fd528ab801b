"""A network that breaks: every connection through it is cut after some bytes, until it is told to be calm."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.e2e.processes import free_port_pair

MEAN_BYTES = 60_000
"""Of a connection, until it is cut; half of them end much earlier."""
SHORTEST_S = 0.05


@dataclass(slots=True)
class Lines:
    """Two ports that lead to the two ports of a server."""

    port: int
    target: int
    events_target: int
    chance: random.Random = field(default_factory=lambda: random.Random(1256))
    calm: bool = False
    cuts: int = 0
    _ends: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def connect(self, events: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends or is cut."""
        try:
            far = await asyncio.open_connection("127.0.0.1", self.events_target if events else self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far[1]}
        self._ends |= ends
        left = [int(self.chance.expovariate(1 / MEAN_BYTES))]
        pumps = [
            asyncio.create_task(self._pump(reader, far[1], left, ends)),
            asyncio.create_task(self._pump(far[0], writer, left, ends, rewrites=not events)),
        ]
        if events:  # on a quiet socket few bytes go
            pumps.append(asyncio.create_task(self._cut_later(ends)))
        try:
            await asyncio.wait(pumps[:2], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in ends:
                end.close()
            self._ends -= ends

    async def _cut_later(self, ends: set[asyncio.StreamWriter]) -> None:
        await asyncio.sleep(SHORTEST_S + self.chance.expovariate(4.0))
        self._cut(ends)

    def _cut(self, ends: set[asyncio.StreamWriter]) -> None:
        if self.calm:
            return
        self.cuts += 1
        for end in ends:
            if self.chance.random() < 0.5:
                end.transport.abort()
            else:
                end.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: list[int],
        ends: set[asyncio.StreamWriter],
        *,
        rewrites: bool = False,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if rewrites:
                    told, mine = (b'"events_port":%d' % port for port in (self.events_target, self.port + 1))
                    data = data.replace(told, mine)
                if len(data) >= left[0] and not self.calm:
                    writer.write(data[: left[0]])  # in the middle of a message
                    self._cut(ends)
                    return
                left[0] -= len(data)
                writer.write(data)
                await writer.drain()

    def settle(self) -> None:
        """Cut nothing any more, but once all that may be half dead."""
        self.calm = True
        for end in tuple(self._ends):
            end.transport.abort()


@contextlib.asynccontextmanager
async def lines_to(target: int, events_target: int) -> AsyncIterator[Lines]:
    """Stand before a server for the length of the block."""
    lines = Lines(free_port_pair(), target, events_target)
    handlers: set[asyncio.Task[None]] = set()

    def connected(events: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(lines.connect(events, reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    servers = [
        await asyncio.start_server(lambda r, w: connected(False, r, w), "127.0.0.1", lines.port),
        await asyncio.start_server(lambda r, w: connected(True, r, w), "127.0.0.1", lines.port + 1),
    ]
    try:
        yield lines
    finally:
        for server in servers:
            server.close()
        lines.settle()
        await asyncio.gather(*handlers, return_exceptions=True)
