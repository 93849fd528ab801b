"""A server that is found at another address, name or path; its agents go on without a new code."""

import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from app.agent import address
from app.agent.address import address_of
from streams.model.vocabulary import RunState
from tests.app.agent.machines import Server, a_backup, a_line, a_server, agent, restore

PREFIX = "/backup/tidewatch"


@pytest.fixture
def source(source: Path) -> Path:
    """Return a folder with a large file beside the one that every test has."""
    (source / "large").write_bytes(b"x" * 3_000_000)
    return source


async def first(server: Server, tmp_path: Path, source: Path) -> int:
    words = ("--server", server.url, "--name", "laptop", "--code", await server.code("laptop"))
    return await agent(source, *words, "--state", tmp_path / "state", "--once")


@asynccontextmanager
async def a_proxy(server: Server) -> AsyncGenerator[tuple[str, list[str]]]:
    """Serve a server below a path, as a proxy does; tells what was asked for, with the tokens."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(f"{request.path} {request.headers.get('Authorization', '')}")
        if not request.path.startswith(f"{PREFIX}/"):
            return web.Response(status=404)
        headers = {k: v for k, v in request.headers.items() if k in ("Authorization", "Content-Type")}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                server.url + request.raw_path.removeprefix(PREFIX),
                headers=headers,
                data=io.BytesIO(await request.read()),
            ) as answer,
        ):
            body = await answer.read()
            return web.Response(status=answer.status, body=body, content_type=answer.content_type)

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{any:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PREFIX}", asked
    finally:
        await runner.cleanup()


def kept_server(tmp_path: Path) -> str:
    return json.loads((tmp_path / "state" / "identity.json").read_text())["server"]


async def test_an_agent_follows_its_server_to_another_address(source: Path, tmp_path: Path) -> None:
    async with a_server(tmp_path / "data") as server:
        assert await first(server, tmp_path, source) == 0
        async with a_line(server) as line:
            state = ("--state", tmp_path / "state", "--once")
            assert await agent(source, *state, "--server", line.url) == 0
            assert kept_server(tmp_path) == line.url
            assert await agent(source, *state) == 0
            assert line.passed > 0


async def test_another_server_is_told_no_token(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server, a_server(tmp_path / "other") as other:
        assert await first(server, tmp_path, source) == 0
        async with a_proxy(other) as (url, asked):
            capsys.readouterr()
            assert await agent(source, "--state", tmp_path / "state", "--once", "--server", url) == 2
        assert "is another server" in capsys.readouterr().err
        assert asked == [f"{PREFIX}/health "]
        assert kept_server(tmp_path) == server.url


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_server_below_a_path_is_backed_up_to_and_restored_from(
    source: Path, tmp_path: Path, slash: str
) -> None:
    async with a_server(tmp_path / "data") as server, a_proxy(server) as (url, _):
        words = ("--server", url + slash, "--name", "laptop", "--code", await server.code("laptop"))
        assert await agent(source, *words, "--state", tmp_path / "state", "--once") == 0
        token = ("--server", url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", tmp_path / "back") == 0
        assert (tmp_path / "back" / "large").stat().st_size == 3_000_000


async def test_a_service_works_below_a_path(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWATCH_AGENT__HEARTBEAT_S", "0.5")
    async with a_server(tmp_path / "data") as server:
        async with a_proxy(server) as (url, asked):
            below = ("--server", url, "--every", "1d")
            async with a_backup(server, source, tmp_path / "state", *below):
                await server.states(RunState.COMPLETE)
                await server.room.backups.request([await server.client_id("laptop")])
                await server.states(RunState.COMPLETE, RunState.COMPLETE)
        paths = {line.split()[0] for line in asked}
        assert all(path.startswith(f"{PREFIX}/") for path in paths)
        assert {f"{PREFIX}/api/enrol", f"{PREFIX}/api/agent/runs", f"{PREFIX}/api/agent/client"} <= paths


def test_a_path_means_the_port_of_the_scheme() -> None:
    assert str(address_of("https://backup.example.org")) == "https://backup.example.org:1256"
    assert str(address_of("https://example.org/tidewatch/")) == "https://example.org/tidewatch"
    assert str(address_of("http://127.0.0.1:80/a/b")) == "http://127.0.0.1/a/b"
    assert address_of("https://example.org/tw").path("/health") == "/tw/health"


async def test_a_restore_with_the_agents_token_tells_it_to_no_other_server(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server, a_server(tmp_path / "other") as other:
        assert await first(server, tmp_path, source) == 0
        state = ("--state", tmp_path / "state", "--to", tmp_path / "back")
        async with a_proxy(other) as (url, asked):
            capsys.readouterr()
            assert await restore("laptop", *state, "--server", url) == 2
        assert "is another server" in capsys.readouterr().err
        assert asked == [f"{PREFIX}/health "]
        async with a_proxy(server) as (url, _):
            assert await restore("laptop", *state, "--server", url) == 0
        assert kept_server(tmp_path) == server.url


async def test_plain_http_is_told_once_and_before_anything_is_sent(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(address, "is_loopback", lambda _host: False)
    state, to = ("--state", tmp_path / "state"), ("--to", tmp_path / "to", "--overwrite")
    told = "can be read on the way"
    async with a_server(tmp_path / "data") as server:
        new = ("--name", "laptop", "--code", await server.code("laptop"))
        for command in (
            lambda url: agent(source, "--server", url, *new, *state, "--once"),  # enrols
            lambda url: agent(source, "--server", url, *state, "--once"),  # follows
            lambda url: restore("laptop", "--server", url, *state, *to),  # asks whether it is the same
            lambda url: restore("laptop", "--server", url, "--token-file", server.info.token_file, *to),
        ):
            before: list[int] = []
            async with a_line(server) as line:
                line.on_passed = lambda _, before=before: before.append(capsys.readouterr().err.count(told))
                assert await command(line.url) == 0
            assert before[0] == 1
            assert sum(before) + capsys.readouterr().err.count(told) == 1
