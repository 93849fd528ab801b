from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "data" / "store")
    await opened.prepare()
    try:
        yield opened
    finally:
        await opened.close()
