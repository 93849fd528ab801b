"""The simulated server of mock mode: a child process that ends with us, however we end."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from app.config import ConnectionSettings, MockSettings
from app.server.folder import LOCK_FILE, held
from streams.failures import ServerUnreachable, TidewatchError

log = structlog.stdlib.get_logger(__name__)

END_S = 2.0
"""How long the child may take to end by itself."""
PREFIX = "tidewatch-mock-"
ROOT = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def simulated_server(
    mock: MockSettings, connection: ConnectionSettings
) -> AsyncGenerator[ConnectionSettings]:
    """Run the child for the length of a block; give the settings with which the console reaches it.

    Its standard input is a pipe that only this process holds: the child ends when that ends, also when this
    process is killed.
    """
    kept = mock.database_path
    folder = kept.parent if kept else await asyncio.to_thread(_temporary)
    try:
        child = await _start(folder, mock)
        try:
            told = await _ready(child, folder, mock.start_s)
            yield connection.model_copy(
                update={
                    "host": told["host"],
                    "port": told["port"],
                    "database_path": Path(told["database_path"]),
                    "token": None,
                    "token_file": Path(told["token_file"]),
                    "tls": "off",
                }
            )
        finally:
            await _end(child)
    finally:
        if kept is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _start(folder: Path, mock: MockSettings) -> asyncio.subprocess.Process:
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(_errors(folder).open, "wb") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "app.fleet.child", "--data", str(folder)),
            *("--clients", str(mock.clients), "--seed", str(mock.seed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": path},
            # A Ctrl+C in the terminal is for the console, which then ends its child in order.
            start_new_session=True,
        )


def _temporary() -> Path:
    """Make a folder, and clear away those of consoles that were killed before they could."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if (left / LOCK_FILE).exists():  # without one its server has not begun yet
            with suppress(TidewatchError, OSError), held(left):
                shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def _errors(folder: Path) -> Path:
    return folder / "child.log"


async def _ready(child: asyncio.subprocess.Process, folder: Path, limit_s: float) -> dict[str, Any]:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(limit_s):
            line = await child.stdout.readline()
            if line:
                return json.loads(line)
            await child.wait()
    except TimeoutError:
        raise ServerUnreachable(
            f"The simulated server was not ready within {limit_s:g} s.", hint="Raise mock.start_s."
        ) from None
    except ValueError as error:
        raise ServerUnreachable("The simulated server said something that is no address.") from error
    lines = (await asyncio.to_thread(_errors(folder).read_text, "utf-8", "replace")).strip().splitlines()
    reason = lines[-1].removeprefix("tidewatch: ") if lines else f"it ended with code {child.returncode}"
    raise ServerUnreachable(f"The simulated server did not start: {reason}")


async def _end(child: asyncio.subprocess.Process) -> None:
    """Close its input, which tells it to end; do not wait for ever."""
    if child.stdin is not None:
        child.stdin.close()
    for insist in (child.terminate, child.kill):
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S if insist == child.terminate else END_S / 2):
                await child.wait()
                return
        log.warning("simulated_server_lingers", pid=child.pid)
        with suppress(ProcessLookupError):
            insist()
    await child.wait()
