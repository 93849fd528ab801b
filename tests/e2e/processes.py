"""The programs under test, each in a process of its own, ended with the test whatever happens."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
END_S = 10.0
URL = re.compile(r"https?://\S+")


@dataclass(slots=True)
class Program:
    """A running command of the project, with all it has said so far."""

    process: Process
    lines: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _readers: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def listen(self) -> None:
        """Begin to collect what it says."""
        for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            assert stream is not None
            self._readers.append(asyncio.create_task(self._collect(stream, into)))

    async def _collect(self, stream: asyncio.StreamReader, into: list[str]) -> None:
        async for line in stream:
            async with self._news:
                into.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def line(self, pattern: re.Pattern[str], *, within_s: float) -> re.Match[str]:
        """Wait for a line of output that matches; fails with all it said when none comes or it ends."""
        try:
            async with asyncio.timeout(within_s), self._news:
                while True:
                    for line in self.lines:
                        if found := pattern.search(line):
                            return found
                    if all(reader.done() for reader in self._readers):
                        raise AssertionError(f"it ended without {pattern.pattern!r}\n{self.said()}")
                    await self._news.wait()
        except TimeoutError as error:
            raise AssertionError(f"no {pattern.pattern!r} within {within_s} s\n{self.said()}") from error

    def said(self) -> str:
        """Return all it has said, for a failure message."""
        return "\n".join(["--- stdout", *self.lines, "--- stderr", *self.errors[-60:]])

    async def wait(self, *, within_s: float) -> int:
        """Wait for its end and return its exit code."""
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.wait(within_s=END_S)

    async def end(self) -> None:
        """End it politely, and by force when it does not listen."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await self.wait(within_s=END_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await asyncio.gather(*self._readers)


@contextlib.asynccontextmanager
async def run_program(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep_stdin: bool = False,
    terminal: bool = False,
) -> AsyncIterator[Program]:
    """Run ``python -m WORDS...`` for the length of the block.

    ``keep_stdin``: a pipe that stays open; ``terminal``: one at which nobody types.
    """
    with tempfile.TemporaryDirectory(prefix="tidewatch-home-") as home, contextlib.ExitStack() as ends:
        stdin = PIPE if keep_stdin else DEVNULL
        if terminal:
            keyboard, stdin = os.openpty()
            ends.callback(os.close, stdin)
            ends.callback(os.close, keyboard)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *words, stdin=stdin, stdout=PIPE, stderr=PIPE,
            env=_surroundings(home) | dict(env or {}), cwd=cwd or ROOT, limit=2**22,
        )  # fmt: skip
        program = Program(process)
        program.listen()
        try:
            yield program
        finally:
            await program.end()


def _surroundings(home: str) -> dict[str, str]:
    """Return an environment in which nothing is remembered and nothing of the user's is touched."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("TIDEWATCH_", "FLET_")) and k != "DISPLAY"
    }
    own = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), home)
    return kept | own | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@contextlib.asynccontextmanager
async def run_console(
    *words: str,
    cwd: Path | None = None,
    start_s: float = 45.0,
    env: Mapping[str, str] | None = None,
    terminal: bool = False,
) -> AsyncIterator[tuple[Program, str]]:
    """Run the console for the browser; gives the program and the URL that it printed."""
    web = ("app", "--web", "--port", "0")
    async with run_program(*web, *words, cwd=cwd, env=env, terminal=terminal) as program:
        found = await program.line(URL, within_s=start_s)
        yield program, found[0]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running simulated fleet, and where its server is."""

    program: Program
    port: int
    events_port: int
    token_file: Path
    database_path: Path

    @property
    def token(self) -> str:
        """Return the console's token."""
        return self.token_file.read_text().strip()

    def configuration(self, folder: Path) -> Path:
        """Write the few lines with which a console looks at this server as at any other."""
        return write_configuration(folder, port=self.port, database_path=self.database_path)


def write_configuration(folder: Path, *, port: int, database_path: Path) -> Path:
    """Write a ``tidewatch.toml`` for production into ``folder``."""
    file = folder / "tidewatch.toml"
    file.write_text(
        "[connection]\nmock_mode = false\n"
        f'host = "127.0.0.1"\nport = {port}\ndatabase_path = "{database_path}"\n'
    )
    return file


@contextlib.asynccontextmanager
async def run_fleet(
    data: Path, *words: str, clients: int = 45, start_s: float = 60.0
) -> AsyncIterator[Fleet]:
    """Run the simulated fleet over ``data`` for the length of the block."""
    count = ("--clients", str(clients))
    async with run_program(
        "app.fleet.child", "--data", str(data), *count, "--seed", "1256", *words, keep_stdin=True
    ) as program:
        found = await program.line(re.compile(r"^\{.*\}$"), within_s=start_s)
        told = json.loads(found[0])
        yield Fleet(
            program, told["port"], told["events_port"], Path(told["token_file"]), Path(told["database_path"])
        )


PORTS = range(20_000, 32_000, 2)
"""Below those that the system gives to whoever connects somewhere."""


def free_port_pair() -> int:
    """Return a port of the loopback address that is free together with the next one.

    By chance: of several that look at the same time for what is free, all would find the same in order.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports side by side")
