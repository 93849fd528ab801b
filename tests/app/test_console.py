"""The console as a program: mock mode from start to end, its child, and the guard of web mode."""

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from app.config import ConnectionSettings, MockSettings, Settings
from app.console import running_console
from app.prefs import FilePrefs
from app.simulation import simulated_server
from app.tasks import Tasks
from app.web import OriginGuard, listen
from streams.failures import ConfigRejected, ServerUnreachable
from tests.app.bridge.support import until

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/")


@asynccontextmanager
async def console(tmp_path: Path, *words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run the console in web mode; gives its process and its one line."""
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env |= {"XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *words,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(50):
            line = (await process.stdout.readline()).decode()
        if not line:
            assert process.stderr is not None
            pytest.fail((await process.stderr.read()).decode())
        yield process, line
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def children(process: asyncio.subprocess.Process) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "app.fleet.child" in " ".join(child.cmdline())
    ]


async def gone(processes: list[psutil.Process], limit_s: float) -> float:
    start = time.monotonic()
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        assert time.monotonic() - start < limit_s, "it lives on"
        await asyncio.sleep(0.02)
    return time.monotonic() - start


async def test_web_mode_prints_one_address_answers_only_us_and_ends_in_order(tmp_path: Path) -> None:
    async with console(tmp_path, "--web") as (process, line):
        address = ADDRESS.search(line)
        assert address is not None
        url = address[0]
        base, port = url.rsplit("/", 2)[0], int(url.split(":")[2].split("/")[0])
        child = children(process)
        assert len(child) == 1
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as page:
                assert page.status == 200
                text = await page.text()
                assert "noCdn: true" in text or "noCdn=true" in text.replace(" ", "")
                assert 'event.key === "F1"' in text
                assert "Access-Control-Allow-Origin" not in page.headers
                assert "default-src 'self'" in page.headers["Content-Security-Policy"]
            for wrong, headers in (
                (base + "/", {}),
                (url, {"Host": "evil.example"}),
                (url, {"Origin": "http://evil.example"}),
            ):
                async with session.get(wrong, headers=headers) as answer:
                    assert answer.status in (403, 404), wrong
            for origin in (None, "http://evil.example"):
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await session.ws_connect(f"{url}ws", origin=origin)
            async with session.ws_connect(f"{url}ws", origin=f"http://127.0.0.1:{port}"):
                pass
        listening = [c for c in psutil.Process(process.pid).net_connections() if c.status == "LISTEN"]
        assert {c.laddr.ip for c in listening} == {"127.0.0.1"}
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
        took_s = time.monotonic() - start
        assert process.returncode == 0, err.decode()
        assert out == b""
        assert err == b""
        assert took_s < 3, f"{took_s:.1f} s"
        await gone(child, 1)
        await until(lambda: not list(tmp_path.glob("tidewatch-mock-*")), 30)


@pytest.mark.parametrize("link", ["nowhere", "nowhere/7", "select 1"])
async def test_a_link_that_leads_nowhere_is_said_before_anything_starts(link: str) -> None:
    with pytest.raises(ConfigRejected, match=r"there is no such place\.") as refusal:
        async with running_console(Settings(), open_at=link):
            pass
    assert "clients/NAME" in refusal.value.hint


async def test_the_child_ends_with_a_console_that_is_killed(tmp_path: Path) -> None:
    async with console(tmp_path) as (process, line):
        assert "in the browser, since there is no display" in line
        child = children(process)
        assert len(child) == 1
        process.kill()
        await gone(child, 15)


async def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigRejected, match=f"Port {port} is taken"):
            listen(port)


async def test_a_child_that_does_not_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "python"
    program.write_text("#!/bin/sh\necho 'tidewatch: no room left' >&2\nexit 5\n")
    program.chmod(0o755)
    monkeypatch.setattr("app.simulation.sys.executable", str(program))
    mock = MockSettings(database_path=tmp_path / "kept" / "catalogue.db", start_s=5)
    with pytest.raises(ServerUnreachable, match="did not start: no room left"):
        async with simulated_server(mock, ConnectionSettings()):
            pass


async def test_a_child_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr("app.simulation.sys.executable", str(program))
    monkeypatch.setattr("app.simulation.END_S", 0.1)
    mock = MockSettings(database_path=tmp_path / "kept" / "catalogue.db", start_s=1)
    with pytest.raises(ServerUnreachable, match="not ready within 1 s"):
        async with simulated_server(mock, ConnectionSettings()):
            pass


async def test_preferences_outlive_the_program(tmp_path: Path) -> None:
    path = tmp_path / "state" / "console.json"
    tasks = Tasks()
    first = FilePrefs(path, tasks)
    await first.load()
    assert first.get("theme", "system") == "system"
    first.put("theme", "dark")
    first.put("clients.sort", ["name", True])
    await first.flush()
    second = FilePrefs(path, tasks)
    await second.load()
    assert (second.get("theme"), second.get("clients.sort")) == ("dark", ["name", True])
    path.write_text("{ broken")
    third = FilePrefs(path, tasks)
    await third.load()
    assert third.get("theme") is None
    await tasks.close()


@pytest.mark.parametrize(
    ("kind", "headers", "passes"),
    [
        ("http", {"host": "127.0.0.1:80"}, True),
        ("http", {"host": "localhost:80", "origin": "http://localhost:80"}, True),
        ("http", {"host": "evil:80"}, False),
        ("http", {}, False),
        ("http", {"host": "127.0.0.1:80", "origin": "http://evil"}, False),
        ("http", {"host": "127.0.0.1:80", "origin": "null"}, False),
        ("websocket", {"host": "127.0.0.1:80", "origin": "http://127.0.0.1:80"}, True),
        ("websocket", {"host": "127.0.0.1:80"}, False),
        ("websocket", {"host": "127.0.0.1:81", "origin": "http://127.0.0.1:81"}, False),
    ],
)
async def test_who_is_let_in(kind: str, headers: dict[str, str], passes: bool) -> None:
    reached: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(k.encode(), v.encode()) for k, v in headers.items()]}
    await OriginGuard(app, 80)(scope, receive, send)
    assert bool(reached) is passes
    assert (sent == []) is passes
