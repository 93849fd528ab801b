"""Stolen tokens: every route is tried with them, at a server with two clients' only copies."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.catalogue import console_tokens, enrolments
from app.server.dispatch import Route
from app.server.retention import tidy
from app.server.routes import ROUTES
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.files import FilePage, FileQuery
from streams.model.logs import LogPage
from streams.model.tokens import NewToken
from streams.model.vocabulary import FileState, Scope
from tests.servers import Agent, RunningServer, a_server, sha256_of

SECRET = b"the only copy of what nobody else may read"
KEEP_H = 72.0


async def stolen(server: RunningServer, *scopes: Scope) -> aiohttp.ClientSession:
    """Return a session with a token of these scopes."""
    body = {"name": f"stolen {'-'.join(scopes)}", "scopes": scopes}
    return server.http((await server.post("/api/tokens", body, NewToken)).secret)


async def furnished(server: RunningServer) -> tuple[Agent, Agent, int]:
    """Return two clients that have backed up, and the file of the first."""
    alpha, beta = await server.enrol("alpha"), await server.enrol("beta")
    await alpha.back_up({"/secret": SECRET})
    await beta.back_up({"/other": b"other"})
    found = await server.room.catalogue.files.page(FileQuery(text="/secret"))
    return alpha, beta, found.rows[0].id


def bodies(route: Route, alpha: Agent, file_id: int) -> Any:
    """Return what does the most harm with a route."""
    match route.path:
        case "/api/server/stop":
            return {"timeout_s": 0}
        case "/api/clients/disconnect" | "/api/backups":
            return {"client_ids": [alpha.client_id]}
        case "/api/files/delete" | "/api/files/verify":
            return {"file_ids": [file_id]}
        case "/api/clients/{client_id}":
            return {"goal_s": 300_000_000.0}
        case "/api/clients/{client_id}/quota":
            return {"quota_bytes": 1}
        case "/api/versions/contents" | "/api/agent/versions/contents":
            return {"version_ids": [1, 2]}
        case "/api/enrolments":
            return {"name": "alpha"}
        case "/api/tokens":
            return {"name": "mine", "scopes": ["look", "operate", "restore", "destroy"]}
        case "/api/agent/runs":
            return {"trigger": "agent"}
        case "/api/agent/runs/{run_id}/finish":
            return {"state": "complete"}
        case _:
            return {}


UNDOES = ("/api/clients/allow", "/api/files/undelete", "/api/clients/{client_id}/keep", "/api/server/start")
"""Tried by nobody who wants to do harm."""


async def try_everything(
    http: aiohttp.ClientSession, alpha: Agent, file_id: int, token_id: int = 1
) -> tuple[dict[str, int], list[str]]:
    """Try every route; return the status of each, and those whose answer holds the content of the file."""
    given: list[str] = []
    statuses: dict[str, int] = {}
    for route in ROUTES:
        if route.path in UNDOES:
            continue
        url = (
            route.path.replace("{client_id}", alpha.client_id)
            .replace("{file_id}", str(file_id))
            .replace("{sha256}", sha256_of(SECRET))
            .replace("{token_id}", str(token_id))
            .replace("{run_id}", "1")
            .replace("{version_id}", "1")
        )
        query = {"/api/tree": {"client_id": alpha.client_id}}.get(route.path, {})
        if route.path.startswith("/api/analytics"):
            query = {"span_s": "86400"}
        data = None if route.method == "GET" else json.dumps(bodies(route, alpha, file_id))
        async with http.request(route.method, url, params=query, data=data) as response:
            answer = await response.read()
            row = f"{route.method} {route.path}"
            statuses[row] = response.status
            assert response.status < 500, (row, answer)
            if SECRET in answer:
                given.append(row)
    return statuses, given


async def all_is_there(server: RunningServer, file_id: int) -> bool:
    """Whether both clients are there and the content can be brought back by who may."""
    await server.post("/api/files/undelete", {"file_ids": [file_id]})
    async with server.console.get("/api/versions/1/content") as response:
        content = await response.read()
    names = {client["name"] for client in (await server.get("/api/clients"))["clients"]}
    return content == SECRET and names == {"alpha", "beta"}


@pytest.mark.parametrize("scope", [Scope.LOOK, Scope.OPERATE, Scope.DESTROY])
async def test_no_content_leaves_and_nothing_is_destroyed(tmp_path: Path, scope: Scope) -> None:
    async with a_server(tmp_path, destroy_delay_h=KEEP_H, keep_deleted_days=0) as server:
        alpha, _, file_id = await furnished(server)
        http = await stolen(server, scope)
        spare = await server.post("/api/tokens", {"name": "spare", "scopes": ["look"]}, NewToken)
        statuses, given = await try_everything(http, alpha, file_id, spare.token.id)
        assert not given
        reached = {row for row, status in statuses.items() if status < 400}
        changes = {row for row in reached if not row.startswith("GET ")}
        may = {
            f"{route.method} {route.path}"
            for route in ROUTES
            if route.scope in (None, Scope.LOOK, scope) and route.path not in UNDOES
        }
        assert reached <= may
        if scope is Scope.LOOK:
            assert not changes
        elif scope is Scope.OPERATE:
            assert "POST /api/enrolments" not in changes, "that would give it the files"
        else:
            assert {"DELETE /api/clients/{client_id}", "DELETE /api/tokens/{token_id}"} <= changes
            assert statuses["POST /api/tokens"] == 403, "it would have more rights than it has"
            (doomed,) = [c for c in (await server.get("/api/clients"))["clients"] if c["name"] == "alpha"]
            assert doomed["destroy_at"] > utc_now().isoformat(), "held, and shown"
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        await server.room.removal.destroy_due()
        assert await all_is_there(server, file_id)
        await server.room.audit.step()
        page = await server.get(f"/api/logs?sources=audit&limit=500&text=stolen {scope}", LogPage)
        noted = [line for line in page.lines if line.fields["who"] == f"token stolen {scope}"]
        refused = {row for row, status in statuses.items() if status == 403}
        assert {line.fields["result"] for line in noted} >= {"refused: forbidden"}
        assert len(noted) >= len(refused & {f"{r.method} {r.path}" for r in ROUTES if r.scope is not None})


async def test_a_token_to_restore_reads_everything_and_changes_nothing(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=KEEP_H, keep_deleted_days=0) as server:
        alpha, _, file_id = await furnished(server)
        http = await stolen(server, Scope.RESTORE)
        statuses, given = await try_everything(http, alpha, file_id)
        assert {"GET /api/versions/{version_id}/content", "POST /api/versions/contents"} <= set(given)
        reached = {row for row, status in statuses.items() if status < 400 and not row.startswith("GET ")}
        assert reached == {"POST /api/versions/contents"}
        assert await all_is_there(server, file_id)


async def test_a_code_for_a_client_that_there_is_takes_the_scope_restore(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        alpha, _, _ = await furnished(server)
        operates = await stolen(server, Scope.OPERATE)
        restores = await stolen(server, Scope.OPERATE, Scope.RESTORE)
        async with operates.post("/api/enrolments", json={"name": " alpha "}) as response:
            told = await response.json()
            assert (response.status, told["code"]) == (403, "forbidden") and "restore" in told["message"]
        async with operates.post("/api/enrolments", json={"name": "gamma"}) as response:
            assert response.status == 200
        async with restores.post("/api/enrolments", json={"name": "alpha"}) as response:
            assert response.status == 200
        assert await server.get(f"/api/clients/{alpha.client_id}", Client)


async def test_a_code_from_before_does_not_open_a_client_that_came_since(tmp_path: Path) -> None:
    """Whoever may operate makes codes for names that are still to come, and waits."""
    async with a_server(tmp_path) as server:
        operates = await stolen(server, Scope.OPERATE)
        async with operates.post("/api/enrolments", json={"name": "alpha"}) as response:
            hoarded = (await response.json())["code"]
        alpha = await server.enrol("alpha")
        await alpha.back_up({"/secret": SECRET})
        body = {"name": "alpha", "code": hoarded, "platform": "", "agent_version": ""}
        async with server.http().post("/api/enrol", json=body) as response:
            assert (response.status, (await response.json())["code"]) == (403, "code_expired")
        assert await alpha.begin(), "the real one goes on"


async def test_deleted_files_are_kept_as_long_as_a_removal_is_held(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=KEEP_H, keep_deleted_days=0) as server:
        _, _, file_id = await furnished(server)
        operates = await stolen(server, Scope.OPERATE)
        async with operates.post("/api/files/delete", json={"file_ids": [file_id]}) as response:
            assert response.status == 200
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        (row,) = (await server.get(f"/api/files?state={FileState.DELETED}", FilePage)).rows
        assert row.deleted_at is not None and row.deleted_at > utc_now() - timedelta(hours=1)
        assert await all_is_there(server, file_id)


async def test_an_agents_token_reaches_its_own_files_only(tmp_path: Path) -> None:
    async with a_server(tmp_path, destroy_delay_h=KEEP_H) as server:
        alpha, beta, file_id = await furnished(server)
        _, given = await try_everything(beta.http, alpha, file_id)
        assert not given
        assert await all_is_there(server, file_id)


async def test_nobody_makes_more_tokens_codes_or_clients_than_can_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        destroys, operates = await stolen(server, Scope.DESTROY), await stolen(server, Scope.OPERATE)
        hoarded = (await server.post("/api/enrolments", {"name": "late"}))["code"]
        listed = len(await server.get("/api/tokens"))
        monkeypatch.setattr(console_tokens, "MAX_TOKENS", listed + 1)
        monkeypatch.setattr(enrolments, "MAX_CODES", 2)

        async def made(http: aiohttp.ClientSession, path: str, body: Any) -> list[tuple[int, str]]:
            answers: list[tuple[int, str]] = []
            for number in range(2):
                async with http.post(path, json=body | {"name": f"n{number}"}) as response:
                    answers.append((response.status, (await response.json()).get("code", "")))
            return answers

        assert (await made(destroys, "/api/tokens", {"scopes": []}))[1] == (409, "limit_reached")
        assert (await made(operates, "/api/enrolments", {}))[1] == (409, "limit_reached")
        monkeypatch.setattr(enrolments, "MAX_CODES", 10)
        monkeypatch.setattr(enrolments, "MAX_CLIENTS", 1)
        await server.enrol("alpha")
        body = {"name": "late", "code": hoarded, "platform": "", "agent_version": ""}
        async with server.http().post("/api/enrol", json=body) as response:
            assert (response.status, (await response.json())["code"]) == (409, "limit_reached")
        await server.enrol("alpha")  # one that there is enrols again
        monkeypatch.undo()
        async with server.http().post("/api/enrol", json=body) as response:
            assert response.status == 200, "the code was not used up"
