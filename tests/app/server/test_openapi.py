"""The OpenAPI description is true: real answers of every console route are what it says."""

import io
import re
from datetime import timedelta
from typing import Any

import jsonschema

from app.server.problems import STATUS_OF_CODE
from app.server.routes import ROUTES
from app.wire.agent_socket import AgentProgress
from app.wire.http import FinishRun, encode
from streams.model.files import FilePage
from streams.model.vocabulary import RunState, Scope
from tests.servers import RunningServer, told, until

NO_JSON = {"/api/database/export", "/metrics", "/api/versions/{version_id}/content", "/api/versions/contents"}


def validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(
        whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)


def schema_of(document: dict[str, Any], path: str, method: str, status: str) -> dict[str, Any]:
    answer = document["paths"][path][method.lower()]["responses"][status]
    return answer["content"]["application/json"]["schema"]


async def test_every_route_is_described(running_server: RunningServer) -> None:
    document = await running_server.get("/api/openapi.json")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    assert document["openapi"].startswith("3.1")
    names = set(document["components"]["schemas"])
    for ref in re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')):
        assert ref in names
    ids = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(ids) == len(set(ids))
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]


def test_every_code_that_a_route_names_has_a_status() -> None:
    for route in ROUTES:
        assert set(route.codes) <= STATUS_OF_CODE.keys(), route.path


async def test_real_answers_are_as_described(running_server: RunningServer) -> None:
    document = await running_server.get("/api/openapi.json")
    agent, other = await running_server.enrol("alpha"), await running_server.enrol("beta")
    await agent.back_up({"/docs/a.txt": b"a", "/b": b"b"})
    body = {"state": RunState.FAILED, "reason": "no disk"}
    failed = await other.begin()
    await running_server.post(f"/api/agent/runs/{failed.id}/finish", body, http=other.http)
    files = await running_server.get("/api/files", FilePage)
    file_ids = [row.id for row in files.rows]
    checked: set[tuple[str, str]] = set()

    async def check(method: str, path: str, json: Any = None, query: str = "", **parts: Any) -> None:
        url = path.format(**parts) + query
        async with running_server.console.request(method, url, data=encode(json or {})) as response:
            answer = await response.json(content_type=None)
            assert response.status == 200, (path, answer)
        validate(document, schema_of(document, path, method, "200"), answer)
        checked.add((method, path))

    async with agent.socket() as socket:
        await told(socket)
        run = await agent.begin()
        progress = AgentProgress(run_id=run.id, bytes_done=1, bytes_total=2, files_done=1, current_path="x")
        await socket.send_str(encode(progress).decode())
        await until(running_server.room.progress.all)
        for path in (
            "/health",
            "/api/openapi.json",
            "/api/status",
            "/api/clients",
            "/api/runs",
            "/api/runs/active",
            "/api/runs/results",
            "/api/files",
            "/api/files/summary",
            "/api/activity",
            "/api/load",
            "/api/logs",
            "/api/storage/forecast",
        ):
            await check("GET", path)
        await running_server.post(
            f"/api/agent/runs/{run.id}/finish", FinishRun(state=RunState.COMPLETE), http=agent.http
        )
    await check("GET", "/api/clients/{client_id}", client_id=agent.client_id)
    await check("PATCH", "/api/clients/{client_id}", {"goal_s": 60.0}, client_id=agent.client_id)
    await check("PUT", "/api/clients/{client_id}/quota", {"quota_bytes": 10**9}, client_id=agent.client_id)
    await check("GET", "/api/runs", query=f"?client_id={agent.client_id}&limit=1&state=complete")
    await check("GET", "/api/files", query="?text=a&sort=size&descending=true&since=2020-01-01T00:00:00Z")
    await check("GET", "/api/files/{file_id}/versions", file_id=file_ids[0])
    await check("GET", "/api/tree", query=f"?client_id={agent.client_id}&at=2999-01-01T00:00:00Z")
    await check("GET", "/api/tree/state", query=f"?client_id={agent.client_id}&at=2999-01-01T00:00:00Z")
    await check("POST", "/api/files/verify", {"file_ids": file_ids})
    await check("POST", "/api/clients/{client_id}/verify", client_id=agent.client_id)
    await check("POST", "/api/verify")
    await check("GET", "/api/transfers")
    for subject in ("backups", "hours", "performance", "storage"):
        await check("GET", f"/api/analytics/{subject}", query="?span_s=86400&offset_s=3600&compare=true")
    await check("POST", "/api/files/delete", {"file_ids": [file_ids[0], 999]})
    await check("POST", "/api/files/undelete", {"file_ids": file_ids})
    await check("POST", "/api/backups", {"client_ids": [other.client_id, "nobody"]})
    await check("POST", "/api/clients/disconnect", {"client_ids": [other.client_id]})
    await check("POST", "/api/clients/allow", {"client_ids": [other.client_id]})
    await check("POST", "/api/enrolments", {"name": "gamma"})
    await check("POST", "/api/tokens", {"name": "wall", "scopes": ["look"]})
    await check("GET", "/api/tokens")
    for question in ("", "/version", "/outline", "/health", "/statistics", "/check"):
        await check("GET", f"/api/database{question}")
    for question, body in (
        ("page", {"table": "clients"}),
        ("value", {"table": "clients", "column": "name", "key": [1]}),
        ("count", {"table": "clients"}),
        ("sql", {"sql": "SELECT 1, 1.5, 'x', x'ff', 1e999, NULL"}),
        ("plan", {"sql": "SELECT * FROM clients"}),
    ):
        await check("POST", f"/api/database/{question}", body)
    await check("DELETE", "/api/database/questions/{question_id}", question_id="none")
    await check("GET", "/api/settings")
    quota = {"name": "server.quota_bytes", "value": "5", "before": "0"}
    await check("PATCH", "/api/settings", {"changes": [quota]})
    await check("PATCH", "/api/settings", {"changes": [quota | {"value": None, "before": "5"}]})
    wall = (await running_server.get("/api/tokens"))[-1]
    await check("GET", "/api/tokens/own")
    await check("DELETE", "/api/tokens/{token_id}", token_id=wall["id"])
    run = await agent.begin()
    await check("GET", "/api/runs/{run_id}", run_id=run.id)
    await check("POST", "/api/runs/{run_id}/cancel", run_id=run.id)
    for method in ("POST", "DELETE"):
        await check(method, "/api/clients/{client_id}/protection", client_id=other.client_id)
        await check(method, "/api/runs/{run_id}/protection", run_id=run.id)
    await running_server.room.catalogue.holds.mark(other.client_id, timedelta(0))
    await check("POST", "/api/clients/{client_id}/keep", client_id=other.client_id)
    await check("GET", "/api/clients/{client_id}/holdings", client_id=other.client_id)
    await check("DELETE", "/api/clients/{client_id}", client_id=other.client_id)
    await check("POST", "/api/server/stop", {"timeout_s": 0})
    await check("POST", "/api/server/start")
    wanted = {
        (route.method, route.path)
        for route in ROUTES
        if route.scope is not Scope.AGENT and route.path not in NO_JSON and route.path != "/api/enrol"
    }
    assert checked == wanted


BAD = [
    ("GET", "/api/runs?limit=0", None, 400),
    ("GET", "/api/runs?limit=x", None, 400),
    ("GET", "/api/runs?limit=99999999999999999999999", None, 400),
    ("GET", "/api/runs?before=99999999999999999999999", None, 400),
    ("GET", "/api/runs?state=nonsense", None, 400),
    ("GET", "/api/runs?nonsense=1", None, 400),
    ("GET", "/api/runs/results?hours=nan", None, 400),
    ("GET", "/api/load?minutes=-1", None, 400),
    ("GET", "/api/analytics/backups", None, 400),
    ("GET", "/api/analytics/backups?span_s=nan", None, 400),
    ("GET", "/api/analytics/hours?span_s=-1", None, 400),
    ("GET", "/api/analytics/performance?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", None, 400),
    ("GET", "/api/analytics/storage?span_s=86400&offset_s=7", None, 400),
    ("GET", "/api/files?sort=nonsense", None, 400),
    ("GET", "/api/files?cursor=nonsense", None, 400),
    ("GET", "/api/files?since=yesterday", None, 400),
    ("GET", "/api/files?since=2020-01-01T00:00:00", None, 400),
    ("GET", "/api/files?limit=-5", None, 400),
    ("GET", "/api/files?limit=100000000", None, 400),
    ("GET", "/api/files?min_bytes=99999999999999999999999", None, 400),
    ("GET", "/api/tree", None, 400),
    ("GET", "/api/tree?client_id=nobody", None, 404),
    ("GET", "/api/clients/nobody", None, 404),
    ("GET", "/api/clients/%00%ff", None, 400),
    ("GET", "/api/files/x/versions", None, 400),
    ("GET", "/api/files/99999999999999999999999/versions", None, 400),
    ("GET", "/api/files/1/versions", None, 404),
    ("GET", "/api/versions/1/content", None, 404),
    ("GET", "/api/activity?before=-1", None, 400),
    ("POST", "/api/files/delete", b"", 400),
    ("POST", "/api/files/delete", b"{", 400),
    ("POST", "/api/files/delete", b"\xff\xfe", 400),
    ("POST", "/api/files/delete", b'{"file_ids":["x"]}', 400),
    ("POST", "/api/files/delete", b'{"file_ids":[99999999999999999999999]}', 400),
    ("POST", "/api/files/delete", b'{"file_ids":[9223372036854775808]}', 400),
    ("POST", "/api/files/delete", b'{"file_ids":[1],"more":1}', 400),
    ("POST", "/api/files/verify", b'{"file_ids":[9223372036854775808]}', 400),
    ("POST", "/api/backups", b"[]", 400),
    ("POST", "/api/backups", b"", 400),
    ("POST", "/api/enrolments", b'{"name":" "}', 400),
    ("POST", "/api/enrolments", b'{"name":"a\\u0000b"}', 400),
    ("POST", "/api/enrolments", b'{"name":"' + b"x" * 200 + b'"}', 400),
    ("POST", "/api/server/stop", b'{"timeout_s":"x"}', 400),
    ("POST", "/api/server/stop", b'{"timeout_s":-1}', 400),
    ("POST", "/api/clients/nobody/verify", None, 404),
    ("GET", "/api/clients/nobody/holdings", None, 404),
    ("DELETE", "/api/clients/nobody", None, 404),
    ("PATCH", "/api/clients/nobody", b'{"goal_s":1}', 404),
    ("POST", "/api/files/delete", b"[" * 5000, 400),
    ("POST", "/api/files/delete", b" " * (17 * 1024 * 1024), 413),
    ("POST", "/api/enrol", b"{", 400),
    ("POST", "/api/files/delete", b'{"file_ids":[],"x":' + b"[" * 1_000_000, 400),
    ("POST", "/api/enrol", b'{"x":' + b"[" * 10_000, 400),
    ("GET", "/api/clients/" + "x" * 200, None, 400),
    ("GET", "/api/files?cursor=" + "x" * 8000, None, 400),
    ("GET", "/api/runs/results?hours=nan", None, 400),
    ("GET", "/api/analytics/hours?span_s=nan", None, 400),
    ("GET", "/api/analytics/hours?span_s=inf", None, 400),
    ("GET", "/api/analytics/hours?span_s=3600&offset_s=99999999999999999999", None, 400),
    ("GET", "/api/load?minutes=inf", None, 400),
    ("GET", "/api/tree?client_id=nobody&after=99999999999999999999999", None, 400),
    ("GET", "/api/activity?before=99999999999999999999999", None, 400),
    ("GET", "/api/files?since=0001-01-01T00:00:00%2B23:59", None, 200),
    ("PATCH", "/api/clients/nobody", b'{"goal_s":1e999}', 400),
    ("PUT", "/api/clients/nobody/quota", b'{"quota_bytes":1}', 404),
    ("PUT", "/api/clients/nobody/quota", b'{"quota_bytes":-1}', 400),
    ("PUT", "/api/clients/nobody/quota", b'{"quota_bytes":9007199254740993}', 400),
]


async def test_bad_requests_are_answered_in_the_one_shape(running_server: RunningServer) -> None:
    document = await running_server.get("/api/openapi.json")
    problem = document["components"]["schemas"]["Problem"]
    for method, path, body, status in BAD:
        async with running_server.console.request(method, path, data=body and io.BytesIO(body)) as response:
            answer = await response.json(content_type=None)
            assert response.status == status, (method, path, (body or b"")[:50], answer)
        if status == 200:
            continue
        validate(document, problem, answer)
        assert set(answer) == {"code", "message", "detail"}
        assert response.headers["X-Request-Id"]


async def test_what_is_refused_before_a_handler_sees_it_is_described(running_server: RunningServer) -> None:
    document = await running_server.get("/api/openapi.json")
    agent = await running_server.enrol("alpha")
    await running_server.post("/api/clients/disconnect", {"client_ids": [agent.client_id]})
    for route in (route for route in ROUTES if route.scope is Scope.AGENT and route.method != "GET"):
        path = route.path.replace("{run_id}", "1").replace("{sha256}", "0" * 64)
        async with agent.http.request(route.method, path) as response:
            code = (await response.json())["code"]
            assert (response.status, code) == (409, "client_disconnected"), path
        assert code in document["paths"][route.path][route.method.lower()]["responses"]["409"]["description"]


async def test_a_request_keeps_its_id(running_server: RunningServer) -> None:
    for given, good in (("abc-1", True), ("x" * 100, False), ("new\tline", False)):
        async with running_server.http().get("/health", headers={"X-Request-Id": given}) as response:
            assert (response.headers["X-Request-Id"] == given) is good
