"""Fixtures of the bridge's tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from app.bridge.database.ports import DatabasePorts
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import make
from tests.app.bridge.served_database import Either, make_in, served_database
from tests.app.bridge.support import Served, serving


@pytest.fixture(autouse=True)
def loop_is_never_blocked() -> Iterator[None]:
    """Fail whatever blocks the event loop from the bridge or the streams."""
    with blockbuster_ctx(scanned_modules=["app.bridge", "streams"]):
        yield


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "data") as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "some.db")


@pytest.fixture
async def ports(path: Path) -> AsyncIterator[DatabasePorts]:
    ports = DatabasePorts(path, task_spawner())
    yield ports
    await ports.close()


@pytest.fixture(params=["this machine", "server"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Either]:
    """Give both implementations of the port in turn, over the same file."""
    path = await asyncio.to_thread(make_in, tmp_path / "data")
    if request.param == "server":
        async with served_database(path) as served:
            yield Either(served.ports, path)
        return
    ports = DatabasePorts(path, task_spawner())
    yield Either(ports, path)
    await ports.close()
