"""An enrolled client that says whatever it likes: every console reads on, and the server starts again."""

from pathlib import Path
from typing import Any

from app.wire.http import ActiveRuns, ClientList, encode
from streams.model.analytics import BackupHistory, ClientHeat
from streams.model.clients import Client
from streams.model.files import FilePage, FilesSummary
from streams.model.runs import RunPage, RunResults
from streams.model.server import Activity, ServerStatus
from tests.servers import Agent, RunningServer, a_server, sha256_of, told

NUMBERS = (
    0,
    -1,
    2**31,
    2**53,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    1e308,
    -0.5,
    None,
    "7",
    True,
)
TEXTS = ("", "\u0000", "\u001b[2J", "\u202e", "x" * 5000, "\U0001f600" * 600, 5, None, ["x"])
PATHS = ("", "Lw==", "L2E=", "Ly4uL2E=", "L2EAYg==", "YQ==", "/w==", "not base64", "L" * 20_000, 7)
GOOD: dict[str, Any] = {
    "raw_path": "L2E=", "kind": "file", "size_bytes": 4, "mtime_ns": 1, "mode": 420,
    "sha256": sha256_of(b"real"),
}  # fmt: skip
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"kind": "folder", "sha256": None, "size_bytes": 0},
    {"kind": "link", "sha256": None},
)
ANSWERS: dict[str, Any] = {
    "/api/clients": ClientList,
    "/api/runs?limit=1000": RunPage,
    "/api/runs/active": ActiveRuns,
    "/api/runs/results": RunResults,
    "/api/files?limit=1000": FilePage,
    "/api/files/summary": FilesSummary,
    "/api/activity?limit=1000": list[Activity],
    "/api/status": ServerStatus,
    "/api/analytics/backups?span_s=86400": BackupHistory,
    "/api/analytics/hours?span_s=86400": ClientHeat,
}


async def say(agent: Agent, path: str, body: Any) -> int:
    async with agent.http.post(path, data=encode(body)) as response:
        await response.read()
        assert response.status < 500 or response.status == 507, (path, body, await response.text())
        return response.status


async def all_answers_decode(server: RunningServer) -> None:
    for path, kind in ANSWERS.items():
        await server.get(path, kind)


async def forge(server: RunningServer, agent: Agent) -> None:
    """Say extreme things on every route of agents, one at a time, each beside what is right."""
    await agent.put(b"real")
    run = await agent.begin()
    base = f"/api/agent/runs/{run.id}"
    for name, values in (
        ("size_bytes", NUMBERS),
        ("mtime_ns", NUMBERS),
        ("mode", NUMBERS),
        ("raw_path", PATHS),
        ("link_target", PATHS),
        ("sha256", TEXTS),
        ("kind", TEXTS),
        ("inconsistent", NUMBERS),
    ):
        for value in values:
            for more in KINDS:
                await say(agent, f"{base}/entries", {"entries": [GOOD | more | {name: value}]})
    for path in PATHS:
        await say(agent, f"{base}/vanished", {"raw_paths": [path]})
    for text in TEXTS:
        await say(agent, "/api/agent/blobs/missing", {"hashes": [text]})
    for name in ("files_seen", "files_failed", "bytes_seen", "bytes_sent"):
        for number in NUMBERS:
            await say(agent, "/api/agent/runs", {"trigger": "agent"})
            active = await server.get("/api/runs/active", ActiveRuns)
            for each in active.runs:
                await say(agent, f"/api/agent/runs/{each.id}/finish", {"state": "complete", name: number})
    for text in TEXTS:
        await say(agent, "/api/agent/runs", {"trigger": "agent", "correlation_id": text})
        for each in (await server.get("/api/runs/active", ActiveRuns)).runs:
            await say(agent, f"/api/agent/runs/{each.id}/finish", {"state": "failed", "reason": text})


async def forge_frames(server: RunningServer, agent: Agent) -> None:
    """Say extreme things on the socket; it is closed after what is no frame."""
    run = await agent.begin()
    for name, values in (
        ("bytes_total", NUMBERS),
        ("files_done", NUMBERS),
        ("bytes_done", NUMBERS),
        ("current_path", TEXTS),
    ):
        for value in values:
            async with agent.socket() as socket:
                await told(socket)
                frame = {"type": "progress", "run_id": run.id, "bytes_done": 1, name: value}
                await socket.send_str(encode(frame).decode())
                await socket.send_str('{"type":"ack","id":9223372036854775807,"accepted":true}')
    async with agent.socket() as socket:
        await told(socket)
        await socket.send_str('{"type":"progress","x":' + "[" * 100_000)
    await server.get("/api/runs/active", ActiveRuns)


async def test_a_forged_agent_harms_nobody_else(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        good, bad = await server.enrol("good"), await server.enrol("bad")
        await good.back_up({"/home/a": b"kept"})
        await forge(server, bad)
        await forge_frames(server, bad)
        await all_answers_decode(server)
        summary = await server.get("/api/files/summary", FilesSummary)
        assert summary.total_bytes < 10_000
        assert (await server.get(f"/api/clients/{good.client_id}", Client)).file_count == 1
    async with a_server(tmp_path) as server:
        await all_answers_decode(server)
        rows = (await server.get("/api/files?text=home", FilePage)).rows
        assert [row.path for row in rows] == ["/home/a"]
