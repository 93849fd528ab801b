"""The event socket: gapless replay, reset, bounds, and one bad socket that hurts no other."""

import asyncio
import socket as sockets
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from app.server.certificate import own_certificate
from app.server.event_socket import CLOSE_TOO_SLOW
from app.server.hub import Hub
from app.server.limits import Limits
from app.server.ports import tls_context
from app.server.sockets import CLOSE_OK, part, send
from streams.model.base import utc_now
from streams.model.events import (
    Event,
    Ping,
    Pong,
    ProgressFrame,
    Reset,
    SocketProblem,
    StatusFrame,
    Subscribe,
)
from streams.model.runs import Progress
from streams.model.vocabulary import EventKind, ServerState, Topic
from tests.servers import Console, RunningServer, a_server, until

MALFORMED = ("", "{", '{"type":"nonsense"}', '{"type":"resume"}', '{"type":"ping","id":1}', "[" * 1000)


async def happen(server: RunningServer, count: int) -> None:
    record = server.room.catalogue.events.record
    await asyncio.gather(
        *(record(EventKind.SERVER_STARTED, server_state=ServerState.RUNNING) for _ in range(count))
    )


async def test_a_resumed_console_gets_exactly_what_it_missed(running_server: RunningServer) -> None:
    catalogue = running_server.room.catalogue
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.SERVER)
        await happen(running_server, 1)
        seen = await console.event(EventKind.SERVER_STARTED)
    await happen(running_server, 700)
    writing = asyncio.create_task(happen(running_server, 100))
    async with running_server.events() as console:
        await console.resume(catalogue.epoch, seen.seq, Topic.SERVER)
        got: list[int] = []
        while len(got) < 800:
            frame = await console.frame()
            assert isinstance(frame, Event)
            got.append(frame.seq)
        await writing
    assert got == list(range(seen.seq + 1, seen.seq + 801))


async def test_only_the_topics_asked_for_come(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    epoch = running_server.room.catalogue.epoch
    async with running_server.events() as console:
        await console.resume(epoch, 0, Topic.SERVER)
        first = await console.frame()
        assert isinstance(first, Event) and first.kind is EventKind.SERVER_STARTED
        await console.send(Subscribe(topics=(Topic.CLIENTS,)))
        await console.send(Ping(id=7))
        await console.until(lambda frame: isinstance(frame, Pong) and frame.id == 7)
        await happen(running_server, 1)
        path = f"/api/clients/{agent.client_id}"
        async with running_server.console.patch(path, json={"goal_s": 60}) as response:
            assert response.status == 200
        following = await console.frame()
        assert isinstance(following, Event) and following.kind is EventKind.CLIENT_CHANGED


@pytest.mark.parametrize(("epoch", "after"), [("another", 0), (None, 10_000)])
async def test_what_cannot_be_replayed_is_reset(
    running_server: RunningServer, epoch: str | None, after: int
) -> None:
    catalogue = running_server.room.catalogue
    async with running_server.events() as console:
        await console.resume(epoch or catalogue.epoch, after, Topic.SERVER)
        reset = await console.frame()
        assert isinstance(reset, Reset)
        assert (reset.epoch, reset.last_seq) == (catalogue.epoch, catalogue.last_seq)
        await happen(running_server, 1)
        following = await console.frame()
        assert isinstance(following, Event) and following.seq == reset.last_seq + 1


async def test_purged_and_too_many_events_are_reset(tmp_path: Path) -> None:
    async with a_server(tmp_path, replay_events=20) as server:
        await happen(server, 30)
        async with server.events() as console:
            await console.resume(server.room.catalogue.epoch, 1, Topic.SERVER)
            assert isinstance(await console.frame(), Reset)
        await server.room.catalogue.events.purge(keep=5)
        last = server.room.catalogue.last_seq
        async with server.events() as console:
            await console.resume(server.room.catalogue.epoch, last - 10, Topic.SERVER)
            assert isinstance(await console.frame(), Reset)
        async with server.events() as console:
            await console.resume(server.room.catalogue.epoch, last - 5, Topic.SERVER)
            frame = await console.frame()
            assert isinstance(frame, Event) and frame.seq == last - 4


async def test_a_malformed_frame_closes_that_socket_only(running_server: RunningServer) -> None:
    async with running_server.events() as good:
        await good.resume(None)
        for text in MALFORMED:
            async with running_server.events() as bad:
                await bad.socket.send_str(text)
                problem = await bad.frame()
                assert isinstance(problem, SocketProblem) and problem.code == "unreadable_frame", text
                assert await bad.close_code() == 1003
        await happen(running_server, 1)
        await good.event(EventKind.SERVER_STARTED)


async def test_bytes_and_giant_frames_close_the_socket(running_server: RunningServer) -> None:
    async with running_server.events() as console:
        await console.resume(None, 0, Topic.SERVER)
        await console.socket.send_bytes(b"\x00\xff")
        assert await console.close_code() == 1003
    async with running_server.events() as console:
        await console.socket.send_str("x" * 100_000)
        assert await console.close_code() == 1009


async def test_malformed_frames_of_an_agent_close_its_socket(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    async with agent.socket() as socket:
        await socket.receive()
        await socket.send_str('{"type":"progress","run_id":"x"}')
        problem = msgspec.json.decode((await socket.receive()).data)
        assert problem["code"] == "unreadable_frame"
        await socket.receive()
        assert socket.close_code == 1003


async def test_who_does_not_say_where_it_stands_is_closed(tmp_path: Path) -> None:
    async with a_server(tmp_path, resume_s=0.05) as server, server.events() as console:
        assert isinstance(await console.frame(), SocketProblem)
        assert await console.close_code() == 1003


async def test_a_reader_that_does_not_read_is_cut_and_memory_stays_bounded(tmp_path: Path) -> None:
    async with a_server(tmp_path, reader_events=100, send_s=0.2) as server, server.events() as good:
        await good.resume(None, 0, Topic.SERVER)
        reading = asyncio.create_task(_read_on(good))
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (server.info.host, server.info.events_port))
        reader, writer = await asyncio.open_connection(sock=raw)
        head = (
            f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        text = b'{"type":"resume","epoch":null,"after_seq":0,"topics":["server"]}'
        writer.write(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
        await writer.drain()
        await until(lambda: len(server.room.hub) == 2)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        event = await server.room.catalogue.events.record(EventKind.SERVER_STARTED, reason="x")
        assert event.activity is not None
        # Larger than what a reason may be, so that what lies between the two ends is soon full.
        long = msgspec.structs.replace(event.activity, reason="x" * 60_000)
        event = msgspec.structs.replace(event, activity=long)
        for extra in range(1, 1500):
            server.room.hub.publish((msgspec.structs.replace(event, seq=event.seq + extra),))
            assert server.room.hub.lag <= 101
            await asyncio.sleep(0)
            if len(server.room.hub) == 1:
                break
        await until(lambda: len(server.room.hub) == 1)
        # Its connection goes too, though what is in its buffers is never taken.
        await until(lambda: server.room.door.authenticated == 1)
        writer.transport.abort()
        assert not reading.done()
        reading.cancel()


async def _read_on(console: Console) -> None:
    while not console.socket.closed:
        await console.socket.receive()


async def test_each_frame_to_a_peer_that_does_not_read_is_late() -> None:
    late: list[type[BaseException]] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        transport = request.transport
        while len(late) < 2:
            try:
                await send(socket, b"x" * 1_000_000, 0.05)
            except (TimeoutError, asyncio.CancelledError) as error:
                late.append(type(error))
        await part(socket, transport, CLOSE_OK, b"{}")
        return socket

    server = web.Server(serve)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"http://127.0.0.1:{port}"):
            await until(lambda: len(late) == 2)
            await until(lambda: not server.connections)
    finally:
        listening.close()
        await server.shutdown()
    assert late == [TimeoutError, TimeoutError]


async def test_parting_from_a_tls_socket_that_is_closed_already(tmp_path: Path) -> None:
    parted: list[bool] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        transport = request.transport
        assert transport is not None
        transport.close()
        transport.close()
        await part(socket, transport, CLOSE_OK, b"{}")
        parted.append(True)
        return socket

    files = await asyncio.to_thread(own_certificate, tmp_path, "127.0.0.1")
    context = await asyncio.to_thread(tls_context, *files)
    server = web.Server(serve)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"https://127.0.0.1:{port}", ssl=False) as socket,
        ):
            await socket.receive()
            await until(lambda: parted)
    finally:
        listening.close()
        await server.shutdown()


async def test_a_reader_that_lags_hears_why(tmp_path: Path) -> None:
    async with a_server(tmp_path, reader_events=50) as server, server.events() as console:
        await console.resume(None, 0, Topic.SERVER)
        await until(lambda: server.room.hub.listened(Topic.SERVER))
        event = await server.room.catalogue.events.record(EventKind.SERVER_STARTED)
        server.room.hub.publish(msgspec.structs.replace(event, seq=event.seq + n) for n in range(1, 60))
        problem = await console.until(lambda frame: isinstance(frame, SocketProblem))
        assert isinstance(problem, SocketProblem) and problem.code == "too_slow"
        assert await console.close_code() == CLOSE_TOO_SLOW


async def test_status_comes_at_once_and_then_each_interval(tmp_path: Path) -> None:
    async with a_server(tmp_path, sample_s=0.05) as server, server.events() as console:
        await console.resume(None, 0, Topic.STATUS)
        first, second, third = [await console.frame() for _ in range(3)]
        assert isinstance(first, StatusFrame) and isinstance(second, StatusFrame)
        assert isinstance(third, StatusFrame)
        assert third.status.at > second.status.at >= first.status.at
        assert third.status.consoles == 1 and third.status.memory_bytes > 0


async def test_a_revoked_token_closes_its_socket(running_server: RunningServer) -> None:
    tokens = running_server.room.catalogue.tokens
    agent = await running_server.enrol("alpha")
    async with agent.socket() as socket, running_server.events() as console:
        await socket.receive()
        await console.resume(None, 0, Topic.SERVER)
        await until(lambda: running_server.room.hub.listened(Topic.SERVER))
        await tokens.revoke_client(agent.client_id)
        assert msgspec.json.decode((await socket.receive()).data)["code"] == "wrong_token"
        await socket.receive()
        assert socket.close_code == 4401
        info = await tokens.check(running_server.token)
        assert info is not None
        await tokens.revoke(info.id)
        problem = await console.frame()
        assert isinstance(problem, SocketProblem) and problem.code == "wrong_token"
        assert await console.close_code() == 4401


async def test_a_slow_reader_gets_the_newest_of_each_key_only() -> None:
    hub = Hub(Limits())
    reader = hub.attach(1)
    hub.listen(reader, (Topic.PROGRESS,))
    for done in range(1000):
        for run_id in (1, 2):
            progress = Progress(run_id=run_id, client_id="c", client_name="n", at=utc_now(), bytes_done=done)
            hub.publish_conflated(ProgressFrame(runs=(progress,)))
    hub.publish_conflated(ProgressFrame(runs=(), ended=(2,)))
    (payload,) = await reader.take()
    frame = msgspec.json.decode(payload, type=ProgressFrame)
    assert [(progress.run_id, progress.bytes_done) for progress in frame.runs] == [(1, 999)]
    assert frame.ended == (2,)
