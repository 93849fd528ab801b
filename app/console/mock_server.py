"""The simulated server of mock mode: a child process that ends with us, and has a successor if it dies."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from app.agent.backoff import Backoff
from app.config import ConnectionSettings, MockSettings
from app.runtime.tasks import Tasks
from app.server.data_dir import LOCK_FILE, held
from streams.model.failures import ConfigRejected, ServerUnreachable, TidewatchError

log = structlog.stdlib.get_logger(__name__)

END_S = 0.8
"""How long the child may take to end by itself; then it is killed."""
AGAIN_S, AGAIN_CAP_S = 0.5, 30.0
"""First and longest pause before a child that died is followed by another."""
STEADY_S = 60.0
"""A child that lived for so long has not died of its start."""
PREFIX = "tidewatch-mock-"
REMOVE = """\
import os, shutil, sys
if os.fork():
    os._exit(0)
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
"""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated server that answers."""

    connection: ConnectionSettings
    """The settings with which the console reaches it."""
    disconnect: Callable[[], None]
    """Tells it to end, without waiting; the end of the block waits."""


@asynccontextmanager
async def simulated_server(mock: MockSettings, connection: ConnectionSettings) -> AsyncGenerator[Simulated]:
    """Run the child for the length of a block.

    Its standard input is a pipe that only this process holds: the child ends when that ends, also when this
    process is killed.
    """
    kept = mock.database_path
    folder = kept.parent if kept else await _temporary()
    simulation, tasks = _Simulation(folder, mock), Tasks()
    try:
        told = await simulation.start()
        tasks.keep(partial(simulation.keep_up, told["port"]), "simulated server")
        yield Simulated(_connection(connection, told), simulation.disconnect)
    finally:
        await tasks.close()
        await simulation.end()
        if kept is None:
            await _remove(folder)


class _Simulation:
    """The child that lives now: where one dies, the next has its ports and its data, and so is the same."""

    def __init__(self, folder: Path, mock: MockSettings) -> None:
        self._folder, self._mock = folder, mock
        self._child: asyncio.subprocess.Process | None = None
        self._ending = False

    async def start(self, port: int = 0) -> dict[str, Any]:
        """Start a child and return where it says it is."""
        self._child = await _start(self._folder, self._mock, port)
        return await _ready(self._child, self._folder, self._mock.start_s)

    async def keep_up(self, port: int) -> None:
        """Start the next one whenever one dies, until it is told to end."""
        backoff = Backoff("simulated server", base_s=AGAIN_S, cap_s=AGAIN_CAP_S)
        clock = asyncio.get_running_loop().time
        while self._child is not None:
            began = clock()
            code = await self._child.wait()
            if self._ending:
                return
            if clock() - began > STEADY_S:
                backoff.reset()
            pause_s = backoff.next_s()
            log.warning("simulated_server_died", exit_code=code, again_in_s=round(pause_s, 1))
            await asyncio.sleep(pause_s)
            if self._ending:
                return
            try:
                await self.start(port)
            except (TidewatchError, OSError) as error:
                log.warning("simulated_server_not_started", reason=str(error))
                await _end(self._child)

    def disconnect(self) -> None:
        """Tell the child to end, without waiting."""
        self._ending = True
        if self._child is not None:
            _disconnect(self._child)

    async def end(self) -> None:
        """See the child end."""
        self.disconnect()
        if self._child is not None:
            await _end(self._child)


async def _start(folder: Path, mock: MockSettings, port: int) -> asyncio.subprocess.Process:
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        # What the one before said at its end is kept.
        said = await asyncio.to_thread(_errors(folder).open, "ab" if port else "wb")
    except OSError as error:
        raise ConfigRejected(
            f"The simulated server's folder {folder} cannot be written: {error.strerror}.",
            hint="Choose another with mock.database_path.",
        ) from error
    with said as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "app.fleet.child", "--data", str(folder)),
            *("--clients", str(mock.clients), "--seed", str(mock.seed), "--port", str(port)),
            *("--pace", str(mock.pace), "--scenario", mock.scenario),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": path},
            # A Ctrl+C in the terminal is for the console, which then ends its child in order.
            start_new_session=True,
        )


def _connection(connection: ConnectionSettings, told: dict[str, Any]) -> ConnectionSettings:
    return connection.model_copy(
        update={
            "host": told["host"],
            "port": told["port"],
            "database_path": Path(told["database_path"]),
            "token": None,
            "token_file": Path(told["token_file"]),
            "tls": "off",
        }
    )


def _leftovers() -> list[Path]:
    """Return the folders of consoles that were killed before they could clear them away."""
    found: list[Path] = []
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(TidewatchError, OSError):  # another user's may not even be looked into
            if (folder / LOCK_FILE).exists():  # without one its server has not begun yet
                with held(folder):
                    found.append(folder)
    return found


async def _temporary() -> Path:
    await _remove(*await asyncio.to_thread(_leftovers))
    return Path(await asyncio.to_thread(partial(tempfile.mkdtemp, prefix=PREFIX)))


async def _remove(*folders: Path) -> None:
    """Have the folders removed by a process of their own: thousands of files may take longer than our end."""
    if folders:
        parting = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", REMOVE, *map(str, folders)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        # It parts from the one that removes, and ends at once: nothing of ours is left running.
        await parting.wait()


def _errors(folder: Path) -> Path:
    return folder / "child.log"


async def _ready(child: asyncio.subprocess.Process, folder: Path, limit_s: float) -> dict[str, Any]:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(limit_s):
            line = await child.stdout.readline()
            if line:
                return json.loads(line)
            await child.wait()
    except TimeoutError:
        raise ServerUnreachable(
            f"The simulated server was not ready within {limit_s:g} s.", hint="Raise mock.start_s."
        ) from None
    except ValueError as error:
        raise ServerUnreachable("The simulated server said something that is no address.") from error
    lines = (await asyncio.to_thread(_errors(folder).read_text, "utf-8", "replace")).strip().splitlines()
    reason = lines[-1].removeprefix("tidewatch: ") if lines else f"it ended with code {child.returncode}"
    raise ServerUnreachable(f"The simulated server did not start: {reason}")


async def _end(child: asyncio.subprocess.Process) -> None:
    """Close its input, which tells it to end; do not wait for ever: what it simulates may be lost."""
    _disconnect(child)
    try:
        async with asyncio.timeout(END_S):
            await child.wait()
    except TimeoutError:
        log.info("simulated_server_killed", pid=child.pid)
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _disconnect(child: asyncio.subprocess.Process) -> None:
    if child.stdin is not None:
        child.stdin.close()
