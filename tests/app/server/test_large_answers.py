"""Large answers wait in memory for their caller, who has to take them, and one token has a share of it."""

import json
import socket
from pathlib import Path

import aiohttp
import pytest

from app.server import large_answers
from streams.model.vocabulary import Scope
from tests.servers import RunningServer, a_server, until

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000)"
BODY = json.dumps({"sql": f"{NUMBERS} SELECT replace(hex(zeroblob(100)), '0', char(1)) FROM n"}).encode()
"""Asks for about 12 MB: more than the system takes for who reads nothing."""


def unread(server: RunningServer, token: str) -> socket.socket:
    """Ask, and read nothing."""
    asking = socket.create_connection((server.info.host, server.info.port))
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = (
        f"POST /api/database/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    asking.sendall(head.encode() + BODY)
    return asking


async def ask(http: aiohttp.ClientSession) -> tuple[int, bytes, str]:
    async with http.post("/api/database/sql", data=BODY) as response:
        return response.status, await response.read(), response.headers.get("X-Request-Id", "")


async def test_a_large_answer_comes_whole_with_its_id(running_server: RunningServer) -> None:
    status, body, request_id = await ask(running_server.console)
    assert status == 200 and request_id
    assert json.loads(body)["rows"][0][0]
    assert len(body) > large_answers.LARGE_BYTES
    await until(lambda: not running_server.room.answers.held_bytes)


async def test_who_reads_nothing_fills_a_share_of_memory_and_holds_nobody_else_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path / "data", send_s=20.0) as server:
        room = server.room
        one = len((await ask(server.console))[1])
        monkeypatch.setattr(room.answers, "_total", 9 * one)  # answers differ in their times
        monkeypatch.setattr(room.answers, "_most_waiting", 1)
        stolen = await room.catalogue.console_tokens.add("stolen", [Scope.LOOK], made_by="test")
        asking = [unread(server, stolen.secret) for _ in range(3)]
        try:
            await until(lambda: room.answers.held_bytes > 1.9 * one)
            await until(lambda: room.answers.waiting == 1)
            status, body, _ = await ask(server.http(stolen.secret))
            assert (status, json.loads(body)["code"]) == (503, "busy")
            assert (await ask(server.console))[0] == 200, "of another token"
        finally:
            for each in asking:
                each.close()
        await until(lambda: not room.answers.held_bytes and not room.answers.waiting)


async def test_an_answer_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    async with a_server(tmp_path / "data", send_s=0.3) as server:
        with unread(server, server.token):
            await until(lambda: server.room.answers.held_bytes)
            await until(lambda: not server.room.answers.held_bytes)
