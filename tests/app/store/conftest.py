from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.store.store import Store
from tests.app.store.disk import Disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def store(root: Path, disk: Disk) -> AsyncIterator[Store]:
    opened = Store(root, files=disk)
    await opened.prepare()
    yield opened
    await opened.close()
