from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from streams.records.events import Event
from tests.app.catalogue.seeds import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Event]:
    """The events that were handed on."""
    return []


@pytest.fixture
async def catalogue(tmp_path: Path, clock: Clock, told: list[Event]) -> AsyncIterator[Catalogue]:
    opened = await Catalogue.open(tmp_path / "catalogue.db", on_commit=told.extend, now=clock)
    try:
        yield opened
    finally:
        await opened.close()
