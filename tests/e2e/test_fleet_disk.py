"""A disk that fills, under a real server in this process."""

import asyncio
from pathlib import Path

import pytest

from app.fleet.fleet import Plan, run_fleet
from app.fleet.scenarios import Scenario, server_settings
from app.fleet.seeding import prepare
from app.runtime.tasks import Tasks
from app.server import disk
from app.server.data_dir import STORE_FOLDER
from app.server.limits import Limits
from app.server.run import running_room
from streams.model.vocabulary import RunState
from tests.servers import until

pytestmark = pytest.mark.timeout(180)

FREE_BYTES = 2**40


async def test_a_disk_that_fills_ends_in_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk of our own: what others write to this machine's must neither fill nor empty it."""
    data = tmp_path / "data"
    data.mkdir()
    members = await prepare(data, count=4, seed=7)

    def stored_bytes() -> int:
        return sum(file.stat().st_size for file in (data / STORE_FOLDER).rglob("*") if file.is_file())

    at_first = stored_bytes()
    monkeypatch.setattr(disk, "measure", lambda _: (2 * FREE_BYTES, FREE_BYTES - (stored_bytes() - at_first)))
    limits = Limits.of(server_settings(Scenario.FULL_DISK, FREE_BYTES, 4))
    assert FREE_BYTES > limits.warn_free_bytes > limits.least_free_bytes
    tasks = Tasks()
    async with running_room(data, host="127.0.0.1", port=0, settings=limits, simulated=True) as (room, info):
        plan = Plan(4, 7, pace=100.0, scenario=Scenario.FULL_DISK)
        fleet = tasks.start(run_fleet(info, members, plan, tasks), "fleet")

        async def refused() -> bool:
            runs = (await room.catalogue.runs.page(limit=50)).rows
            return any(run.state is RunState.FAILED and "stay free" in (run.reason or "") for run in runs)

        try:
            await until(refused, deadline_s=90)
        finally:
            fleet.cancel()
            await asyncio.wait((fleet,))
            await tasks.close()
