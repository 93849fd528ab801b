"""Agents and restores over real trees, started and killed beside a server on ports that stay the same."""

import contextlib
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.client import Acks, Http, Version, sha256_of
from tests.faults.nursery import Nursery
from tests.faults.served import Served
from tests.faults.stage import bytes_of
from tests.servers import until

BACKUP_S = 300.0
"""Long: a busy machine is no fault."""
MIN_FILES = 20
"""Of a tree that is changed; from there on none is taken away."""
CONFIGURATION = "[agent]\nbackoff_base_s = 0.05\nbackoff_cap_s = 0.5\n"


@dataclass(slots=True)
class Machine:
    """A client machine: its tree, its agent, and what the server has acknowledged of it."""

    name: str
    room: Path
    nursery: Nursery
    port: int
    code: str
    chance: random.Random
    acks: Acks = field(default_factory=Acks)
    pid: int = 0

    @property
    def tree(self) -> Path:
        return self.room / self.name / "tree"

    def plant(self, files: int = 40) -> None:
        """Make a tree with small files, a large one, and some of the same content."""
        for number in range(files):
            path = self.tree / f"folder-{number % 5}" / f"file-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes_of(500 + 97 * number, f"{self.name} {number % (files - 5)}"))
        (self.tree / "large").write_bytes(bytes_of(3 << 20, self.name))
        (self.room / self.name / "tidewatch.toml").write_text(CONFIGURATION)

    def change(self) -> None:
        """Change some files, add one, and take one away."""
        paths = sorted(path for path in self.tree.rglob("file-*"))
        for path in self.chance.sample(paths, 4):
            path.write_bytes(self.chance.randbytes(self.chance.randint(1, 40_000)))
        if self.chance.random() < 0.3:
            (self.tree / "large").write_bytes(self.chance.randbytes(2 << 20))
        (self.tree / f"file-new-{self.chance.randrange(20)}").write_bytes(self.chance.randbytes(900))
        if len(paths) > MIN_FILES:
            self.chance.choice(paths).unlink()

    def start(self, *words: str) -> None:
        """Start a backup."""
        home = self.room / self.name
        command = [
            "agent", str(self.tree), "--server", f"http://127.0.0.1:{self.port}", "--name", self.name,
            "--code", self.code, "--state", str(home / "state"), "--config", str(home / "tidewatch.toml"),
        ]  # fmt: skip
        self.pid = self.nursery.start([*command, *(words or ("--once",))], home / "agent.out")

    def ended(self) -> int | None:
        """Return the exit code of the agent, None while it runs."""
        return self.nursery.code(self.pid) if self.pid else None

    def kill(self) -> None:
        """End the agent as the system does when it runs out of memory."""
        if self.ended() is None and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.nursery.wait(self.pid)

    def acknowledged(self) -> None:
        """Note the whole tree: a backup of it has come to its end."""
        for path, content in self.files().items():
            self.acks.add(Version(self.name, str(path), sha256_of(content)))

    def files(self) -> dict[Path, bytes]:
        """Return what is in the tree."""
        return {path: path.read_bytes() for path in sorted(self.tree.rglob("*")) if path.is_file()}

    async def back_up(self) -> str:
        """Back up to the end; return what was said where it failed."""
        self.start()
        await until(lambda: self.ended() is not None, BACKUP_S)
        if code := self.ended():
            return f"the last backup of {self.name} ended with {code}: {self.said()[-400:]}"
        self.acknowledged()
        return ""

    async def restored(self, server: Served) -> list[str]:
        """Restore everything and return what is not as it was."""
        target = self.room / self.name / "restored"
        words = ["restore", self.name, "--server", f"http://127.0.0.1:{server.port}", "--to", str(target)]
        token = ["--token-file", str(server.data / "console.token"), "--full-paths"]
        pid = self.nursery.start([*words, *token], self.room / self.name / "restore.out")
        await until(lambda: self.nursery.code(pid) is not None, BACKUP_S)
        code = self.nursery.code(pid)
        said = (self.room / self.name / "restore.out").read_text("utf-8", "replace")
        found = [] if code == 0 else [f"the restore of {self.name} ended with {code}: {said[-400:]}"]
        for path, content in self.files().items():
            back = target / path.relative_to("/")
            if not back.is_file() or back.read_bytes() != content:
                found.append(f"{path} is not restored byte for byte")
        return found

    def said(self) -> str:
        """Return the output of the agent."""
        out = self.room / self.name / "agent.out"
        return out.read_text("utf-8", "replace") if out.exists() else ""


def machines(work: Path, nursery: Nursery, server: Served, port: int, count: int) -> list[Machine]:
    """Return client machines with planted trees, and codes to enrol with at ``port``."""
    console: Http = server.console()
    made: list[Machine] = []
    for number in range(count):
        name = f"machine-{number}"
        code = console.post("/api/enrolments", {"name": name})["code"]
        machine = Machine(name, work, nursery, port, code, random.Random(name))
        machine.plant()
        made.append(machine)
    console.close()
    return made
