"""Removing a client for good, over the wire: its agent, its run, its files and their contents."""

from streams.model.clients import ClientHoldings
from streams.model.files import FilePage
from streams.model.vocabulary import EventKind, RunState
from tests.servers import RunningServer, sha256_of, told, until


async def remove(server: RunningServer, client_id: str) -> ClientHoldings:
    async with server.console.delete(f"/api/clients/{client_id}") as response:
        assert response.status == 200, await response.text()
        return ClientHoldings(**await response.json())


async def test_a_client_that_backs_up_is_shut_out_and_gone(running_server: RunningServer) -> None:
    agent, other = await running_server.enrol("alpha"), await running_server.enrol("beta")
    await agent.back_up({"/a": b"only alpha has this", "/b": b"both have this"})
    await other.back_up({"/c": b"both have this"})
    store = running_server.room.store
    async with running_server.events() as console, agent.socket() as socket:
        await console.resume(None)
        await told(socket)
        run = await agent.begin()
        held = await remove(running_server, agent.client_id)
        assert (held.name, held.files, held.runs) == ("alpha", 2, 2)
        ended = await console.event(EventKind.RUN_FINISHED)
        assert ended.run is not None and (ended.run.id, ended.run.state) == (run.id, RunState.FAILED)
        gone = await console.event(EventKind.CLIENT_REMOVED)
        assert gone.removed is not None and gone.removed.id == agent.client_id
        assert (await told(socket)).code == "client_disconnected"  # type: ignore[union-attr]
    async with agent.http.post("/api/agent/runs", json={"trigger": "agent"}) as response:
        assert response.status == 401
    names = [client["name"] for client in (await running_server.get("/api/clients"))["clients"]]
    assert names == ["beta"]
    page = await running_server.get("/api/files", FilePage)
    assert [row.path for row in page.rows] == ["/c"]

    async def collected() -> bool:
        return not await store.has(sha256_of(b"only alpha has this"))

    await until(collected)
    version = page.rows[0].version_id
    async with running_server.console.get(f"/api/versions/{version}/content") as response:
        assert await response.read() == b"both have this"


async def test_nothing_is_kept_for_a_client_that_is_gone(running_server: RunningServer) -> None:
    agent, room = await running_server.enrol("alpha"), running_server.room
    asked = await running_server.post("/api/backups", {"client_ids": [agent.client_id]})
    assert asked["queued"] == [agent.client_id]
    hub, backups = room.presence, room.backups

    def kept() -> int:
        places = (hub._heard, hub._unwritten, hub._polled_until, hub._unsettled, hub._locks, backups._locks)
        return sum(agent.client_id in held for held in places)

    async with agent.http.get("/api/agent/client", params={"poll_s": 60}) as response:
        assert response.status == 200
    async with agent.socket() as socket:
        await told(socket)
        assert kept() >= 3, "there is something to forget"
        await remove(running_server, agent.client_id)
    await until(lambda: kept() == 0)


async def test_a_client_is_removed_once(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    await remove(running_server, agent.client_id)
    async with running_server.console.delete(f"/api/clients/{agent.client_id}") as response:
        assert (response.status, (await response.json())["code"]) == (404, "unknown_client")
