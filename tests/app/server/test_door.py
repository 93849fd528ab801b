"""Connections that have shown no token: few, short-lived, and never in the way of those that have one."""

import asyncio
import errno
import io
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import trustme
from aiohttp import web

from app.server import accepting, door
from app.server.accepting import Acceptor
from app.server.bodies import BodyBudget
from app.server.certificate import own_certificate
from app.server.door import Door
from app.server.limits import Limits
from app.server.ports import OWN_TLS, ServedTls, tls_context
from app.server.problems import Refused
from app.server.run import running_room
from tests.servers import RunningServer, a_server, until

HEAD = b"POST /api/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
Opening = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def opening() -> AsyncIterator[Opening]:
    """Opens raw connections, which are closed with the test."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(url: str, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writers.append(writer)
        writer.write(sent)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes and return all of it."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def hasty_server(folder: Path, **limits: Any) -> AsyncIterator[RunningServer]:
    async with a_server(folder, head_s=0.1, open_body_s=0.1, body_idle_s=0.1, **limits) as server:
        yield server


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /health HTTP/1.1\r\nA: b\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection_on_both_ports(
    tmp_path: Path, opening: Opening, sent: bytes
) -> None:
    async with hasty_server(tmp_path) as server:
        for url in (server.url, server.events_url):
            reader, _ = await opening(url, sent)
            assert await ended(reader) == b""
        assert server.room.door.unauthenticated == 0


async def test_a_connection_that_goes_on_asking_without_a_token_is_not_kept(
    tmp_path: Path, opening: Opening
) -> None:
    async with hasty_server(tmp_path) as server:
        reader, _ = await opening(server.url, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"tidewatch"' in await ended(reader)


async def test_a_body_without_a_token_is_small_and_quick(tmp_path: Path, opening: Opening) -> None:
    async with hasty_server(tmp_path) as server:
        reader, _ = await opening(server.url, HEAD % 100 + b"{")
        assert (await ended(reader)).startswith(b"HTTP/1.1 408 ")
        reader, _ = await opening(server.url, HEAD % 20_000 + b"x" * 10_000)
        assert (await ended(reader)).startswith(b"HTTP/1.1 413 ")
        chunked = HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")
        reader, _ = await opening(server.url, chunked + b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        assert (await ended(reader)).startswith(b"HTTP/1.1 413 ")


async def test_a_body_with_a_token_may_not_pause_for_long(tmp_path: Path, opening: Opening) -> None:
    async with hasty_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        for path, token in (("/api/files/delete", server.token), ("/api/agent/blobs/batch", agent.token)):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            reader, _ = await opening(server.url, head.encode() + b"Content-Length: 9\r\n\r\n{")
            assert (await ended(reader)).startswith(b"HTTP/1.1 408 "), path
        await until(lambda: server.room.bodies.held_bytes == 0)


async def test_idle_connections_give_way_and_a_console_gets_in(tmp_path: Path, opening: Opening) -> None:
    # None of them may end by its time, however busy the machine is.
    async with a_server(tmp_path, head_s=600.0) as server:
        idle = [(await opening(server.url))[0] for _ in range(door.UNAUTHENTICATED + 40)]
        assert server.room.door.unauthenticated <= door.UNAUTHENTICATED
        await server.get("/api/clients")
        assert server.room.door.unauthenticated <= door.UNAUTHENTICATED
        assert await ended(idle[0]) == b""
        assert not idle[-1].at_eof()


def test_the_busiest_address_gives_way_first() -> None:
    closed: list[str] = []
    clock = iter(range(1000))
    kept = Door(1024, unauthenticated=8, clock=lambda: float(next(clock)))
    kept.admit("192.0.2.1", lambda: closed.append("the quiet one"))
    for number in range(7):
        kept.admit(f"2001:db8::{number}", lambda number=number: closed.append(f"flood {number}"))
    assert kept.has_room() and kept.has_room()
    assert closed == ["flood 0"]
    kept.admit("2001:db8::9", lambda: closed.append("flood 9"))
    assert kept.has_room()
    assert closed == ["flood 0", "flood 1"]


def test_a_connection_that_has_just_come_is_not_closed_for_the_next() -> None:
    kept = Door(1024, unauthenticated=8, clock=lambda: 5.0)
    for _ in range(8):
        kept.admit("192.0.2.1", lambda: pytest.fail("closed at once"))
    assert not kept.has_room()


async def test_one_token_has_so_many_connections_and_its_idle_ones_give_way(
    tmp_path: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PER_CONSOLE", 2)
    async with a_server(tmp_path, sockets_per_token=2) as server:
        head = f"GET /api/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
        call = f"{head}\r\n".encode()
        readers: list[asyncio.StreamReader] = []
        for _ in range(3):
            reader, _ = await opening(server.url, call)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            readers.append(reader)
        assert server.room.door.authenticated == 2
        async with server.events(), server.events():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with server.events():
                    pass
            assert refused.value.status in (429, 503)
        await until(lambda: server.room.door.authenticated <= 2)


async def test_event_sockets_of_a_token_are_counted(tmp_path: Path) -> None:
    async with a_server(tmp_path, sockets_per_token=2) as server, server.events(), server.events():
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with server.events():
                pass
        assert refused.value.status == 429


async def test_an_agent_that_sends_only_pings_is_disconnected(tmp_path: Path) -> None:
    async with a_server(tmp_path, agent_silent_s=0.2) as server:
        agent = await server.enrol("alpha")
        async with agent.socket() as socket:
            await socket.ping()
            async with asyncio.timeout(30):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    await socket.ping()


async def test_lines_that_an_outsider_causes_come_once(
    tmp_path: Path, opening: Opening, written_logs: io.StringIO
) -> None:
    async with a_server(tmp_path) as server:
        for _ in range(20):
            reader, _ = await opening(server.url, b"GARBAGE\r\n\r\n")
            await ended(reader)
            async with server.http("tw_wrong").get("/api/clients") as response:
                assert response.status == 401
    lines = [json.loads(line) for line in written_logs.getvalue().splitlines()]
    assert [line["event"] for line in lines].count("malformed_request") == 1
    # The first at once; the others together, after a minute or at the end.
    assert [line.get("count") for line in lines if line["event"] == "wrong_token"] == [None, "19"]


async def test_a_handshake_that_does_not_come_ends_the_connection(
    tmp_path: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_S", 0.1)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    pem = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with running_room(
        tmp_path / "data", host="127.0.0.1", port=0, settings=Limits(), tls=ServedTls(tls_context(pem, None))
    ) as (room, info):
        for sent in (b"", b"GET /health HTTP/1.1\r\n\r\n"):
            reader, _ = await opening(info.url, sent)
            assert b"HTTP" not in await ended(reader)
        await until(lambda: room.door.unauthenticated == 0)
        async with aiohttp.ClientSession() as http, http.get(f"{info.url}/health", ssl=trusting) as response:
            assert response.status == 200


async def test_on_this_machine_plain_http_is_answered_beside_the_own_tls(
    tmp_path: Path, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_S", 0.2)
    async with running_room(tmp_path / "data", host="127.0.0.1", port=0, settings=Limits(), tls=OWN_TLS) as (
        room,
        info,
    ):
        for port in (info.port, info.events_port):
            here = f"127.0.0.1:{port}/health"
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://{here}") as response:
                    assert response.status == (200 if port == info.port else 401)
                async with http.get(f"https://{here}", ssl=False) as response:
                    assert response.status == (200 if port == info.port else 401)
        silent, _ = await opening(info.url)
        assert await ended(silent) == b""
        await until(lambda: room.door.unauthenticated == 0)


class FromAfar(socket.socket):
    """A listening socket that all callers reach from another machine."""

    def accept(self) -> Any:
        accepted, (_, port) = super().accept()
        return accepted, ("192.0.2.7", port)


async def test_plain_http_of_another_machine_is_not_answered(tmp_path: Path, opening: Opening) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text="seen")

    files = await asyncio.to_thread(own_certificate, tmp_path, "127.0.0.1")
    context = await asyncio.to_thread(tls_context, *files)
    listening = FromAfar(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)
    server = web.Server(answer)
    acceptor = Acceptor(listening, server, Door(1024), context, plain_on_loopback=True)
    url = f"//127.0.0.1:{listening.getsockname()[1]}"
    try:
        acceptor.start()
        reader, _ = await opening(url, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in await ended(reader)
        async with aiohttp.ClientSession() as http, http.get(f"https:{url}", ssl=False) as response:
            assert await response.text() == "seen"
    finally:
        await acceptor.stop()
        await server.shutdown()
        listening.close()


class NoFiles(socket.socket):
    """A listening socket on a machine where no file can be opened any more."""

    tries = 0

    def accept(self) -> Any:
        self.tries += 1
        raise OSError(errno.EMFILE, "Too many open files")


async def test_accept_that_fails_neither_spins_nor_fills_the_log(
    monkeypatch: pytest.MonkeyPatch, written_logs: io.StringIO
) -> None:
    monkeypatch.setattr(accepting, "FAILED_S", 0.05)
    listening = NoFiles(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)
    server: Any = None
    acceptor = Acceptor(listening, server, Door(1024), None)
    caller = socket.socket()
    caller.setblocking(False)
    caller.connect_ex(listening.getsockname())
    try:
        acceptor.start()
        await until(lambda: listening.tries >= 3)
        assert written_logs.getvalue().count("accept_failed") == 1
    finally:
        await acceptor.stop()
        tries = listening.tries
        caller.close()
        listening.close()
    assert tries == listening.tries


async def test_bodies_wait_for_memory_and_one_token_cannot_take_all() -> None:
    budget = BodyBudget(100, wait_s=0.01)
    async with budget.hold("greedy", 25):
        with pytest.raises(Refused, match="too much"):
            async with budget.hold("greedy", 1):
                pass
        async with budget.hold("modest", 25), budget.hold("third", 25), budget.hold("fourth", 25):
            assert budget.held_bytes == 100
            with pytest.raises(Refused, match="too much"):
                async with budget.hold("fifth", 1):
                    pass
    assert budget.held_bytes == 0
    async with budget.hold("large", 200):
        assert budget.held_bytes == 200
