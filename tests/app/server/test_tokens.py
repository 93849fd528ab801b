"""Tokens of consoles: made, listed and revoked over HTTP and by the command line; never shown to a pipe."""

import argparse
import asyncio
import importlib
import stat
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from app.catalogue.audit_chain import prove
from streams.model.failures import TidewatchError
from streams.model.logs import LogPage
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import CONSOLE_SCOPES, Scope
from tests.servers import RunningServer, a_server, until


async def made(server: RunningServer, name: str, *scopes: str, **more: Any) -> NewToken:
    body = {"name": name, "scopes": scopes, **more}
    return await server.post("/api/tokens", body, NewToken)


async def answer(
    server: RunningServer, token: str, method: str, path: str, body: Any = None
) -> tuple[int, str]:
    async with server.http(token).request(method, path, json=body) as response:
        told = await response.json()
        return response.status, told.get("code", "") if isinstance(told, dict) else ""


async def test_a_token_does_what_its_scopes_say(running_server: RunningServer) -> None:
    looks = await made(running_server, "wall", "look", days=1)
    assert looks.token.scopes == (Scope.LOOK,) and looks.token.made_by == "token console"
    assert looks.token.expires_at is not None
    assert await answer(running_server, looks.secret, "GET", "/api/clients") == (200, "")
    assert await answer(running_server, looks.secret, "POST", "/api/server/stop", {}) == (403, "forbidden")
    assert (await made(running_server, "script", "operate")).token.scopes == (Scope.LOOK, Scope.OPERATE)
    listed = await running_server.get("/api/tokens", tuple[ConsoleToken, ...])
    assert [token.name for token in listed] == ["console", "script", "wall"]
    assert listed[0].scopes == CONSOLE_SCOPES
    own = await running_server.get("/api/tokens/own", ConsoleToken)
    assert own.name == "console"


async def test_a_token_gives_no_more_than_it_has(running_server: RunningServer) -> None:
    strong = await made(running_server, "strong", "destroy", days=1)
    again = {"name": "mine", "scopes": ["restore"]}
    assert await answer(running_server, strong.secret, "POST", "/api/tokens", again) == (403, "forbidden")
    longer = {"name": "mine", "scopes": ["destroy"], "days": 2}
    assert await answer(running_server, strong.secret, "POST", "/api/tokens", longer) == (403, "forbidden")
    async with running_server.http(strong.secret).post("/api/tokens", json={**longer, "days": None}) as told:
        ends = datetime.fromisoformat((await told.json())["token"]["expires_at"])
    assert ends == strong.token.expires_at, "it has the end of the one that made it"
    agent = {"name": "fake agent", "scopes": ["agent"]}
    async with running_server.console.post("/api/tokens", json=agent) as response:
        assert response.status == 403


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 61])
async def test_names_that_cannot_be(running_server: RunningServer, name: str) -> None:
    async with running_server.console.post("/api/tokens", json={"name": name, "scopes": []}) as response:
        assert (response.status, (await response.json())["code"]) == (400, "bad_request")


async def test_a_name_is_taken_until_its_token_is_revoked(running_server: RunningServer) -> None:
    first = await made(running_server, "wall", "look")
    body = {"name": "wall", "scopes": []}
    assert await answer(running_server, running_server.token, "POST", "/api/tokens", body) == (
        409,
        "name_taken",
    )
    async with running_server.http(first.secret).ws_connect(f"{running_server.events_url}/events") as socket:
        await socket.receive()
        async with running_server.console.delete(f"/api/tokens/{first.token.id}") as response:
            assert (await response.json())["name"] == "wall"
        assert "wrong_token" in (await socket.receive()).data
        await socket.receive()
        assert socket.close_code == 4401
    assert await answer(running_server, first.secret, "GET", "/api/clients") == (401, "wrong_token")
    assert (await made(running_server, "wall", "look")).secret != first.secret
    for path in (f"/api/tokens/{first.token.id}", "/api/tokens/99999"):
        async with running_server.console.delete(path) as response:
            assert (response.status, (await response.json())["code"]) == (404, "unknown_token")


async def test_the_token_of_an_agent_is_no_token_of_a_console(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    info = await running_server.room.catalogue.tokens.check(agent.token)
    assert info is not None
    async with running_server.console.delete(f"/api/tokens/{info.id}") as response:
        assert response.status == 404
    assert [token["name"] for token in await running_server.get("/api/tokens")] == ["console"]


async def command(name: str, *words: str | Path) -> int:
    """Run ``server token NAME`` as the program does; its failures are lines, as there."""
    module = importlib.import_module(f"app.server.commands.token_{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    try:
        return await asyncio.to_thread(module.run, parser.parse_args([str(word) for word in words]))
    except TidewatchError as failure:
        sys.stderr.write(f"tidewatch: {failure.line()}\n")
        return failure.exit_code


async def test_the_command_line_makes_lists_and_revokes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "wall.token"
    async with a_server(data) as server:
        words = ("add", "wall", "--scope", "look,restore", "--days", "7", "--out", out, "--data", data)
        assert await command(*words) == 0
        told = capsys.readouterr()
        secret = out.read_text().strip()
        assert secret not in told.out + told.err and "look, restore" in told.err
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert await answer(server, secret, "GET", "/api/tree?client_id=x") == (404, "unknown_client")
        assert await command("list", "--data", data) == 0
        listed = capsys.readouterr().out
        assert "wall" in listed and "look,restore" in listed and secret not in listed
        url = f"{server.events_url}/events"
        async with server.http(secret).ws_connect(url) as socket:
            await socket.receive()
            assert await command("revoke", "wall", "--data", data) == 0
            assert "wrong_token" in (await socket.receive(timeout=30)).data

        async def refused() -> bool:
            return await answer(server, secret, "GET", "/api/clients") == (401, "wrong_token")

        await until(refused)
        with pytest.raises(WSServerHandshakeError):
            await server.http(secret).ws_connect(url)

        async def seen() -> bool:
            page = await server.get("/api/logs?sources=audit&text=/(add|revoke) token/", LogPage)
            return [line.message for line in page.lines] == ["revoke token", "add token"]

        await until(seen)
    assert (await asyncio.to_thread(prove, data / "catalogue.db")).faults == []


async def test_a_token_is_not_written_to_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    async with a_server(data) as server:
        assert await command("add", "wall", "--scope", "look", "--data", data) == 3
        told = capsys.readouterr()
        assert "tw_" not in told.out + told.err and "--out FILE" in told.err
        assert [token["name"] for token in await server.get("/api/tokens")] == ["console"], "none was made"


@pytest.mark.parametrize("scope", ["", "look,all", "agent", ","])
async def test_words_that_are_no_scopes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scope: str
) -> None:
    assert await command("add", "x", f"--scope={scope}", "--data", tmp_path) in (2, 3)
    assert capsys.readouterr().err


async def test_a_new_token_in_the_file_ends_the_one_before(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        leaked = server.token
    (tmp_path / "console.token").unlink()
    async with a_server(tmp_path) as server:
        assert server.token != leaked
        assert await answer(server, leaked, "GET", "/api/clients") == (401, "wrong_token")
        assert await answer(server, server.token, "GET", "/api/clients") == (200, "")
