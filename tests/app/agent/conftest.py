from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agent.index import Index


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and no configuration of whoever runs the tests."""
    monkeypatch.setenv("TIDEWATCH_AGENT__BACKOFF_BASE_S", "0.05")
    monkeypatch.setenv("TIDEWATCH_AGENT__BACKOFF_CAP_S", "0.2")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An empty index in a state folder of its own."""
    folder = tmp_path / "state"
    folder.mkdir()
    opened = Index(folder)
    yield opened
    opened.close()
