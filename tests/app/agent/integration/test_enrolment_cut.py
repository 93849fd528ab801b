"""The line breaks while an agent enrols: before, in and after its request, and in the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from app.agent.identity import FILE_NAME, KEY_FILE
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_server, agent
from tests.servers import until


class Break:
    """A line that lets so many bytes through in one direction, breaks once, and is whole from then on."""

    def __init__(self, target: int, *, up: int | None = None, down: int | None = None) -> None:
        self._target, self._left = target, {"up": up, "down": down}
        self.passed = {"up": bytearray(), "down": bytearray()}
        self.broken = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ends = (writer, far_writer)
        await asyncio.gather(
            self._pump("up", reader, far_writer, ends), self._pump("down", far_reader, writer, ends)
        )

    async def _pump(
        self,
        way: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        try:
            while data := await reader.read(65_536):
                left = self._left[way]
                if left is not None and not self.broken and len(self.passed[way]) + len(data) > left:
                    writer.write(data[: left - len(self.passed[way])])
                    await asyncio.sleep(0.05)  # what was let through arrives, and is worked on
                    self.broken = True
                    for end in ends:
                        end.transport.abort()
                    return
                self.passed[way] += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # It is broken, as it was wished.
        finally:
            writer.close()


@asynccontextmanager
async def a_break(server: Server, *, up: int | None = None, down: int | None = None) -> AsyncIterator[Break]:
    line = Break(server.info.port, up=up, down=down)
    listening = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = listening.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listening.close()


def _positions(passed: bytearray) -> list[int]:
    """Return where to cut what went one way: around and within each head and body."""
    ends = [0]
    while (end := passed.find(b"\r\n\r\n", ends[-1])) >= 0:
        ends.append(end + 4)
    ends.append(len(passed))
    edges = {at + near for at in ends for near in (-1, 0, 1)}
    middles = {(before + after) // 2 for before, after in pairwise(ends)}
    return sorted(at for at in edges | middles if 0 <= at < len(passed))


async def _enrolled(server: Server, line: Break, source: Path, state: Path, name: str) -> None:
    """Enrol an agent that stays, over a line; return once it has made its backup."""
    words = ("--server", f"http://127.0.0.1:{line.port}", "--name", name, "--code", await server.code(name))
    working = asyncio.create_task(agent(source, *words, "--state", state, "--every", "1h"))
    try:
        await until(lambda: working.done() or (state / FILE_NAME).exists())
        assert not working.done(), f"the agent ended with {working.result()}"
        client_id = await server.client_id(name)
        async with asyncio.timeout(30):
            while not any(
                (run.client_id, run.state) == (client_id, RunState.COMPLETE) for run in await server.runs()
            ):
                assert not working.done(), f"the agent ended with {working.result()}"
                await asyncio.sleep(0.01)
    finally:
        working.cancel()
        await asyncio.wait({working})


async def _exchanged(server: Server, source: Path, state: Path) -> dict[str, bytearray]:
    """Return what goes both ways until an agent is enrolled."""
    async with a_break(server) as line:
        words = ("--server", f"http://127.0.0.1:{line.port}", "--name", "name")
        working = asyncio.create_task(
            agent(source, *words, "--code", await server.code("name"), "--state", state, "--every", "1h")
        )
        try:
            await until(lambda: _end_of_enrolment(line.passed["down"], b'"token"'))
            exchanged = {way: bytearray(passed) for way, passed in line.passed.items()}
        finally:
            working.cancel()
            await asyncio.wait({working})
    for way, begin in (("up", b"POST /api/enrol"), ("down", b'"token"')):
        del exchanged[way][_end_of_enrolment(exchanged[way], begin) :]
        assert exchanged[way], way
    return exchanged


def _end_of_enrolment(passed: bytearray, begin: bytes) -> int:
    """Return where enrolling ends, 0 where it has not: what follows is of the agent at work."""
    at = passed.find(begin)
    return passed.find(b"}", at) + 1 if at >= 0 else 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", ["up", "down"])
async def test_an_agent_that_stays_enrols_over_a_line_that_breaks(
    tmp_path: Path, source: Path, way: str
) -> None:
    async with a_server(tmp_path / "server") as server:
        exchanged = await _exchanged(server, source, tmp_path / "first")
        for at in _positions(exchanged[way]):
            name, state = f"{at:04d}", tmp_path / f"state-{at}"
            async with a_break(server, **{way: at}) as line:
                await _enrolled(server, line, source, state, name)
                assert line.broken, at
            assert not (state / KEY_FILE).exists()


async def test_a_single_backup_can_be_asked_for_again_after_its_code_was_used(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "server") as server:
        down = (await _exchanged(server, source, tmp_path / "first"))["down"]
        async with a_break(server, down=len(down) - 9) as line:
            words = ("--server", f"http://127.0.0.1:{line.port}", "--name", "laptop")
            more = ("--code", await server.code("laptop"), "--state", tmp_path / "state", "--once")
            assert await agent(source, *words, *more) == 2
            assert "the connection was lost" in capsys.readouterr().err
            assert await agent(source, *words, *more) == 0
        assert (tmp_path / "state" / FILE_NAME).stat().st_mode & 0o777 == 0o600


async def test_a_server_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "server") as server:
        code = await server.code("laptop")
        await server.stop()
        words = ("--server", server.url, "--name", "laptop", "--code", code, "--state", tmp_path / "state")
        working = asyncio.create_task(agent(source, *words, "--every", "1h"))
        said = ""
        try:
            async with asyncio.timeout(30):
                while "Trying again" not in said:
                    assert not working.done(), f"the agent ended with {working.result()}"
                    await asyncio.sleep(0.01)
                    said += capsys.readouterr().err
            await server.start()
            await server.states(RunState.COMPLETE)
        finally:
            working.cancel()
            await asyncio.wait({working})
