"""Every route and every socket message against every kind of caller, at a real server.

A route or a message without a row here fails: whoever adds one decides who may use it.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from app.server.routes import ROUTES, SOCKET_ROUTES
from app.wire.agent_socket import FromAgentFrame, ToAgentFrame
from streams.model.base import utc_now
from streams.model.events import ConsoleFrame
from streams.model.files import FilePage
from streams.model.vocabulary import CONSOLE_SCOPES, AuditAction, Scope
from tests.servers import RunningServer, a_server, sha256_of

LOOK, OPERATE, RESTORE, DESTROY, AGENT = (
    frozenset({Scope.LOOK}),
    frozenset({Scope.OPERATE}),
    frozenset({Scope.RESTORE}),
    frozenset({Scope.DESTROY}),
    frozenset({Scope.AGENT}),
)
ALL = frozenset({"anybody"})
TABLE: dict[str, frozenset[str]] = {
    "GET /health": ALL,
    "GET /api/openapi.json": ALL,
    "POST /api/enrol": ALL,
    "GET /metrics": LOOK,
    "GET /api/status": LOOK,
    "POST /api/server/start": OPERATE,
    "POST /api/server/stop": OPERATE,
    "GET /api/activity": LOOK,
    "GET /api/load": LOOK,
    "GET /api/storage/forecast": LOOK,
    "GET /api/clients": LOOK,
    "GET /api/clients/{client_id}": LOOK,
    "PATCH /api/clients/{client_id}": OPERATE,
    "PUT /api/clients/{client_id}/quota": OPERATE,
    "POST /api/clients/disconnect": OPERATE,
    "POST /api/clients/allow": OPERATE,
    "POST /api/backups": OPERATE,
    "GET /api/clients/{client_id}/holdings": LOOK,
    "DELETE /api/clients/{client_id}": DESTROY,
    "POST /api/clients/{client_id}/keep": OPERATE,
    "POST /api/clients/{client_id}/protection": OPERATE,
    "DELETE /api/clients/{client_id}/protection": DESTROY,
    "GET /api/runs": LOOK,
    "GET /api/runs/active": LOOK,
    "GET /api/runs/results": LOOK,
    "GET /api/runs/{run_id}": LOOK,
    "POST /api/runs/{run_id}/cancel": OPERATE,
    "POST /api/runs/{run_id}/protection": OPERATE,
    "DELETE /api/runs/{run_id}/protection": DESTROY,
    "GET /api/files": LOOK,
    "GET /api/files/summary": LOOK,
    "POST /api/files/delete": OPERATE,
    "POST /api/files/undelete": OPERATE,
    "POST /api/files/verify": OPERATE,
    "GET /api/files/{file_id}/versions": LOOK,
    "POST /api/clients/{client_id}/verify": OPERATE,
    "POST /api/verify": OPERATE,
    "GET /api/tree": RESTORE,
    "GET /api/tree/state": LOOK,
    "GET /api/analytics/backups": LOOK,
    "GET /api/analytics/hours": LOOK,
    "GET /api/analytics/performance": LOOK,
    "GET /api/analytics/storage": LOOK,
    "GET /api/transfers": LOOK,
    "POST /api/versions/contents": RESTORE,
    "GET /api/versions/{version_id}/content": RESTORE,
    "POST /api/enrolments": OPERATE,
    "GET /api/tokens": LOOK,
    "GET /api/tokens/own": LOOK,
    "POST /api/tokens": DESTROY,
    "DELETE /api/tokens/{token_id}": DESTROY,
    "GET /api/settings": LOOK,
    "PATCH /api/settings": DESTROY,
    "GET /api/logs": LOOK,
    "GET /api/database": LOOK,
    "GET /api/database/version": LOOK,
    "GET /api/database/outline": LOOK,
    "GET /api/database/health": LOOK,
    "GET /api/database/statistics": LOOK,
    "GET /api/database/check": LOOK,
    "POST /api/database/page": LOOK,
    "POST /api/database/value": LOOK,
    "POST /api/database/count": LOOK,
    "POST /api/database/sql": LOOK,
    "POST /api/database/plan": LOOK,
    "POST /api/database/export": LOOK,
    "DELETE /api/database/questions/{question_id}": LOOK,
    "GET /api/agent/client": AGENT,
    "GET /api/agent/files": AGENT,
    "GET /api/agent/tree": AGENT,
    "GET /api/agent/tree/state": AGENT,
    "GET /api/agent/versions/{version_id}/content": AGENT,
    "POST /api/agent/versions/contents": AGENT,
    "POST /api/agent/runs": AGENT,
    "POST /api/agent/blobs/missing": AGENT,
    "POST /api/agent/blobs/batch": AGENT,
    "PUT /api/agent/blobs/{sha256}": AGENT,
    "POST /api/agent/runs/{run_id}/entries": AGENT,
    "POST /api/agent/runs/{run_id}/vanished": AGENT,
    "POST /api/agent/runs/{run_id}/finish": AGENT,
}
SOCKETS: dict[str, frozenset[str]] = {"GET /events": LOOK, "GET /agent": AGENT}
MESSAGES: dict[str, frozenset[str]] = {
    "resume": LOOK,
    "subscribe": LOOK,
    "ping": LOOK,
    "heartbeat": AGENT,
    "progress": AGENT,
    "ack": AGENT,
}
"""What may be sent over the sockets, and the scope with which that socket opens."""
SENT_BY_SERVER = {"agent_hello", "command", "problem"}
OWNED = {
    "POST /api/agent/runs/{run_id}/entries",
    "POST /api/agent/runs/{run_id}/vanished",
    "POST /api/agent/runs/{run_id}/finish",
    "GET /api/agent/versions/{version_id}/content",
}
"""Routes of agents that name one thing: to any other agent it does not exist."""
BODIES: dict[str, Any] = {
    "POST /api/agent/runs": {"trigger": "agent"},
    "POST /api/agent/runs/{run_id}/entries": {"entries": []},
    "POST /api/agent/runs/{run_id}/vanished": {"raw_paths": []},
    "POST /api/agent/runs/{run_id}/finish": {"state": "complete"},
}


@dataclass
class Caller:
    """Somebody who calls, and the scopes that the token has."""

    name: str
    token: str | None
    scopes: frozenset[str]


async def callers(server: RunningServer) -> list[Caller]:
    """Return every kind of caller."""
    tokens = server.room.catalogue.tokens
    console = server.room.catalogue.console_tokens
    alpha, beta, gone = [await server.enrol(name) for name in ("alpha", "beta", "gone")]
    await tokens.revoke_client(gone.client_id)
    code = (await server.post("/api/enrolments", {"name": "later"}))["code"]
    ended = await console.add(
        "ended", CONSOLE_SCOPES, expires_at=utc_now() - timedelta(hours=1), made_by="test"
    )
    revoked = await console.add("revoked", CONSOLE_SCOPES, made_by="test")
    await console.revoke(token_id=revoked.token.id)
    found = [
        Caller("none", None, frozenset()),
        Caller("garbage", "tw_" + "x" * 43, frozenset()),
        Caller("revoked console", revoked.secret, frozenset()),
        Caller("revoked agent", gone.token, frozenset()),
        Caller("expired", ended.secret, frozenset()),
        Caller("code", code, frozenset()),
        Caller("agent", alpha.token, frozenset({Scope.AGENT})),
        Caller("other agent", beta.token, frozenset({Scope.AGENT})),
    ]
    for scope in CONSOLE_SCOPES:
        made = await console.add(f"only {scope}", [scope], made_by="test")
        found.append(Caller(scope, made.secret, frozenset({Scope.LOOK, scope})))
    return found


def test_every_route_and_message_has_a_row() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(TABLE)
    assert {f"{route.method} {route.path}" for route in SOCKET_ROUTES} == set(SOCKETS)
    tags = {
        str(kind.__struct_config__.tag)
        for union in (ConsoleFrame, FromAgentFrame)
        for kind in union.__args__  # type: ignore[union-attr]
    }
    assert tags == set(MESSAGES)
    assert {str(kind.__struct_config__.tag) for kind in ToAgentFrame.__args__} == SENT_BY_SERVER  # type: ignore[union-attr]


def test_every_order_and_what_gives_out_contents_is_audited() -> None:
    for route in ROUTES:
        if route.scope in (Scope.OPERATE, Scope.RESTORE, Scope.DESTROY):
            assert isinstance(route.audit, AuditAction), route.path


async def test_every_route_against_every_caller(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        everybody = await callers(server)
        alpha = next(caller for caller in everybody if caller.name == "agent")
        alphas = server.http(alpha.token)
        run = await server.post("/api/agent/runs", {"trigger": "agent"}, http=alphas)
        wrong: list[str] = []
        for row, allowed in TABLE.items():
            method, path = row.split(" ")
            url = (
                path.replace("{client_id}", "f" * 32)
                .replace("{run_id}", str(run["id"]) if "/agent/" in path else "999999")
                .replace("{file_id}", "999999")
                .replace("{version_id}", "999999")
                .replace("{token_id}", "999999")
                .replace("{question_id}", "none")
                .replace("{sha256}", sha256_of(b""))
            )
            for caller in everybody:
                async with server.http(caller.token).request(
                    method, url, data=json.dumps(BODIES.get(row, {})).encode() if method != "GET" else None
                ) as response:
                    body = await response.read()
                    code = json.loads(body).get("code", "") if response.status >= 400 else ""
                right = expected(row, allowed, caller)
                got = "let in" if response.status not in (401, 403) else str(response.status)
                if row in OWNED and caller.name == "other agent":
                    right, got = "hidden", "hidden" if code in ("unknown_run", "unknown_version") else got
                if (allowed is not ALL and got != right) or response.status >= 500:
                    wrong.append(f"{row} as {caller.name}: {response.status} {code}, not {right}")
        assert not wrong, "\n".join(wrong)


def expected(row: str, allowed: frozenset[str], caller: Caller) -> str:
    if not caller.scopes:
        return "401"
    return "let in" if allowed & caller.scopes else "403"


@pytest.mark.parametrize("row", SOCKETS)
async def test_every_socket_against_every_caller(tmp_path: Path, row: str) -> None:
    path = row.removeprefix("GET ")
    async with a_server(tmp_path) as server:
        for caller in await callers(server):
            right = expected(row, SOCKETS[row], caller)
            try:
                async with server.http(caller.token).ws_connect(f"{server.events_url}{path}") as socket:
                    told = msgspec.json.decode((await socket.receive(timeout=30)).data)
                    assert right == "let in", caller
                    if path == "/events":
                        assert set(told["scopes"]) == caller.scopes
            except aiohttp.WSServerHandshakeError as error:
                assert right == str(error.status), caller
        for where in ("token", "access_token"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await server.http().ws_connect(f"{server.events_url}{path}?{where}={server.token}")


async def test_a_message_of_the_other_kind_ends_its_socket(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        frames = {
            "resume": {"epoch": None, "after_seq": 0, "topics": []},
            "subscribe": {"topics": ["logs"]},
            "ping": {"id": 1},
            "heartbeat": {},
            "progress": {"run_id": 1},
            "ack": {"id": 1, "accepted": True},
        }
        assert frames.keys() == MESSAGES.keys()
        for tag, fields in frames.items():
            path, http = ("/agent", agent.http) if MESSAGES[tag] is LOOK else ("/events", server.console)
            async with http.ws_connect(f"{server.events_url}{path}") as socket:
                await socket.receive(timeout=30)
                await socket.send_json({"type": tag, **fields})
                answer = msgspec.json.decode((await socket.receive(timeout=30)).data)
                assert answer["code"] == "unreadable_frame", tag


async def test_a_client_restores_its_own_and_nothing_else(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        alpha, beta = await server.enrol("alpha"), await server.enrol("beta")
        await alpha.back_up({"/of/alpha": b"alpha's own"})
        (row,) = (await server.get("/api/files", FilePage)).rows
        url, many = f"/api/agent/versions/{row.version_id}/content", "/api/agent/versions/contents"
        async with alpha.http.get(url) as response:
            assert await response.read() == b"alpha's own"
        async with beta.http.get(url) as response:
            assert (response.status, (await response.json())["code"]) == (404, "unknown_version")
        for agent, holds in ((alpha, True), (beta, False)):
            async with agent.http.post(many, json={"version_ids": [row.version_id]}) as response:
                assert (b"alpha's own" in await response.read()) is holds
            async with agent.http.get("/api/agent/tree") as response:
                assert bool((await response.json())["entries"]) is holds
        async with beta.http.get(f"/api/agent/tree?client_id={alpha.client_id}") as response:
            assert response.status == 400
