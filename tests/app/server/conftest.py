"""A running server for each test, and a guard that raises where the event loop is blocked."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from blockbuster import BlockBuster, blockbuster_ctx

from app.runtime.logging import set_up_logs
from tests.servers import RunningServer, a_server


@pytest.fixture(autouse=True)
def written_logs() -> Iterator[io.StringIO]:
    """Everything logged, as the server writes it; a trace in it is a mistake of the server."""
    stream = io.StringIO()
    set_up_logs(level="debug", stream=stream)
    yield stream
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [handler for handler in root.handlers if getattr(handler, "tidewatch", False)]:
        root.removeHandler(handler)
    assert "Traceback" not in stream.getvalue(), stream.getvalue()


@pytest.fixture(autouse=True)
def never_blocked() -> Iterator[BlockBuster]:
    with blockbuster_ctx("app") as guard:
        # Making a path absolute looks at nothing but the name of the folder we are in, and a trace is written
        # only when something is broken anyway.
        guard.functions["os.path.abspath"].deactivate()
        for function in ("os.stat", "io.BufferedReader.read", "io.TextIOWrapper.read"):
            guard.functions[function].can_block_in("linecache.py", {"updatecache", "checkcache"})
        yield guard


@pytest.fixture
async def running_server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with a_server(tmp_path / "data") as server:
        yield server
