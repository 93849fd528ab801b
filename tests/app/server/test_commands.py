"""Commands, each really done: shut out and let in, stop and start, cancel, verify, delete, download."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError

from app.wire.agent_socket import Command, CommandAck
from app.wire.http import FinishRun, encode
from streams.model.clients import Client
from streams.model.files import FilePage, FileVersion, VerifyResult
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.vocabulary import ClientState, EventKind, FileState, RunState, ServerState
from tests.servers import Agent, RunningServer, a_server, entry, sha256_of, told, until


def blob_file(server: RunningServer, content: bytes) -> Path:
    name = sha256_of(content)
    (found,) = [path for path in (server.room.data_dir / "store").rglob("*") if name[2:] in path.name]
    return found


async def damage(server: RunningServer, content: bytes) -> None:
    def spoil() -> None:
        file = blob_file(server, content)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.chmod(0o600)
        file.write_bytes(data)

    await asyncio.to_thread(spoil)


async def state_of(server: RunningServer) -> ServerState:
    return ServerState((await server.get("/api/status"))["state"])


async def test_a_disconnected_client_is_out_until_it_is_allowed(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    async with running_server.events() as console, agent.socket() as socket:
        await console.resume(None)
        await told(socket)
        run = await agent.begin()
        body = {"client_ids": [agent.client_id, "nobody"]}
        outcome = await running_server.post("/api/clients/disconnect", body, Outcome)
        assert (outcome.done, outcome.refused) == ((agent.client_id,), {"nobody": "unknown client"})
        assert (await told(socket)).code == "client_disconnected"  # type: ignore[union-attr]
        await socket.receive()
        assert socket.close_code == 4403
        await console.event(EventKind.CLIENT_DISCONNECTED)
        ended = await console.event(EventKind.RUN_FINISHED)
        assert ended.run is not None and (ended.run.id, ended.run.state) == (run.id, RunState.FAILED)
    async with agent.http.post("/api/agent/runs", json={"trigger": "agent"}) as response:
        assert (response.status, (await response.json())["code"]) == (409, "client_disconnected")
    async with agent.socket() as socket:
        assert (await told(socket)).code == "client_disconnected"  # type: ignore[union-attr]
    refused = await running_server.post("/api/backups", {"client_ids": [agent.client_id]}, Outcome)
    assert refused.refused == {agent.client_id: "the client is disconnected"}
    await running_server.post("/api/clients/allow", {"client_ids": [agent.client_id]}, Outcome)
    async with agent.socket() as socket:
        await told(socket)
        client = await running_server.get(f"/api/clients/{agent.client_id}", Client)
        assert client.state is ClientState.ONLINE


async def test_a_revoked_client_is_asked_for_nothing_until_it_is_enrolled_again(tmp_path: Path) -> None:
    async with a_server(tmp_path, run_lost_s=0.1) as server:
        agent = await server.enrol("alpha")
        async with server.events() as console, agent.socket() as socket:
            await console.resume(None)
            await told(socket)
            await agent.begin()
            await server.room.catalogue.tokens.revoke_client(agent.client_id)
            revoked = await console.event(EventKind.CLIENT_REVOKED)
            assert revoked.client is not None and revoked.client.state is ClientState.REVOKED
            ended = await console.event(EventKind.RUN_FINISHED)
            assert ended.run is not None and ended.run.reason == "its token was revoked"
        reason = {agent.client_id: "its token was revoked; it has to be enrolled again"}
        body = {"client_ids": [agent.client_id]}
        for path in ("/api/backups", "/api/clients/disconnect", "/api/clients/allow"):
            outcome = await server.post(path, body, Outcome)
            assert (outcome.done, outcome.queued, outcome.refused) == ((), (), reason)
        client = await server.get(f"/api/clients/{agent.client_id}", Client)
        assert (client.state, client.backup_queued) == (ClientState.REVOKED, False)
        again = await server.enrol("alpha")
        async with again.socket() as socket:
            await told(socket)
            assert (await server.get(f"/api/clients/{agent.client_id}", Client)).state is ClientState.ONLINE


async def test_a_disconnected_client_sends_no_further(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    content, shut_out = os.urandom(20_000_000), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield content[:1_000_000]
        await shut_out.wait()
        for start in range(1_000_000, len(content), 1_000_000):
            yield content[start : start + 1_000_000]

    path = f"/api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)}"
    sending = asyncio.create_task(agent.http.put(path, data=slowly()))
    await until(lambda: running_server.room.uploads.running)
    await running_server.post("/api/clients/disconnect", {"client_ids": [agent.client_id]})
    shut_out.set()
    async with await sending as response:
        assert (response.status, (await response.json())["code"]) == (409, "client_disconnected")


async def test_stop_refuses_new_runs_and_lets_running_ones_end(running_server: RunningServer) -> None:
    agent, other = await running_server.enrol("alpha"), await running_server.enrol("beta")
    run = await agent.begin()
    async with running_server.events() as console:
        await console.resume(None)
        answer = await running_server.post("/api/server/stop", {"timeout_s": None})
        assert answer["state"] == ServerState.STOPPING == await state_of(running_server)
        assert (await console.event(EventKind.SERVER_STOPPING)).server_state is ServerState.STOPPING
        async with other.http.post("/api/agent/runs", json={"trigger": "agent"}) as response:
            assert (response.status, (await response.json())["code"]) == (409, "server_stopped")
        finish = FinishRun(state=RunState.COMPLETE)
        path = f"/api/agent/runs/{run.id}/finish"
        assert (await running_server.post(path, finish, Run, http=agent.http)).state is RunState.COMPLETE
        assert (await console.event(EventKind.SERVER_STOPPED)).server_state is ServerState.STOPPED
        body = {"client_ids": [agent.client_id]}
        refused = await running_server.post("/api/backups", body, Outcome)
        assert refused.refused == {agent.client_id: "the server is stopped"}
        assert (await running_server.post("/api/server/start"))["state"] == ServerState.RUNNING
        assert (await console.event(EventKind.SERVER_STARTED)).server_state is ServerState.RUNNING
    await other.begin()


async def test_stop_with_a_time_ends_what_runs(tmp_path: Path) -> None:
    async with a_server(tmp_path, command_s=0.2) as server:
        agent, silent = await server.enrol("alpha"), await server.enrol("beta")
        async with server.events() as console, agent.socket() as socket, silent.socket():
            await console.resume(None)
            await told(socket)
            obedient, lost = await agent.begin(), await silent.begin()
            await server.post("/api/server/stop", {"timeout_s": 0.05})
            command = await told(socket)
            assert isinstance(command, Command)
            assert (command.kind, command.run_id) == ("cancel", obedient.id)
            assert command.reason == "the server was stopped"
            await socket.send_str(encode(CommandAck(id=command.id, accepted=True)).decode())
            finish = FinishRun(state=RunState.CANCELLED, reason="told to")
            await server.post(f"/api/agent/runs/{obedient.id}/finish", finish, http=agent.http)
            await console.event(EventKind.SERVER_STOPPED)
        rows = {row["id"]: row for row in (await server.get("/api/runs"))["rows"]}
        assert rows[obedient.id]["state"] == RunState.CANCELLED
        assert (rows[lost.id]["state"], rows[lost.id]["reason"]) == ("failed", "the server was stopped")


async def test_cancel_ends_a_run_with_or_without_its_agent(tmp_path: Path) -> None:
    async with a_server(tmp_path, command_s=0.1) as server:
        agent = await server.enrol("alpha")
        run = await agent.begin()
        ended = await server.post(f"/api/runs/{run.id}/cancel", None, Run)
        assert ended.state is RunState.CANCELLED
        async with server.console.post(f"/api/runs/{run.id}/cancel") as response:
            assert (response.status, (await response.json())["code"]) == (409, "run_ended")
        async with server.console.post("/api/runs/999/cancel") as response:
            assert (response.status, (await response.json())["code"]) == (404, "unknown_run")


async def test_a_run_that_the_server_ends_tells_what_has_come(tmp_path: Path) -> None:
    content, enough = os.urandom(20_000_000), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield content[:5_000_000]
        await enough.wait()

    async with a_server(tmp_path, command_s=0.1) as server:
        agent = await server.enrol("alpha")
        for act in ("cancel", "disconnect", "begin"):
            run = await agent.begin(act)
            small = act.encode()
            await agent.put_batch(small)
            body = {"entries": [entry(f"/{act}", small)]}
            await server.post(f"/api/agent/runs/{run.id}/entries", body, dict, http=agent.http)
            path = f"/api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)}"
            wanted = server.room.transfers.received_bytes + 5_000_000
            sending = asyncio.create_task(agent.http.put(path, data=slowly()))
            await until(lambda wanted=wanted: server.room.transfers.received_bytes >= wanted)
            if act == "cancel":
                await server.post(f"/api/runs/{run.id}/cancel", None, Run)
            elif act == "disconnect":
                await server.post("/api/clients/disconnect", {"client_ids": [agent.client_id]}, Outcome)
                await server.post("/api/clients/allow", {"client_ids": [agent.client_id]}, Outcome)
            else:
                await agent.begin("another-one")
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await until(lambda: not server.room.uploads.running)
            content = os.urandom(20_000_000)
            ended = next(row for row in (await server.get("/api/runs"))["rows"] if row["id"] == run.id)
            assert ended["state"] in ("failed", "cancelled"), act
            assert (ended["files_new"], ended["files_seen"]) == (1, 1), act
            assert 5_000_000 < ended["bytes_sent"] < 6_000_000, act


async def test_a_run_whose_agent_is_gone_fails(tmp_path: Path) -> None:
    async with a_server(tmp_path, run_lost_s=0.05) as server, server.events() as console:
        await console.resume(None)
        agent = await server.enrol("alpha")
        run = await agent.begin()
        ended = await console.event(EventKind.RUN_FINISHED)
        assert ended.run is not None and ended.run.id == run.id
        assert (ended.run.state, ended.run.reason) == (RunState.FAILED, "the agent went away")


async def test_a_restart_ends_open_runs_and_marks_all_offline(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        async with agent.socket() as socket:
            await told(socket)
            await agent.begin()
            epoch, token = server.room.catalogue.epoch, server.token
    async with a_server(tmp_path) as server:
        assert (server.room.catalogue.epoch, server.token) == (epoch, token)
        assert server.info.new_token is None
        (run,) = (await server.get("/api/runs"))["rows"]
        assert (run["state"], run["reason"]) == ("failed", "the server was restarted")
        (client,) = (await server.get("/api/clients"))["clients"]
        assert client["state"] == "offline"


async def backed_up(server: RunningServer, files: dict[str, bytes]) -> tuple[Agent, dict[str, int]]:
    agent = await server.enrol("alpha")
    await agent.back_up(files)
    page = await server.get("/api/files", FilePage)
    return agent, {row.path: row.id for row in page.rows}


async def test_verify_finds_the_damaged_and_says_so(running_server: RunningServer) -> None:
    good, bad = os.urandom(5000), os.urandom(5000)
    agent, ids = await backed_up(running_server, {"/good": good, "/bad": bad})
    await damage(running_server, bad)
    async with running_server.events() as console:
        await console.resume(None)
        body = {"file_ids": list(ids.values())}
        result = await running_server.post("/api/files/verify", body, VerifyResult)
        assert (result.checked, result.damaged) == (2, ("/bad",))
        await console.event(EventKind.FILE_DAMAGED)
    page = await running_server.get("/api/files", FilePage)
    assert {row.path: row.state for row in page.rows} == {
        "/good": FileState.VERIFIED,
        "/bad": FileState.DAMAGED,
    }
    (transfer,) = await running_server.get("/api/transfers")
    assert (transfer["kind"], transfer["state"]) == ("verify", "failed")
    assert transfer["done_bytes"] == transfer["total_bytes"] == 10_000
    version = next(row.version_id for row in page.rows if row.path == "/bad")
    async with running_server.console.get(f"/api/versions/{version}/content") as response:
        assert (response.status, (await response.json())["code"]) == (410, "damaged")
    everything = await running_server.post("/api/verify", None, VerifyResult)
    assert everything.damaged == ("/bad",)
    path = f"/api/clients/{agent.client_id}/verify"
    assert (await running_server.post(path, None, VerifyResult)).checked == 2


async def test_a_download_never_ends_well_with_wrong_bytes(running_server: RunningServer) -> None:
    small, large = os.urandom(1000), os.urandom(9_000_000)
    agent = await running_server.enrol("alpha")
    await agent.put(large)
    await agent.back_up({"/small": small})
    run = await agent.begin()

    body = {"entries": [entry("/large", large)]}
    await running_server.post(f"/api/agent/runs/{run.id}/entries", body, http=agent.http)
    await damage(running_server, small)
    await damage(running_server, large)
    page = await running_server.get("/api/files", FilePage)
    versions = {row.path: row.version_id for row in page.rows}
    async with running_server.console.get(f"/api/versions/{versions['/small']}/content") as response:
        assert (response.status, (await response.json())["code"]) == (410, "damaged")
    async with running_server.console.get(f"/api/versions/{versions['/large']}/content") as response:
        if response.status == 200:
            with pytest.raises(ClientPayloadError):
                await response.read()
        else:
            assert response.status == 410
    states = {row.path: row.state for row in (await running_server.get("/api/files", FilePage)).rows}
    assert states == {"/small": FileState.DAMAGED, "/large": FileState.DAMAGED}


RANGES = (
    ("bytes=0-9", 206, 0, 10),
    ("bytes=100000-", 206, 100_000, 300_000),
    ("bytes=-5", 206, 299_995, 300_000),
    ("bytes=299999-999999", 206, 299_999, 300_000),
    ("bytes=300000-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=9-5", 416, 0, 0),
    ("bytes=1-2,5-6", 200, 0, 300_000),
    ("nonsense", 200, 0, 300_000),
)


async def test_ranges(running_server: RunningServer) -> None:
    content = os.urandom(150_000) + b"0" * 150_000
    agent = await running_server.enrol("alpha")
    await agent.put(content)
    run = await agent.begin()
    body = {"entries": [entry("/a", content)]}
    await running_server.post(f"/api/agent/runs/{run.id}/entries", body, http=agent.http)
    page = await running_server.get("/api/files", FilePage)
    url = f"/api/versions/{page.rows[0].version_id}/content"
    for asked, status, start, end in RANGES:
        async with running_server.console.get(url, headers={"Range": asked}) as response:
            got = await response.read()
            assert response.status == status, asked
            if status == 206:
                assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(content)}"
            if status == 416:
                assert response.headers["Content-Range"] == f"bytes */{len(content)}"
            else:
                assert got == content[start:end], asked
    async with running_server.console.get(
        url, headers={"If-None-Match": page.rows[0].sha256 or ""}
    ) as response:
        assert response.status == 200
    tag = f'"{page.rows[0].sha256}"'
    async with running_server.console.get(url, headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_delete_and_undelete(running_server: RunningServer) -> None:
    _, ids = await backed_up(running_server, {"/a": b"a", "/b": b"b"})
    outcome = await running_server.post("/api/files/delete", {"file_ids": [ids["/a"], 999]}, Outcome)
    assert outcome.done == (str(ids["/a"]),) and set(outcome.refused) == {"999"}
    assert [row.path for row in (await running_server.get("/api/files", FilePage)).rows] == ["/b"]
    await running_server.post("/api/files/undelete", {"file_ids": [ids["/a"]]}, Outcome)
    assert len((await running_server.get("/api/files", FilePage)).rows) == 2
    path = f"/api/files/{ids['/a']}/versions"
    assert len(await running_server.get(path, list[FileVersion])) == 1


async def test_goals_and_load_and_forecast(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    path = f"/api/clients/{agent.client_id}"
    async with running_server.console.patch(path, json={"goal_s": 3600}) as response:
        assert (await response.json())["goal_s"] == 3600
    async with running_server.console.patch(path, json={"goal_s": -1}) as response:
        assert (response.status, (await response.json())["code"]) == (400, "bad_request")
    await until(running_server.room.status.newest)
    assert (await running_server.get("/api/storage/forecast"))["disk_total_bytes"] > 0
    async with running_server.console.get("/metrics") as response:
        text = await response.text()
        assert "tidewatch_clients 1.0" in text and response.content_type == "text/plain"
