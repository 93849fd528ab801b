"""Destruction is delayed: a client is marked, shut out, shown, and removed only when its time has come."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.server.removal import settled_keep
from app.server.retention import tidy
from streams.model.base import utc_now
from streams.model.clients import Client, ClientHoldings
from streams.model.files import FilePage
from streams.model.vocabulary import ClientState, EventKind
from tests.servers import RunningServer, a_server


async def ordered(server: RunningServer, method: str, path: str) -> tuple[int, Any]:
    async with server.console.request(method, path) as response:
        return response.status, await response.json()


async def test_runs_that_are_protected_stand_behind_a_page(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        ids = [(await agent.back_up({"/a": str(number).encode()})).id for number in range(5)]
        for run_id in (ids[0], ids[4]):
            await ordered(server, "POST", f"/api/runs/{run_id}/protection")
        query = f"/api/runs?client_id={agent.client_id}&limit=2"
        page = await server.get(f"{query}&and_protected=true")
        assert [run["id"] for run in page["rows"]] == [ids[4], ids[3], ids[0]]
        assert page["next_before"] == ids[3]
        assert len((await server.get(query))["rows"]) == 2


async def client(server: RunningServer, client_id: str) -> Client:
    return await server.get(f"/api/clients/{client_id}", Client)


async def make_due(server: RunningServer, client_id: str) -> None:
    """Let the time of a marked client have come."""
    holds = server.room.catalogue.holds
    await holds.unmark(client_id)
    await holds.mark(client_id, timedelta(seconds=-1))


async def test_a_client_is_marked_shut_out_and_kept_until_its_time(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"only copy"})
        status, told = await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        assert status == 200
        marked = await client(server, agent.client_id)
        assert marked.destroy_at is not None and marked.state is ClientState.DISCONNECTED
        left = marked.destroy_at - utc_now()
        assert timedelta(hours=71.9) < left <= timedelta(hours=72)
        assert told["destroy_at"] is not None and told["files"] == 1
        async with agent.http.post("/api/agent/runs", json={"trigger": "agent"}) as response:
            assert response.status == 409
        # Neither allowing it nor a second order moves its time.
        outcome = await server.post("/api/clients/allow", {"client_ids": [agent.client_id]})
        assert agent.client_id in outcome["refused"]
        await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        assert (await client(server, agent.client_id)).destroy_at == marked.destroy_at
        await server.room.removal.destroy_due()
        assert (await server.get("/api/files", FilePage)).rows
        kinds = [line["kind"] for line in await server.get("/api/activity")]
        assert kinds[0] == EventKind.REMOVAL_PLANNED


async def test_the_mark_is_taken_back(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        assert (await ordered(server, "POST", f"/api/clients/{agent.client_id}/keep"))[0] == 409
        await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        status, told = await ordered(server, "POST", f"/api/clients/{agent.client_id}/keep")
        assert (status, told.get("destroy_at")) == (200, None)
        await agent.back_up({"/a": b"again"})


async def test_what_is_due_is_removed_and_noted(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"a"})
        await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        await make_due(server, agent.client_id)
        await server.room.removal.destroy_due()
        assert (await server.get("/api/clients"))["clients"] == []
        page = await server.get("/api/logs?sources=audit")
        assert page["lines"][0]["message"] == "client removed"
        assert page["lines"][0]["fields"]["who"] == "server"


async def test_what_is_protected_is_not_removed(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        run = await agent.back_up({"/a": b"a"})
        for path in (f"/api/clients/{agent.client_id}", f"/api/runs/{run.id}"):
            assert (await ordered(server, "POST", f"{path}/protection"))[0] == 200
            status, told = await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
            assert (status, told["code"]) == (409, "protected")
            assert (await client(server, agent.client_id)).state is not ClientState.DISCONNECTED
            assert (await ordered(server, "DELETE", f"{path}/protection"))[0] == 200
        await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        await make_due(server, agent.client_id)
        await ordered(server, "POST", f"/api/runs/{run.id}/protection")
        await server.room.removal.destroy_due()
        assert (await client(server, agent.client_id)).destroy_at is not None, "it waits"


@pytest.mark.parametrize("how", ["kept", "marked anew", "protected", "run protected"])
async def test_what_is_kept_or_protected_while_it_is_about_to_go_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It was due when the server looked, and what it had was counted; then an order came in between."""
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent, other = await server.enrol("alpha"), await server.enrol("beta")
        run = await agent.back_up({"/a": b"only copy"})
        catalogue = server.room.catalogue
        for client_id in (agent.client_id, other.client_id):
            await catalogue.holds.mark(client_id, timedelta(seconds=-1))
        holdings = catalogue.removal.holdings

        async def ordered_meanwhile(client_id: str) -> ClientHoldings:
            held = await holdings(client_id)
            if client_id == agent.client_id:
                if how in ("kept", "marked anew"):
                    await catalogue.holds.unmark(client_id)
                if how == "marked anew":
                    await catalogue.holds.mark(client_id, timedelta(hours=72))
                if how == "protected":
                    await catalogue.holds.protect(client_id, protected=True)
                if how == "run protected":
                    await catalogue.holds.protect_run(run.id, protected=True)
            return held

        monkeypatch.setattr(catalogue.removal, "holdings", ordered_meanwhile)
        await server.room.removal.destroy_due()
        left = (await server.get("/api/clients"))["clients"]
        assert [client["name"] for client in left] == ["alpha"], "and nothing keeps the other one"
        assert left[0]["file_count"] == 1


async def test_an_order_to_remove_at_once_meets_a_protection_that_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"only copy"})
        catalogue = server.room.catalogue
        holdings = catalogue.removal.holdings

        async def protected_meanwhile(client_id: str) -> ClientHoldings:
            await catalogue.holds.protect(client_id, protected=True)
            return await holdings(client_id)

        monkeypatch.setattr(catalogue.removal, "holdings", protected_meanwhile)
        status, told = await ordered(server, "DELETE", f"/api/clients/{agent.client_id}")
        assert (status, told["code"]) == (409, "protected")
        assert (await client(server, agent.client_id)).file_count == 1


async def test_the_purge_spares_what_is_protected(tmp_path: Path) -> None:
    async with a_server(tmp_path, keep_deleted_days=0) as server:
        agent = await server.enrol("alpha")
        kept = await agent.back_up({"/a": b"a"})
        await agent.back_up({"/b": b"b"})
        await ordered(server, "POST", f"/api/runs/{kept.id}/protection")
        rows = (await server.get("/api/files", FilePage)).rows
        await server.post("/api/files/delete", {"file_ids": [row.id for row in rows]})
        room = server.room
        await tidy(room.catalogue, room.store, room.limits)
        left = (await server.get("/api/files?state=deleted", FilePage)).rows
        assert [row.path for row in left] == ["/a"]
        await ordered(server, "DELETE", f"/api/runs/{kept.id}/protection")
        await tidy(room.catalogue, room.store, room.limits)
        assert not (await server.get("/api/files?state=deleted", FilePage)).rows


async def test_a_shorter_retention_holds_only_after_the_delay(tmp_path: Path) -> None:
    for days, hours, keeps_days, delays_h in (
        (30, 72, 30, 72),
        (1, 72, 30, 72),
        (1, 0, 30, 72),
        (40, 80, 40, 80),
    ):
        async with a_server(tmp_path, keep_deleted_days=days, destroy_delay_h=hours) as server:
            room = server.room
            assert await room.removal.delay() == timedelta(hours=delays_h)
            assert await settled_keep(room.catalogue, room.limits) == timedelta(days=keeps_days)


async def test_a_stolen_operating_token_destroys_nothing(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=72) as server:
        agent = await server.enrol("alpha")
        run = await agent.back_up({"/a": b"only copy"})
        made = await server.post("/api/tokens", {"name": "stolen", "scopes": ["operate"]})
        thief = server.http(made["secret"])
        for method, path in (
            ("DELETE", f"/api/clients/{agent.client_id}"),
            ("DELETE", f"/api/clients/{agent.client_id}/protection"),
            ("DELETE", f"/api/runs/{run.id}/protection"),
            ("DELETE", f"/api/tokens/{made['token']['id']}"),
            ("POST", "/api/tokens"),
            ("GET", f"/api/tree?client_id={agent.client_id}"),
        ):
            async with thief.request(method, path, json={"name": "x", "scopes": []}) as response:
                assert response.status == 403, path
        rows = (await server.get("/api/files", FilePage)).rows
        async with thief.post("/api/files/delete", json={"file_ids": [rows[0].id]}) as response:
            assert response.status == 200
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        await server.post("/api/files/undelete", {"file_ids": [rows[0].id]})
        async with server.console.get(f"/api/versions/{rows[0].version_id}/content") as response:
            assert await response.read() == b"only copy"
