"""A real server in a process of its own, with agents and restores run against it as a user does."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.processes import Program, free_port_pair, run_program, write_configuration

START_S = 30.0
LISTENS = re.compile(r"https?://[^\s:]+:(\d+)")


@dataclass(slots=True)
class World:
    """A folder with a server's data, and where that server is."""

    root: Path
    port: int
    server: Program
    codes: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def data(self) -> Path:
        """Return the server's folder."""
        return self.root / "data"

    @property
    def url(self) -> str:
        """Return the address for agents."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        """Return the file with the console's token."""
        return self.data / "console.token"

    def configuration(self) -> Path:
        """Write the three lines with which a console looks at this server."""
        return write_configuration(self.root, port=self.port, database_path=self.data / "catalogue.db")

    async def enrol(self, name: str) -> str:
        """Return the single-use code for a client of this name; asked for once."""
        if name not in self.codes:
            async with run_program("app", "server", "enrol", name, "--data", str(self.data)) as program:
                code = await program.wait(within_s=30)
                assert code == 0, program.said()
            self.codes[name] = program.lines[-1].split()[-1]
        return self.codes[name]

    async def agent_words(self, name: str, folder: Path) -> list[str]:
        """Return the command of an agent; the first time with a code to enrol."""
        state = self.root / f"agent-{name}"
        code = [] if state.exists() else ["--code", await self.enrol(name)]
        words = ["app", "agent", str(folder), "--server", self.url, "--name", name]
        return [*words, "--state", str(state), *code]

    async def back_up(self, name: str, folder: Path, *, within_s: float = 60, expected: int = 0) -> Program:
        """Make one backup of ``folder`` as client ``name``."""
        async with run_program(*await self.agent_words(name, folder), "--once") as program:
            code = await program.wait(within_s=within_s)
            assert code == expected, program.said()
        return program

    async def restore(self, name: str, target: Path, *more: str, within_s: float = 60) -> Program:
        """Bring the files of client ``name`` back into ``target``."""
        words = ["app", "restore", name, "--server", self.url, "--token-file", str(self.token_file)]
        async with run_program(*words, "--to", str(target), *more) as program:
            code = await program.wait(within_s=within_s)
            assert code == 0, program.said()
        return program


@contextlib.asynccontextmanager
async def run_server(data: Path, port: int) -> AsyncIterator[Program]:
    """Run a server over ``data`` for the length of the block; it answers when the block begins."""
    words = ("app", "server", "--data", str(data), "--port", str(port))
    async with run_program(*words) as program:
        await program.line(LISTENS, within_s=START_S)
        yield program


@contextlib.asynccontextmanager
async def run_world(root: Path) -> AsyncIterator[World]:
    """Run a fresh server below ``root`` for the length of the block."""
    root.mkdir(parents=True, exist_ok=True)
    port = free_port_pair()
    async with run_server(root / "data", port) as server:
        yield World(root, port, server)
