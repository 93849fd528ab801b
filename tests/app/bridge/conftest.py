"""Fixtures of the bridge's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.app.bridge.support import Served, serving


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "data") as server:
        yield server
