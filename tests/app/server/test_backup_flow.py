"""The way of a backup: enrol, run, send, resume after a cut, name, finish; and what is seen of it."""

import asyncio
import io
import os
from pathlib import Path

import msgspec

from app.wire.agent_socket import AgentHello, AgentProgress, Command, CommandAck
from app.wire.blob_batch import decode_batch, encode_batch
from app.wire.http import (
    Accepted,
    AgentClient,
    AgentRun,
    Entries,
    FinishRun,
    StartRun,
    Vanished,
    VersionIds,
    encode,
)
from streams.model.clients import Client
from streams.model.events import ProgressFrame, TransferFrame
from streams.model.files import FilePage
from streams.model.outcome import Outcome
from streams.model.runs import Run, RunPage
from streams.model.server import Transfer
from streams.model.vocabulary import ClientState, EventKind, RunState, RunTrigger, TransferState
from tests.servers import Agent, RunningServer, a_server, entry, sha256_of, told, until


async def received(server: RunningServer, agent: Agent, content: bytes) -> int:
    body = {"hashes": [sha256_of(content)]}
    answer = await server.post("/api/agent/blobs/missing", body, http=agent.http)
    return answer["missing"][0]["received_bytes"] if answer["missing"] else len(content)


async def test_a_whole_backup_is_seen_and_kept(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    async with running_server.events() as console:
        await console.resume(None)
        files = {"/docs/a.txt": b"a" * 100, "/docs/b.bin": b"b" * 5000, "/empty": b""}
        run = await agent.back_up(files)
        started = await console.event(EventKind.RUN_STARTED)
        finished = await console.event(EventKind.RUN_FINISHED)
    assert (run.state, run.files_seen) == (RunState.COMPLETE, 3)
    assert started.run is not None and started.run.id == run.id
    assert finished.client is not None and finished.client.last_success_at is not None
    page = await running_server.get("/api/files", FilePage)
    assert [row.path for row in page.rows] == ["/docs/a.txt", "/docs/b.bin", "/empty"]
    for row in page.rows:
        async with running_server.console.get(f"/api/versions/{row.version_id}/content") as response:
            assert await response.read() == files[row.path]
            assert response.headers["ETag"] == f'"{row.sha256}"'
    history = await running_server.get("/api/runs?limit=5", RunPage)
    assert [row.id for row in history.rows] == [run.id]
    assert (await running_server.get("/api/files/summary"))["file_count"] == 3


async def test_an_upload_goes_on_where_it_was_cut(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    content = os.urandom(3_000_000)

    async def half() -> None:
        reader, writer = await asyncio.open_connection(running_server.info.host, running_server.info.port)
        head = (
            f"PUT /api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)} HTTP/1.1\r\n"
            f"Host: x\r\nAuthorization: Bearer {agent.token}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content[:1_500_000])
        await writer.drain()
        await until(lambda: running_server.room.transfers.received_bytes >= 1_400_000)
        writer.transport.abort()
        del reader

    await half()
    await until(lambda: running_server.room.uploads.running == 0)
    kept = await received(running_server, agent, content)
    assert 1_000_000 < kept <= 1_500_000
    wrong = f"/api/agent/blobs/{sha256_of(content)}?offset={kept + 1}&size={len(content)}"
    async with agent.http.put(wrong, data=io.BytesIO(content[kept + 1 :])) as response:
        assert (response.status, (await response.json())["code"]) == (409, "offset_mismatch")
    await agent.put(content, kept)
    assert await received(running_server, agent, content) == len(content)
    transfers = await running_server.get("/api/transfers")
    assert {transfer["label"] for transfer in transfers} == {""}, "nobody knows a content by its hash"
    states = [transfer["state"] for transfer in transfers]
    assert states[0] in ("cancelled", "failed") and states[-1] == TransferState.COMPLETE


async def test_wrong_bytes_are_refused_and_nothing_else_is_lost(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    good, bad = b"good", b"bad"
    body = encode_batch([(sha256_of(good), good), (sha256_of(bad), b"not bad")])
    async with agent.http.post("/api/agent/blobs/batch", data=body) as response:
        answer = await response.json()
        assert (response.status, answer["code"]) == (422, "hash_mismatch")
        assert sha256_of(bad) in answer["message"] + answer["detail"]
    assert await received(running_server, agent, good) == len(good)
    url = f"/api/agent/blobs/{sha256_of(bad)}?offset=0&size=3"
    async with agent.http.put(url, data=b"BAD") as response:
        assert (response.status, (await response.json())["code"]) == (422, "hash_mismatch")
    async with agent.http.post("/api/agent/blobs/batch", data=body[:50]) as response:
        assert (response.status, (await response.json())["code"]) == (400, "bad_request")


async def test_a_name_is_not_acknowledged_before_its_bytes(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    run = await agent.begin()
    body = {"entries": [entry("/a", b"never sent")]}
    async with agent.http.post(f"/api/agent/runs/{run.id}/entries", data=encode(body)) as response:
        assert (response.status, (await response.json())["code"]) == (409, "blobs_missing")


async def test_finishing_twice_is_no_fault_but_adding_after_the_end_is(
    running_server: RunningServer,
) -> None:
    agent = await running_server.enrol("alpha")
    run = await agent.begin()
    path = f"/api/agent/runs/{run.id}"
    for _ in range(2):
        finish = FinishRun(state=RunState.PARTIAL, reason="one file could not be read", files_failed=1)
        ended = await running_server.post(f"{path}/finish", finish, Run, http=agent.http)
        assert ended.state is RunState.PARTIAL
    async with agent.http.post(
        f"{path}/entries", data=encode({"entries": [entry("/empty", b"")]})
    ) as response:
        assert (response.status, (await response.json())["code"]) == (409, "run_ended")
    async with agent.http.post(f"{path}/finish", data=b'{"state":"running"}') as response:
        assert response.status == 400


async def test_an_open_socket_is_what_makes_a_client_online(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    client = running_server.room.roster.get(agent.client_id)
    assert client is not None and client.state is ClientState.NEVER
    async with running_server.events() as console:
        await console.resume(None)
        async with agent.socket() as socket:
            hello = await told(socket)
            assert isinstance(hello, AgentHello) and hello.client.state is ClientState.ONLINE
            await console.event(EventKind.CLIENT_ONLINE)
        await console.event(EventKind.CLIENT_OFFLINE)


async def test_a_quick_reconnect_does_not_flicker(tmp_path: Path) -> None:
    async with a_server(tmp_path, offline_grace_s=3600) as server:
        agent = await server.enrol("alpha")
        async with agent.socket() as socket:
            await told(socket)
        await until(lambda: not server.room.agents.connected(agent.client_id))
        async with agent.socket() as socket:
            await told(socket)
            seq = server.room.catalogue.last_seq
            await server.room.presence.settle(agent.client_id)  # what is done when the grace is over
            assert server.room.catalogue.last_seq == seq


async def test_the_second_socket_of_a_client_replaces_the_first(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    async with agent.socket() as first:
        await told(first)
        async with agent.socket() as second:
            await told(second)
            assert (await told(first)).code == "replaced"  # type: ignore[union-attr]
            await first.receive()
            assert first.close_code == 4409
            assert running_server.room.agents.connected(agent.client_id)


async def test_progress_becomes_a_frame_with_rate_and_time_left(running_server: RunningServer) -> None:
    agent, other = await running_server.enrol("alpha"), await running_server.enrol("beta")
    async with running_server.events() as console, agent.socket() as socket, other.socket() as foreign:
        await console.resume(None)
        await told(socket)
        run = await agent.begin()
        for done in (1_000_000, 2_000_000):
            progress = AgentProgress(run_id=run.id, bytes_done=done, bytes_total=4_000_000, files_done=1)
            await socket.send_str(encode(progress).decode())
            lie = AgentProgress(run_id=run.id, bytes_done=7, bytes_total=8)
            await foreign.send_str(encode(lie).decode())
        frame = await console.until(
            lambda frame: (
                isinstance(frame, ProgressFrame)
                and bool(frame.runs)
                and frame.runs[0].bytes_done == 2_000_000
            )
        )
        assert isinstance(frame, ProgressFrame)
        (progress,) = frame.runs
        assert progress.client_name == "alpha" and progress.rate_bps > 0 and progress.eta_s is not None
        active = await running_server.get("/api/runs/active")
        assert [row["id"] for row in active["runs"]] == [run.id]
        assert active["progress"][0]["bytes_done"] == 2_000_000
        await running_server.post(
            f"/api/agent/runs/{run.id}/finish", FinishRun(state=RunState.COMPLETE), http=agent.http
        )
        await console.until(lambda frame: isinstance(frame, ProgressFrame) and run.id in frame.ended)


async def test_a_forced_backup_reaches_who_is_there_and_waits_for_who_is_not(
    running_server: RunningServer,
) -> None:
    agent, away = await running_server.enrol("alpha"), await running_server.enrol("beta")

    async def obey(socket: object, accepted: bool = True) -> None:
        command = await told(socket)  # type: ignore[arg-type]
        assert isinstance(command, Command) and command.kind == "backup"
        ack = CommandAck(id=command.id, accepted=accepted, reason=None if accepted else "busy")
        await socket.send_str(encode(ack).decode())  # type: ignore[attr-defined]

    async with agent.socket() as socket:
        await told(socket)
        obeying = asyncio.create_task(obey(socket))
        outcome = await running_server.post("/api/backups", {"client_ids": None}, Outcome)
        await obeying
        assert (outcome.done, outcome.queued, outcome.refused) == ((agent.client_id,), (away.client_id,), {})
        earlier = await agent.begin("the-one-that-was-asked-for")
        assert earlier.id > outcome.after_run
        finish = FinishRun(state=RunState.COMPLETE)
        await running_server.post(f"/api/agent/runs/{earlier.id}/finish", finish, Run, http=agent.http)
        obeying = asyncio.create_task(obey(socket, accepted=False))
        body = {"client_ids": [agent.client_id, "nobody"]}
        outcome = await running_server.post("/api/backups", body, Outcome)
        await obeying
        assert outcome.refused == {agent.client_id: "busy", "nobody": "unknown client"}
    client = await running_server.get(f"/api/clients/{away.client_id}", Client)
    assert client.backup_queued
    async with away.socket() as socket:
        await told(socket)
        await obey(socket)
        await until(lambda: not running_server.room.roster.get(away.client_id).backup_queued)  # type: ignore[union-attr]
    again = await running_server.post("/api/backups", {"client_ids": [away.client_id]}, Outcome)
    assert again.after_run == earlier.id


async def test_uploads_of_one_client_take_turns(tmp_path: Path) -> None:

    async with a_server(tmp_path, uploads_per_client=1, uploads_waiting=1) as server:
        agent = await server.enrol("alpha")
        blocks = [os.urandom(2_000_000) for _ in range(3)]
        go = asyncio.Event()

        async def slowly(content: bytes):  # type: ignore[no-untyped-def]
            yield content[:1000]
            await go.wait()
            yield content[1000:]

        async def put(content: bytes) -> tuple[int, str | None]:
            url = f"/api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)}"
            async with agent.http.put(url, data=slowly(content)) as response:
                await response.read()
                return response.status, response.headers.get("Retry-After")

        async with server.events() as console:
            await console.resume(None)
            first = asyncio.create_task(put(blocks[0]))
            await until(lambda: server.room.uploads.running == 1)
            second = asyncio.create_task(put(blocks[1]))
            await until(lambda: server.room.uploads.waiting == 1)
            assert await put(blocks[2]) == (429, "1")
            go.set()
            assert (await first)[0] == (await second)[0] == 200
            await console.until(
                lambda frame: (
                    isinstance(frame, TransferFrame)
                    and any(transfer.state is TransferState.COMPLETE for transfer in frame.transfers)
                )
            )


async def test_small_contents_of_several_versions_come_in_one_answer(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    small = {"/a": b"a", "/same": b"a", "/b": b"b" * 1000, "/bad": b"bad" * 1000}
    await agent.back_up(small)
    page = await running_server.get("/api/files", FilePage)
    (stored,) = [
        path
        for path in (running_server.info.database_path.parent / "store").rglob("*")
        if path.name.startswith(sha256_of(small["/bad"])[2:])
    ]
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    asked = encode(VersionIds(version_ids=(*(row.version_id for row in page.rows), 999)))
    async with running_server.console.post("/api/versions/contents", data=asked) as response:
        assert response.status == 200
        answered = dict(decode_batch(await response.read()))
    assert answered == {sha256_of(content): content for content in (b"a", small["/b"])}
    transfers = await running_server.get("/api/transfers", list[Transfer])
    assert [(each.label, each.state) for each in transfers] == [("3 small files", TransferState.COMPLETE)]
    too_many = encode(VersionIds(version_ids=tuple(range(1001))))
    async with running_server.console.post("/api/versions/contents", data=too_many) as response:
        assert response.status == 400


async def test_an_agent_is_told_the_revision_of_its_tree(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    async with agent.http.get("/api/agent/client") as response:
        before = msgspec.json.decode(await response.read(), type=AgentClient).revision
    start = StartRun(trigger=RunTrigger.SCHEDULE)
    run = await running_server.post("/api/agent/runs", start, AgentRun, http=agent.http)
    assert run.revision == before
    await agent.put_batch(b"x")
    path, body = f"/api/agent/runs/{run.id}", Entries(entries=(entry("/a", b"x"),))
    added = await running_server.post(f"{path}/entries", body, Accepted, http=agent.http)
    assert (added.accepted, added.revision_before) == (1, before)
    gone = await running_server.post(
        f"{path}/vanished", Vanished(raw_paths=(b"/a",)), Accepted, http=agent.http
    )
    assert (gone.accepted, gone.revision_before) == (1, added.revision)
    ended = await running_server.post(
        f"{path}/finish", FinishRun(state=RunState.COMPLETE), AgentRun, http=agent.http
    )
    assert ended.revision == gone.revision
