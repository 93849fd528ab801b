"""A server that can be stopped and started again at one address, a line to it that can be cut, and agents."""

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from app.agent import command, restore_command
from app.agent.content_source import LargeContent
from app.agent.upload import Uploader
from app.server.limits import Limits
from app.server.ports import ServedTls
from app.server.run import ServerInfo, running_room
from app.server.services import Room
from app.wire.tls import join_code
from streams.model.runs import Run
from streams.model.vocabulary import RunState
from tests.servers import lay_blank


class Server:
    """A real server on real ports."""

    def __init__(self, folder: Path, tls: ssl.SSLContext | ServedTls | None = None, **limits: float) -> None:
        self.folder = folder
        self._tls = ServedTls(tls) if isinstance(tls, ssl.SSLContext) else tls
        self._limits = Limits(
            **{"offline_grace_s": 0.05, "least_free_bytes": 0, "warn_free_bytes": 0, **limits}
        )  # type: ignore[arg-type]
        self._stack = AsyncExitStack()
        self._port = 0
        self.room: Room
        self.info: ServerInfo

    async def start(self) -> None:
        await asyncio.to_thread(lay_blank, self.folder)
        manager = running_room(
            self.folder, host="127.0.0.1", port=self._port, settings=self._limits, tls=self._tls
        )
        self.room, self.info = await self._stack.enter_async_context(manager)
        self._port = self.info.port

    async def stop(self) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        return self.info.url

    async def code(self, name: str) -> str:
        return join_code((await self.room.catalogue.enrolments.create(name)).code, self.room.fingerprint)

    async def runs(self) -> list[Run]:
        """Return all runs, oldest first."""
        return list(reversed((await self.room.catalogue.runs.page()).rows))

    async def states(self, *states: RunState) -> None:
        """Wait until the runs stand as ``states`` say, oldest first."""
        async with asyncio.timeout(30):
            while [run.state for run in await self.runs()] != list(states):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def client_id(self, name: str) -> str:
        _, _, clients = await self.room.catalogue.clients.all()
        return next(client.id for client in clients if client.name == name)


@asynccontextmanager
async def a_server(
    folder: Path, tls: ssl.SSLContext | ServedTls | None = None, **limits: float
) -> AsyncIterator[Server]:
    server = Server(folder, tls, **limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Line:
    """A TCP line to a server; ``cut`` breaks everything that is on it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.passed = 0
        """Bytes from the agent to the server."""
        self.on_passed: Callable[[int], None] = lambda _: None
        self.flow = asyncio.Event()
        """While it is not set nothing passes to the server."""
        self.flow.set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        await asyncio.gather(
            self._pump(reader, far_writer, up=True), self._pump(far_reader, writer, up=False)
        )
        self._writers -= pair

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        try:
            while data := await reader.read(65536):
                if up:
                    self.passed += len(data)
                    self.on_passed(self.passed)
                    await self.flow.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # Cut, as it was wished.
        finally:
            writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def a_line(server: Server) -> AsyncIterator[Line]:
    line = Line(server.info.port)
    listening = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        line.cut()
        listening.close()


class HeldUpload:
    """Uploads of large contents, held where they begin: their backup does not end before ``release``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._begun, self._released = asyncio.Event(), asyncio.Event()
        self._send_from = Uploader._send_from
        monkeypatch.setattr(Uploader, "_send_from", self._held())

    def _held(self) -> Callable[[Uploader, LargeContent, int, int], Awaitable[None]]:
        async def held(uploader: Uploader, content: LargeContent, offset: int, end: int) -> None:
            self._begun.set()
            await self._released.wait()
            await self._send_from(uploader, content, offset, end)

        return held

    async def begun(self) -> None:
        """Wait until an upload is held."""
        async with asyncio.timeout(30):
            await self._begun.wait()

    @property
    def is_begun(self) -> bool:
        """Whether an upload is held, or was."""
        return self._begun.is_set()

    def release(self) -> None:
        self._released.set()


def _parsed(
    add_arguments: Callable[[argparse.ArgumentParser], None], words: tuple[object, ...]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_intermixed_args([str(word) for word in words])


@asynccontextmanager
async def a_backup(
    server: Server, source: Path, state: Path, *more: object
) -> AsyncIterator[asyncio.Task[int]]:
    """Run an agent that enrols and backs ``source`` up; it is stopped with the block, whatever happens."""
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    working = asyncio.create_task(agent(source, *words, "--state", state, *(more or ("--once",))))
    try:
        yield working
    finally:
        working.cancel()
        done, _ = await asyncio.wait({working}, timeout=30)
        assert done, "the agent outlived its cancellation"


async def agent(*words: object) -> int:
    """Run the agent in this process, as its command line would; return its exit code."""
    return await command.obey(_parsed(command.add_arguments, words))


async def restore(*words: object) -> int:
    """Run the restore in this process, as its command line would; return its exit code."""
    return await restore_command.obey(_parsed(restore_command.add_arguments, words))
