"""Whatever the body or the question: the answer is the one asked for or a refusal in the one shape."""

import asyncio
import inspect
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.server.problems import STATUS_OF_CODE
from app.server.routes import ROUTES
from app.wire.http import Problem
from streams.model.vocabulary import Scope
from tests.app.server.test_forged_agent import GOOD, all_answers_decode
from tests.servers import Agent, RunningServer, a_server, sha256_of

pytestmark = pytest.mark.timeout(300)
EXAMPLES = 120
ODD = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, "-" + "9" * 400, "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1.5", "-0", "0.1e-400", "true", "null", '""',
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u202e"', '"' + "x" * 70_000 + '"', "[]", "{}", "[[[]]]",
    '{"":{"":{}}}', "[" * 1500 + "]" * 1500, "[" * 3000, '{"a":' * 1500 + "1" + "}" * 1500, '"\\x"', "'",
    '"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', '"2026-02-30T00:00:00Z"', '"2026-01-01T00:00:00"',
    '"' + "f" * 64 + '"', '"L2E="', '"agent"', "[null]", '[{"a":1}]',
)  # fmt: skip
"""Values as they stand in a body: no JSON that is one, and none."""
ROUTES_WITH_BODY = [
    route
    for route in ROUTES
    if route.method in ("POST", "PATCH", "PUT", "DELETE") and route.body_content is None
]
QUESTIONS = [route for route in ROUTES if route.method == "GET"]
BODIES: dict[str, Any] = {
    "/api/agent/runs": {"trigger": "agent", "correlation_id": "c"},
    "/api/agent/blobs/missing": {"hashes": [sha256_of(b"real")]},
    "/api/agent/runs/{run_id}/entries": {"entries": [GOOD, GOOD | {"raw_path": "L2I="}]},
    "/api/agent/runs/{run_id}/vanished": {"raw_paths": ["L2E="]},
    "/api/agent/runs/{run_id}/finish": {
        "state": "complete", "reason": "r", "files_seen": 1, "files_new": 1, "files_changed": 0,
        "files_vanished": 0, "files_failed": 0, "bytes_seen": 4, "bytes_sent": 4,
    },
    "/api/agent/versions/contents": {"version_ids": [1]},
    "/api/versions/contents": {"version_ids": [1]},
    "/api/clients/disconnect": {"client_ids": ["nobody"]},
    "/api/clients/allow": {"client_ids": ["nobody"]},
    "/api/clients/{client_id}": {"goal_s": 60.0},
    "/api/clients/{client_id}/quota": {"quota_bytes": 4096},
    "/api/backups": {"client_ids": None},
    "/api/files/delete": {"file_ids": [1]},
    "/api/files/undelete": {"file_ids": [1]},
    "/api/files/verify": {"file_ids": [1]},
    "/api/server/stop": {"timeout_s": 1.0},
    "/api/enrolments": {"name": "n"},
    "/api/enrol": {"name": "n", "code": "c", "platform": "p", "agent_version": "v"},
    "/api/tokens": {"name": "n", "scopes": ["look"], "days": 1.0},
    "/api/settings": {"changes": [{"name": "server.verify_days", "value": "30", "before": "30"}]},
    "/api/database/page": {
        "path": "", "id": "i", "table": "clients", "sort": "name", "descending": True, "limit": 2,
        "filter": {"column": "name", "kind": "=", "text": "odd"}, "direction": "after",
        "edge": {"value": "a", "key": [1, {"type": "bytes", "data": "AA=="}]},
    },
    "/api/database/value": {"table": "clients", "column": "name", "key": [1], "start_bytes": 0},
    "/api/database/count": {"table": "clients", "filter": {"column": "name", "text": "o"}},
    "/api/database/sql": {"sql": "SELECT 1"},
    "/api/database/plan": {"sql": "SELECT 1"},
    "/api/database/export": {"sql": "SELECT 1", "format": "csv"},
}  # fmt: skip
ODD_TEXTS = st.one_of(
    st.sampled_from(
        ("", "0", "-1", "1e400", "NaN", "9" * 30, "\0", "\ud7ff", "..", "a" * 3000, "%", "[", "1;2")
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


def texts(value: Any) -> Iterator[Callable[[str], str]]:
    """Yield, for each place in a JSON value, what writes it with something else there."""
    yield lambda odd: odd
    if isinstance(value, dict):
        for name in value:
            for inner in texts(value[name]):
                yield lambda odd, name=name, inner=inner: _object(value, name, inner(odd))
        yield lambda odd: _object(value, "unknown", odd)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            for inner in texts(each):
                yield lambda odd, place=place, inner=inner: _array(value, place, inner(odd))
        yield lambda odd: "[" + ",".join([odd] * (40 if len(odd) < 1000 else 2)) + "]"


def _object(value: dict[str, Any], name: str, odd: str) -> str:
    parts = {key: json.dumps(each) for key, each in value.items()} | {name: odd}
    return "{" + ",".join(f"{json.dumps(key)}:{text}" for key, text in parts.items()) + "}"


def _array(value: list[Any], place: int, odd: str) -> str:
    parts = [json.dumps(each) for each in value]
    parts[place] = odd
    return "[" + ",".join(parts) + "]"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Any, bytes]:
    """Draw a route and a body for it: a right one with something odd in a place, or no JSON at all."""
    route = draw(st.sampled_from(ROUTES_WITH_BODY))
    if draw(st.integers(0, 9)) == 0:
        return route, draw(st.binary(max_size=30))
    write = draw(st.sampled_from(list(texts(BODIES.get(route.path, {})))))
    text = write(draw(st.sampled_from(ODD)))
    return route, text.encode("utf-8", "surrogatepass")[: draw(st.sampled_from((None, None, None, -1)))]


@st.composite
def questions(draw: st.DrawFn) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Draw a route that answers questions, and odd words for its query and its path."""
    route = draw(st.sampled_from(QUESTIONS))
    names: st.SearchStrategy[str] = st.sampled_from(
        (
            "limit", "after", "before", "client_id", "cursor", "text", "suffix", "state", "sort", "since",
            "until", "span_s", "offset_s", "offset_changes", "at", "minutes", "sources", "levels", "search",
            "regex", "run_id", "descending", "kind", "compare", "min_bytes", "path", "id", "thorough",
        )
    )  # fmt: skip
    query = draw(st.dictionaries(names, ODD_TEXTS, max_size=3))
    parts = {name: draw(ODD_TEXTS) for name in _parts(route.path)}
    return route, {str(name): str(word) for name, word in query.items()}, parts


def _parts(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


class Stage:
    """A server on a loop of its own, so that each example is a plain call."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._context = a_server(folder, enrol_failures=10**6, wrong_tokens=10**6)
        self.server: RunningServer = self.do(self._context.__aenter__())
        self.agent: Agent = self.do(self.server.enrol("odd"))
        self.other: Agent = self.do(self.server.enrol("good"))
        self.do(self.other.back_up({"/home/a": b"kept"}))
        self.do(self.agent.put(b"real"))
        self.known = {"version_id": "1", "file_id": "1", "token_id": "999", "sha256": sha256_of(b"real")}
        self.known["question_id"] = "none"

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.do(self._context.__aexit__(None, None, None))
        self.loop.close()

    def known_parts(self) -> dict[str, str]:
        runs = self.do(self.server.get("/api/runs/active"))["runs"]
        mine = [run["id"] for run in runs if run["client_id"] == self.agent.client_id]
        run_id = mine[0] if mine else self.do(self.agent.begin()).id
        return self.known | {"run_id": str(run_id), "client_id": self.agent.client_id}

    async def ask(self, route: Any, path: str, **more: Any) -> None:
        http = self.agent.http if route.scope is Scope.AGENT else self.server.console
        async with http.request(route.method, path, **more) as response:
            answer = await response.read()
            told = (route.method, path, more, response.status, answer[:500])
            assert response.status < 500, told
            if response.status >= 400:
                problem = msgspec.json.decode(answer, type=Problem)
                assert STATUS_OF_CODE[problem.code] == response.status, told
                assert len(answer) < 50_000, told


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.do(all_answers_decode(stage.server))
    stage.close()

    async def started_again() -> None:
        async with a_server(tmp_path) as server:
            await all_answers_decode(server)
            rows = (await server.get("/api/files?text=home"))["rows"]
            assert [row["path"] for row in rows] == ["/home/a"]

    asyncio.run(started_again())


SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    # The server remembers the examples before, so that one says nothing when it is tried again, or smaller.
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
)


def test_every_body_that_a_route_reads_is_among_them() -> None:
    reads = {
        route.path for route in ROUTES_WITH_BODY if "body" in inspect.signature(route.handler).parameters
    }
    assert reads and reads <= set(BODIES)


def test_any_body_is_answered_or_refused(stage: Stage) -> None:
    @SETTINGS
    @given(bodies())
    def each(drawn: tuple[Any, bytes]) -> None:
        route, body = drawn
        parts = stage.known_parts() if "run_id" in route.path else stage.known | {"client_id": "nobody"}
        stage.do(
            stage.ask(route, route.path.format_map(parts | {"run_id": parts.get("run_id", "1")}), data=body)
        )
        if route.path == "/api/server/stop":  # else all that follows would only be told that it has stopped
            stage.do(stage.server.post("/api/server/start"))

    each()


def test_any_question_is_answered_or_refused(stage: Stage) -> None:
    @SETTINGS
    @given(questions())
    def each(drawn: tuple[Any, dict[str, str], dict[str, str]]) -> None:
        route, query, odd = drawn
        path = route.path.format_map({name: quote(text, safe="") or "x" for name, text in odd.items()})
        stage.do(stage.ask(route, path, params=query))

    each()
