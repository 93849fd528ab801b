"""A disk that runs full: uploads leave the server what it needs, and runs end with the reason."""

import io
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import update
from structlog.testing import capture_logs

from app.catalogue.errors import CatalogueFull
from app.catalogue.runs import Runs
from app.catalogue.schema import clients
from app.server import disk
from app.wire.http import FinishRun
from streams.model.runs import Run
from streams.model.vocabulary import RunState
from tests.servers import a_server, sha256_of, until
from tests.ui import fleet
from tests.ui.harness import NOON


async def test_an_upload_stops_before_it_takes_what_is_kept_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(30 * 1024 * 1024)
    async with a_server(tmp_path, least_free_bytes=1000) as server:
        agent = await server.enrol("alpha")
        free = 100_000_000

        def shrinking(_: Path) -> int:
            received = server.room.transfers.received_bytes
            return free if received < 10 * 1024 * 1024 else 900

        monkeypatch.setattr(disk, "free_bytes", shrinking)
        path = f"/api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)}"
        async with agent.http.put(path, data=io.BytesIO(content)) as response:
            problem = await response.json()
            assert (response.status, problem["code"]) == (507, "disk_full")
            assert "disk is full" in problem["message"]
        assert server.room.transfers.received_bytes < 20 * 1024 * 1024
        asked = {"hashes": [sha256_of(content)]}
        answer = await server.post("/api/agent/blobs/missing", asked, http=agent.http)
        assert answer["missing"][0]["received_bytes"] > 5 * 1024 * 1024


async def test_an_agent_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server(tmp_path, least_free_bytes=1000) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"x" * 100})

        async def begin() -> tuple[int, str]:
            async with agent.http.post("/api/agent/runs", json={"trigger": "schedule"}) as response:
                return response.status, (await response.json()).get("code", "")

        async def limited(quota_bytes: int) -> None:
            change = update(clients).values(quota_bytes=quota_bytes)
            await server.room.catalogue.writer.write(lambda transaction: transaction.run(change))

        monkeypatch.setattr(disk, "free_bytes", lambda _: 900)
        assert await begin() == (507, "disk_full")
        monkeypatch.setattr(disk, "free_bytes", lambda _: 2**40)
        await limited(99)
        assert await begin() == (507, "quota_exceeded")
        (client,) = (await server.get("/api/clients"))["clients"]
        assert client.get("running_run_id") is None
        await limited(100)
        assert (await begin())[0] == 200, "there may be nothing to send"


async def test_a_server_that_starts_on_a_nearly_full_disk_says_so_at_once(tmp_path: Path) -> None:
    async with a_server(tmp_path, warn_free_bytes=2**60) as server:

        async def told() -> bool:
            page = await server.get("/api/logs?limit=50")
            return any(line["message"] == "disk nearly full" for line in page["lines"])

        await until(told)
        status = await server.get("/api/status")
        assert status["disk_warn_bytes"] == 2**60


def test_the_log_tells_once_when_the_disk_runs_full_and_when_it_has_room_again() -> None:
    sample = replace(fleet.status(NOON), disk_warn_bytes=1000 * disk.MIB, disk_least_bytes=200 * disk.MIB)
    watch = disk.DiskWatch()
    with capture_logs() as said:
        for free in (2000, 990, 980, 1010, 990, 1101, 150, 210, 150, 221, 5000):
            watch.take(replace(sample, disk_free_bytes=free * disk.MIB))
    assert [(line["event"], line["log_level"], line["free"]) for line in said] == [
        ("disk_nearly_full", "warning", "990 MiB"),
        ("disk_has_room_again", "info", "1,101 MiB"),
        ("disk_full", "error", "150 MiB"),
        ("disk_nearly_full", "warning", "221 MiB"),
        ("disk_has_room_again", "info", "5,000 MiB"),
    ]


class FullCatalogue:
    """A catalogue that takes no end of a run while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        finish = Runs.finish

        async def refusing(runs: Runs, run_id: int, body: FinishRun, **more: int) -> Run:
            if self.full:
                raise CatalogueFull("The catalogue cannot grow: the disk is full.", hint="Make room on it.")
            return await finish(runs, run_id, body, **more)

        monkeypatch.setattr(Runs, "finish", refusing)


TOLD = {"state": "failed", "reason": "The disk of the store is full.", "files_failed": 7}
"""The end of a run as its agent tells it."""


async def test_the_end_of_a_run_that_cannot_be_written_is_written_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path, run_lost_s=0.05) as server:
        agent = await server.enrol("alpha")
        async with agent.socket():
            run = await agent.begin()
            catalogue = FullCatalogue(monkeypatch)
            async with agent.http.post(f"/api/agent/runs/{run.id}/finish", json=TOLD) as response:
                assert response.status == 507
                assert (await response.json())["detail"] == "Make room on it."
            assert (await server.room.catalogue.runs.one(run.id)).state is RunState.RUNNING
            catalogue.full = False

            async def ended() -> bool:
                return (await server.room.catalogue.runs.one(run.id)).state.ended

            await until(ended)
            one = await server.room.catalogue.runs.one(run.id)
            assert (one.state, one.reason, one.files_failed) == (RunState.FAILED, TOLD["reason"], 7)


async def test_an_agent_that_comes_back_first_does_not_take_the_place_of_what_it_had_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        run = await agent.begin()
        catalogue = FullCatalogue(monkeypatch)
        async with agent.http.post(f"/api/agent/runs/{run.id}/finish", json=TOLD) as response:
            assert response.status == 507
        catalogue.full = False
        again = await agent.begin()
        one = await server.room.catalogue.runs.one(run.id)
        assert (one.state, one.reason, one.files_failed) == (RunState.FAILED, TOLD["reason"], 7)
        assert (await server.room.catalogue.runs.one(again.id)).state is RunState.RUNNING
