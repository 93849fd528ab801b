"""An agent of which only the HTTP port of its server can be reached."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from app.agent import service
from app.agent.address import Address
from app.agent.api import Api
from app.agent.failures import Refusal
from app.agent.index import Index
from app.agent.run_journal import Ledger
from app.wire.http import CHALLENGE, AgentClient, FinishRun, StartRun
from streams.model.runs import Run
from streams.model.vocabulary import ClientState, RunState, RunTrigger
from tests.app.agent.machines import HeldUpload, Server, a_backup, a_server
from tests.servers import until


@pytest.fixture(autouse=True)
def _only_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWATCH_AGENT__HEARTBEAT_S", "0.5")
    monkeypatch.setattr(Address, "events_url", lambda *_: URL("ws://127.0.0.1:9/agent"))


async def stands(server: Server, state: ClientState) -> bool:
    client_id = await server.client_id("laptop")
    return (await server.room.catalogue.clients.one(client_id)).state is state


async def test_a_service_backs_up_and_obeys_over_http_alone(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_server(tmp_path / "data") as server:
        async with a_backup(server, source, tmp_path / "state", "--every", "1d"):
            await server.states(RunState.COMPLETE)
            await until(lambda: stands(server, ClientState.ONLINE))
            client_id = await server.client_id("laptop")
            outcome = await server.room.backups.request([client_id])
            assert outcome.queued == (client_id,)
            await server.states(RunState.COMPLETE, RunState.COMPLETE)
        await until(lambda: stands(server, ClientState.OFFLINE))
        assert capsys.readouterr().err.count("port for events cannot be reached") == 1


async def said(capsys: pytest.CaptureFixture[str], words: str) -> str:
    """Wait until the agent has said so; return all that it has said since it was last asked."""
    heard: list[str] = []

    def in_it() -> bool:
        heard.extend(capsys.readouterr())
        return words in "".join(heard)

    try:
        await until(in_it)
    except TimeoutError:
        raise AssertionError(f"{words!r} was not said, but: {''.join(heard)}") from None
    return "".join(heard)


async def test_a_backup_is_cancelled_over_http_alone(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], held_upload: HeldUpload
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d"),
    ):
        await held_upload.begun()
        (run,) = await server.runs()
        await server.room.running.cancel(run.id)
        assert "laptop: backup cancelled" in await said(capsys, "laptop: backup ")
        assert [run.state for run in await server.runs()] == [RunState.CANCELLED]


async def test_a_client_that_is_shut_out_and_let_in_again_goes_on(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d"),
    ):
        await server.states(RunState.COMPLETE)
        client_id = await server.client_id("laptop")
        await until(lambda: stands(server, ClientState.ONLINE))
        await server.room.backups.disconnect([client_id])
        assert await stands(server, ClientState.DISCONNECTED)
        await said(capsys, "An operator has disconnected this client.")
        await server.room.backups.allow([client_id])
        await until(lambda: stands(server, ClientState.ONLINE))


async def begin_as_clone(server: Server) -> Run:
    """Begin a run as an agent would that has a copy of our state."""
    start = StartRun(trigger=RunTrigger.SCHEDULE, correlation_id="of a clone")
    return await server.room.backups.begin(await server.client_id("laptop"), start)


async def test_a_run_of_a_clone_is_left_alone(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    ending = service.end_left_run

    async def end_left_run(api: Api, index: Index, run_id: int) -> None:
        await ending(api, index, run_id)
        looked_at.append(run_id)

    monkeypatch.setattr(service, "end_left_run", end_left_run)
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d"),
    ):
        await server.states(RunState.COMPLETE)
        run = await begin_as_clone(server)
        await until(lambda: len(looked_at) >= 2)
        assert set(looked_at) == {run.id}
        assert [run.state for run in await server.runs()] == [RunState.COMPLETE, RunState.RUNNING]


COPIED = "its state folder was copied"


async def test_two_clones_at_work_do_not_end_each_others_runs_for_ever(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], held_upload: HeldUpload
) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d"),
    ):
        await held_upload.begun()
        await begin_as_clone(server)
        await said(capsys, COPIED)
        assert [run.state for run in await server.runs()] == [RunState.FAILED, RunState.RUNNING]


@pytest.mark.parametrize("own", [True, False])
async def test_only_the_servers_own_refusal_of_a_token_ends_the_service(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    asked = asyncio.Event()
    headers = CHALLENGE if own else {"WWW-Authenticate": 'Basic realm="proxy"'}

    async def refuse(_: web.Request) -> web.Response:
        asked.set()
        return web.Response(status=401, headers=headers)

    proxy = web.Application()
    proxy.router.add_get("/agent", refuse)
    async with TestServer(proxy) as between, a_server(tmp_path / "data") as server:
        monkeypatch.setattr(Address, "events_url", lambda *_: between.make_url("/agent"))
        async with a_backup(server, source, tmp_path / "state", "--every", "1d") as working:
            if own:
                async with asyncio.timeout(30):
                    assert await working == 2
                return
            await server.states(RunState.COMPLETE)
            await asked.wait()
            await until(lambda: stands(server, ClientState.ONLINE))
            assert not working.done()


@pytest.mark.parametrize("body", ["", '{"code": "unauthorized", "message": "Log in at the portal."}'])
async def test_a_portal_in_between_has_no_say_about_a_token(body: str) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=401, text=body)

    proxy = web.Application()
    proxy.router.add_get("/api/agent/client", refuse)
    async with TestServer(proxy) as between, Api(Address(between.make_url("/")), "token") as api:
        with pytest.raises(Refusal) as raised:
            await api.call("GET", "/api/agent/client", AgentClient)
        assert raised.value.server_code == "http_401"


async def test_a_revoked_token_ends_the_service(source: Path, tmp_path: Path) -> None:
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d") as working,
    ):
        await server.states(RunState.COMPLETE)
        await server.room.catalogue.tokens.revoke_client(await server.client_id("laptop"))
        async with asyncio.timeout(30):
            assert await working == 2


@pytest.mark.parametrize("request_name", ["entries", "finish"])
async def test_a_clone_that_came_and_went_is_told_of_and_the_backup_goes_on(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request_name: str,
) -> None:
    call, came = Api.call, False

    async def after_a_clone(api: Api, method: str, path: str, *args: object, **more: object) -> object:
        nonlocal came
        if path.endswith(f"/{request_name}") and not came:
            came = True
            run = await begin_as_clone(server)
            await server.room.running.finish(run.id, FinishRun(state=RunState.COMPLETE))
        return await call(api, method, path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Api, "call", after_a_clone)
    async with a_server(tmp_path / "data") as server, a_backup(server, source, tmp_path / "state") as working:
        assert await working == 0
        assert COPIED in capsys.readouterr().err
        states = [run.state for run in await server.runs()]
        assert states == [RunState.FAILED, RunState.COMPLETE, RunState.COMPLETE]


async def test_a_clone_that_begins_between_a_look_and_the_own_start_is_noticed(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    held_upload: HeldUpload,
) -> None:
    looked, go_on = asyncio.Event(), asyncio.Event()
    client_of = Ledger._client

    async def client(ledger: Ledger) -> AgentClient:
        found = await client_of(ledger)
        if held_upload.is_begun and found.running_run_id is None:
            looked.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(Ledger, "_client", client)
    async with (
        a_server(tmp_path / "data") as server,
        a_backup(server, source, tmp_path / "state", "--every", "1d"),
    ):
        await held_upload.begun()
        (own,) = await server.runs()
        # As where the server thought for a moment that the agent was gone.
        await server.room.running.fail(own.id, "the agent went away")
        await looked.wait()
        clone = await begin_as_clone(server)
        go_on.set()
        await said(capsys, COPIED)
        runs = await server.runs()
        assert [(run.id, run.state) for run in runs] == [
            (own.id, RunState.FAILED),
            (clone.id, RunState.RUNNING),
        ]
