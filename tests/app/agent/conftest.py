import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agent.index import Index
from app.wire.blob_batch import BATCH_BLOB_BYTES
from tests.app.agent.machines import HeldUpload


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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with three files."""
    folder = tmp_path / "root"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def held_upload(source: Path, monkeypatch: pytest.MonkeyPatch) -> HeldUpload:
    """Put a large file into ``source``, of which nothing is sent until it is released."""
    (source / "large").write_bytes(os.urandom(2 * BATCH_BLOB_BYTES))
    return HeldUpload(monkeypatch)
