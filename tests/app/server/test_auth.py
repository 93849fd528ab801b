"""Nothing answers without a token but what must, and a scope is a wall."""

from aiohttp import ClientSession

from app.server.routes import ROUTES, SOCKET_ROUTES
from app.server.routes.enrolment import ENROLMENT
from streams.model.clients import Client
from streams.model.vocabulary import Scope
from tests.servers import RunningServer

OPEN = {"/health", "/api/openapi.json", "/api/enrol"}


def filled(path: str) -> str:
    return (
        path.replace("{sha256}", "0" * 64)
        .replace("{client_id}", "f" * 32)
        .replace("{", "")
        .replace("}", "")
        .replace("run_id", "1")
        .replace("file_id", "1")
        .replace("version_id", "1")
        .replace("token_id", "1")
    )


def test_only_three_routes_are_open() -> None:
    assert {route.path for route in ROUTES if route.scope is None} == OPEN
    assert all(route.scope is not None for route in SOCKET_ROUTES)


async def test_every_route_refuses_who_has_no_token(running_server: RunningServer) -> None:
    for token in (None, "", "tw_wrong", "~", "a b c"):
        http = running_server.http(token)
        for base, routes in ((running_server.url, ROUTES), (running_server.events_url, SOCKET_ROUTES)):
            for route in routes:
                if route.path in OPEN:
                    continue
                async with http.request(route.method, base + filled(route.path)) as response:
                    assert response.status == 401, (token, route.path)
                    said = await response.json()
                    assert said["code"] == "wrong_token" and "console.token" in said["detail"]


async def test_unknown_paths_are_told_only_to_who_has_a_token(running_server: RunningServer) -> None:
    async with running_server.http().get("/api/nothing") as response:
        assert response.status == 401
    async with running_server.console.get("/api/nothing") as response:
        assert (response.status, (await response.json())["code"]) == (404, "not_found")
    async with running_server.console.delete("/api/clients") as response:
        assert (response.status, (await response.json())["code"]) == (405, "method_not_allowed")


async def test_a_scope_is_a_wall(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    for base, routes in ((running_server.url, ROUTES), (running_server.events_url, SOCKET_ROUTES)):
        for route in routes:
            if route.scope is None:
                continue
            wrong: ClientSession = running_server.console if route.scope is Scope.AGENT else agent.http
            async with wrong.request(route.method, base + filled(route.path)) as response:
                said = await response.json()
                assert (response.status, said["code"]) == (403, "forbidden"), route.path
                assert said["message"] == f"This takes a token with the scope {route.scope}."


async def test_an_agent_sees_and_changes_only_its_own(running_server: RunningServer) -> None:
    alpha, beta = await running_server.enrol("alpha"), await running_server.enrol("beta")
    async with alpha.http.get("/api/agent/client") as response:
        assert (await response.json())["id"] == alpha.client_id
    run = await alpha.begin()
    for path, body in (
        ("entries", {"entries": []}),
        ("vanished", {"raw_paths": []}),
        ("finish", {"state": "complete"}),
    ):
        async with beta.http.post(f"/api/agent/runs/{run.id}/{path}", json=body) as response:
            assert (response.status, (await response.json())["code"]) == (404, "unknown_run")
    await alpha.back_up({"/a": b"alpha's"})
    async with beta.http.get("/api/agent/files") as response:
        assert (await response.json())["entries"] == []


async def test_a_code_works_once_and_for_its_name(running_server: RunningServer) -> None:
    made = await running_server.post("/api/enrolments", {"name": "alpha"})
    http = running_server.http()

    async def enrol(name: str, code: str) -> tuple[int, str]:
        async with http.post("/api/enrol", json={"name": name, "code": code}) as response:
            said = await response.json()
            if response.status != 200:
                assert "tidewatch server enrol" in said["detail"] and "--data DIR" in said["detail"]
            return response.status, said.get("code", "")

    assert await enrol("alpha", "nonsense") == (403, "wrong_code")
    assert await enrol("beta", made["code"]) == (403, "wrong_code")
    assert (await enrol("alpha", made["code"]))[0] == 200
    assert await enrol("alpha", made["code"]) == (403, "code_used")


async def test_a_short_key_is_refused_and_the_same_one_is_answered_again(
    running_server: RunningServer,
) -> None:
    code = (await running_server.post("/api/enrolments", {"name": "alpha"}))["code"]
    http = running_server.http()
    answers: list[tuple[int, str]] = []
    for key in ("short", "k" * 43, "k" * 43, "K" * 43):
        body = {"name": "alpha", "code": code, "key": key}
        async with http.post("/api/enrol", json=body) as response:
            said = await response.json()
            answers.append((response.status, said.get("token") or said["code"]))
    assert answers[0] == (400, "bad_request")
    assert answers[1][0] == 200 and answers[2] == answers[1]
    assert answers[3] == (403, "code_used")


async def test_guessing_codes_ends(running_server: RunningServer) -> None:
    http = running_server.http()
    for _ in range(running_server.room.limits.enrol_failures):
        async with http.post("/api/enrol", json={"name": "alpha", "code": "guess"}) as response:
            assert response.status == 403
    async with http.post("/api/enrol", json={"name": "alpha", "code": "guess"}) as response:
        assert (response.status, (await response.json())["code"]) == (429, "too_many_attempts")
        assert int(response.headers["Retry-After"]) > 0


async def test_enrolling_again_keeps_the_client_and_ends_its_old_token(running_server: RunningServer) -> None:
    first = await running_server.enrol("alpha")
    second = await running_server.enrol("alpha")
    assert first.client_id == second.client_id
    async with first.http.get("/api/agent/client") as response:
        assert response.status == 401
    async with second.http.get("/api/agent/client") as response:
        assert response.status == 200
    assert [route.path for route in ENROLMENT if route.scope is None] == ["/api/enrol"]
    assert (await running_server.get("/api/clients/" + first.client_id, Client)).name == "alpha"
