from pathlib import Path

import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder to back up, with one file."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "file").write_text("x")
    return folder
