"""The console as a program: mock mode from start to end, with its child."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.servers import until

pytestmark = pytest.mark.timeout(120)
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


async def gone(processes: list[psutil.Process]) -> None:
    await until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes))


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
                assert "Set-Cookie" not in page.headers
            outside = ("/", "/favicon.png", "/manifest.json", "/flutter.js", "/docs", "/openapi.json", "/x/")
            inside = ("docs", "redoc", "openapi.json", "oauth_callback")
            for wrong in (*(base + path for path in outside), *(url + path for path in inside)):
                async with session.get(wrong) as answer:
                    assert (answer.status, await answer.read()) == (404, b"not found"), wrong
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{base}/ws", origin=f"http://127.0.0.1:{port}")
            assert refused.value.status == 404
            for wrong, headers in (
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
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        assert out == b""
        assert not [line for line in err.splitlines() if not line.startswith(b"tidewatch: ")], err.decode()
        assert err.startswith(b"tidewatch: starting the console")
        assert b"simulated fleet of 45 clients" in err
        await gone(child)
        await until(lambda: not list(tmp_path.glob("tidewatch-mock-*")))


async def test_the_child_ends_with_a_console_that_is_killed(tmp_path: Path) -> None:
    async with console(tmp_path) as (process, line):
        assert "in the browser, since there is no display" in line
        child = children(process)
        assert len(child) == 1
        process.kill()
        await gone(child)


async def test_a_child_that_is_killed_comes_back_where_it_was(tmp_path: Path) -> None:
    def ports() -> set[int]:
        try:
            found = [c for child in children(process) for c in child.net_connections()]
        except psutil.NoSuchProcess:  # it has ended since it was listed
            return set()
        return {c.laddr.port for c in found if c.status == "LISTEN"}

    async with console(tmp_path, "--web") as (process, _):
        (child,), taken = children(process), ports()
        child.kill()
        await gone([child])
        await until(lambda: ports() == taken, 60)
        url = f"http://127.0.0.1:{min(taken)}/health"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert (await answer.json())["simulated"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
        assert process.returncode == 0
        assert err.count(b"simulated_server_died") == 1 and b"Traceback" not in err
        await until(lambda: not list(tmp_path.glob("tidewatch-mock-*")))


async def test_an_address_that_is_kept_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = tmp_path / "tidewatch.toml"
    file.write_text(f"[mock]\nclients = 30\n[web]\nport = {port}\nkeep_path = true\n")
    addresses: list[str] = []
    for _ in range(2):
        async with console(tmp_path, "--web", "--config", str(file)) as (process, line):
            address = ADDRESS.search(line)
            assert address is not None
            addresses.append(address[0])
            async with aiohttp.ClientSession() as session, session.get(address[0]) as page:
                assert page.status == 200
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.communicate()
    assert addresses[0] == addresses[1]
    assert f":{port}/" in addresses[0]
