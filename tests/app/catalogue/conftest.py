import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from app.server.data_dir import CATALOGUE_FILE
from streams.model.events import Event
from tests.app.catalogue.seeds import Clock, Uptime
from tests.servers import lay_blank


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uptime() -> Uptime:
    return Uptime()


@pytest.fixture
def told() -> list[Event]:
    """The events that were handed on."""
    return []


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue of the newest schema; copying it is quicker than migrating anew."""
    path = tmp_path_factory.mktemp("blank") / CATALOGUE_FILE
    lay_blank(path.parent)
    return path


@pytest.fixture
async def catalogue(
    tmp_path: Path, blank: Path, clock: Clock, uptime: Uptime, told: list[Event]
) -> AsyncIterator[Catalogue]:
    shutil.copy(blank, tmp_path / "catalogue.db")
    opened = await Catalogue.open(tmp_path / "catalogue.db", on_commit=told.extend, now=clock, clock_s=uptime)
    try:
        yield opened
    finally:
        await opened.close()
