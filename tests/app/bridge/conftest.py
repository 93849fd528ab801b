"""Fixtures of the bridge's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

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
