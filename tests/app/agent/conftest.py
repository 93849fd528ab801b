import pytest


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and no configuration of whoever runs the tests."""
    monkeypatch.setenv("TIDEWATCH_AGENT__BACKOFF_BASE_S", "0.05")
    monkeypatch.setenv("TIDEWATCH_AGENT__BACKOFF_CAP_S", "0.2")
