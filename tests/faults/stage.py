"""The stage of a scenario: folders, clients, a server, and what was acknowledged."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.client import Acks, Client
from tests.faults.served import Served


def bytes_of(size: int, name: str) -> bytes:
    """Return bytes that no compression makes smaller, the same for the same name."""
    return random.Random(name).randbytes(size)


@dataclass(slots=True)
class Beginnings:
    """The folders that scenarios begin with, and what has been acknowledged of them."""

    work: Path
    clients: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Id and token by name."""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    file_ids: list[int] = field(default_factory=list[int])
    half: bytes = b""
    """An upload of it has been interrupted."""
    acks: dict[str, Acks] = field(default_factory=dict[str, Acks])

    def folder(self, name: str) -> Path:
        """Return one of the folders."""
        return self.work / f"begin-{name}"


HURT = ("/d/f1", "/d/f2", "/d/large")
GONE = tuple(f"/d/gone{number}" for number in range(4))


@dataclass(slots=True)
class Stage:
    """What one run of a scenario works with; another ``turn`` has contents of its own."""

    server: Served
    acks: Acks
    begun: Beginnings
    turn: str = "0"

    def client(self, name: str) -> Client:
        return Client(self.server.port, name, self.begun.clients[name][1], self.acks)
