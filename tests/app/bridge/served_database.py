"""A database that a server opens for a console which cannot open the file itself."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bridge.database.server_ports import ServerDatabasePorts
from app.config import ConnectionSettings
from streams.sources.database import DatabasePort, DatabaseStreams
from tests.app.bridge.databases import make
from tests.app.bridge.support import Connected, Served, connected, serving

GONE = Path("/this/machine/has/no/such/folder")


@dataclass
class Either:
    """One implementation of the port, and the file that it reads."""

    ports: DatabasePort
    path: Path


@dataclass
class ServedDatabase:
    """A console and the server that reads for it."""

    server: Served
    console: Connected
    ports: ServerDatabasePorts
    streams: DatabaseStreams


def from_elsewhere(server: Served, path: str) -> ConnectionSettings:
    """Return the settings of a console on another machine."""
    return server.connection.model_copy(
        update={"database_path": Path(path), "token_file": server.info.token_file, "check_s": 30.0}
    )


def make_in(folder: Path) -> Path:
    """Make the database of the tests in a new folder."""
    folder.mkdir(parents=True)
    return make(folder / "some.db")


@asynccontextmanager
async def served_database(path: Path) -> AsyncGenerator[ServedDatabase]:
    """Run a server on the folder of ``path``, and a console that knows the file by a name of the server's."""
    async with (
        serving(path.parent) as server,
        # Relative to the folder of the catalogue: this machine has no such file.
        connected(from_elsewhere(server, path.name)) as console,
    ):
        ports = console.bridge.database_ports
        assert isinstance(ports, ServerDatabasePorts)
        yield ServedDatabase(server, console, ports, console.streams.database)
