"""Clocks that are wrong by an hour, a day and a year, as real programs see them: libfaketime sets theirs."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.processes import Program, free_port_pair, run_program
from tests.e2e.waiting_agent import WAITS

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
pytestmark = [pytest.mark.timeout(600), pytest.mark.needs("faketime")]
SERVING = re.compile(r"serving (http://\S+)")
DAY_S = 86_400
PATIENCE_S = 150
"""Long: a busy machine is no fault."""
YEAR = 365 * DAY_S


class Clock:
    """The clock of one machine; its programs see each change at once. No monotonic clock is changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_s(0)

    def set_s(self, offset_s: int) -> None:
        self._file.write_text(f"{offset_s:+d}")

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


class Machines:
    """A server and one client machine, each with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port_pair()
        self.server_clock, self.agent_clock = Clock(folder / "server.clock"), Clock(folder / "agent.clock")
        self.source = folder / "source"
        self.source.mkdir()
        self.number = 0
        self.http: aiohttp.ClientSession

    @asynccontextmanager
    async def server(self) -> AsyncGenerator[Program]:
        """Run the server for the length of the block."""
        words = ("app", "server", "--data", str(self.folder / "data"), "--port", str(self.port))
        async with run_program(*words, env=self.server_clock.environment) as program:
            url = (await program.line(SERVING, within_s=PATIENCE_S))[1]
            token = (self.folder / "data" / "console.token").read_text().strip()
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession(url, headers=headers) as self.http:
                yield program

    async def get(self, path: str) -> Any:
        async with self.http.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def runs(self) -> list[dict[str, Any]]:
        """Return all runs that have ended, newest first."""
        return [run for run in (await self.get("/api/runs?limit=100"))["rows"] if run["finished_at"]]

    @asynccontextmanager
    async def agent(self, *more: str) -> AsyncGenerator[Program]:
        """Run an agent that stays for the length of the block; there is a new file for it."""
        self.number += 1
        (self.source / f"file-{self.number}").write_text(str(self.number))
        words = ("tests.e2e.waiting_agent", str(self.source), "--server", f"http://127.0.0.1:{self.port}")
        state = ("--name", "laptop", "--state", str(self.folder / "state"), "--every", "6h")
        async with run_program(*words, *state, *more, env=self.agent_clock.environment) as program:
            yield program

    async def back_up(self, *more: str) -> None:
        """Start an agent and wait for the backup that is due; then end the agent."""
        before = len(await self.runs())
        async with self.agent(*more) as program:
            await self.until_runs(before + 1, program)
            await _waits_after(1, program)

    async def until_runs(self, count: int, program: Program, within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while len(await self.runs()) < count:
                assert program.process.returncode is None, program.said()
                await asyncio.sleep(0.05)

    async def code(self) -> tuple[str, str]:
        async with self.http.post("/api/enrolments", json={"name": "laptop"}) as response:
            return "--code", (await response.json())["code"]


@pytest.mark.parametrize("offset_s", [YEAR, -YEAR], ids=["ahead", "back"])
async def test_an_agent_whose_clock_was_a_year_wrong_backs_up_by_its_schedule(
    tmp_path: Path, offset_s: int
) -> None:
    machines = Machines(tmp_path)
    async with machines.server():
        machines.agent_clock.set_s(offset_s)
        await machines.back_up(*await machines.code())
        machines.agent_clock.set_s(0)
        await machines.back_up()  # due, since its last one was at no time to be believed
        machines.agent_clock.set_s(offset_s)
        await machines.back_up()
        runs, now = await machines.runs(), datetime.now(UTC)
        assert len(runs) == 3
        for run in runs:  # told by the server's clock
            assert run["state"] == "complete" and run["files_seen"] > 0
            assert abs((now - datetime.fromisoformat(run["started_at"])).total_seconds()) < DAY_S
            assert datetime.fromisoformat(run["finished_at"]) >= datetime.fromisoformat(run["started_at"])


async def test_a_clock_that_jumps_under_an_agent_delays_no_backup(tmp_path: Path) -> None:
    machines = Machines(tmp_path)
    async with machines.server(), machines.agent(*await machines.code()) as program:
        await machines.until_runs(1, program)
        machines.agent_clock.set_s(-YEAR)
        await _asked(machines, 2, program)
        await _waits_after(2, program)
        machines.agent_clock.set_s(7 * 3600)
        await machines.until_runs(3, program)


async def _waits_after(backups: int, program: Program) -> None:
    """Wait until an agent has made so many backups, noted the last one, and waits for the next."""

    def waiting() -> bool:
        done = [number for number, line in enumerate(program.lines) if "backup complete" in line]
        return len(done) >= backups and WAITS in program.lines[done[backups - 1] :]

    async with asyncio.timeout(PATIENCE_S):
        while not waiting():
            assert program.process.returncode is None, program.said()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("offset_s", [-3600, -DAY_S], ids=["hour", "day"])
async def test_lines_events_and_runs_keep_their_order_when_the_servers_clock_is_set(
    tmp_path: Path, offset_s: int
) -> None:
    machines = Machines(tmp_path)
    async with machines.server() as program:
        async with machines.agent(*await machines.code()) as agent:
            await machines.until_runs(1, agent)
            await _waits_after(1, agent)
            machines.server_clock.set_s(offset_s)
            await _asked(machines, 2, agent)
        await _in_order(machines, 2)
        await program.end()
    async with machines.server():
        async with machines.agent() as agent:
            await _asked(machines, 3, agent)
            await _waits_after(1, agent)
            machines.server_clock.set_s(0)
            await _asked(machines, 4, agent)
        await _in_order(machines, 4)

        async def seen_now() -> bool:
            (client,) = (await machines.get("/api/clients"))["clients"]
            times = [datetime.fromisoformat(client[name]) for name in ("last_success_at", "last_seen_at")]
            return all(abs((datetime.now(UTC) - at).total_seconds()) < 600 for at in times)

        # The list of clients follows the events, a moment after the commit.
        async with asyncio.timeout(PATIENCE_S):
            while not await seen_now():  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def _asked(machines: Machines, count: int, agent: Program) -> None:
    """Let the agent make a backup now, whatever its schedule says."""

    async def accepted() -> bool:
        async with machines.http.post("/api/backups", json={"client_ids": None}) as response:
            outcome = await response.json()
            # One that is queued is made as soon as the agent is back: asked again it would be made twice.
            return bool(outcome["done"] or outcome["queued"])

    before = len(await machines.runs())
    async with asyncio.timeout(PATIENCE_S):
        while before < count and not await accepted():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await machines.until_runs(count, agent)


async def _in_order(machines: Machines, count: int) -> None:
    expected = list(range(count, 0, -1))
    runs = await machines.runs()
    assert [run["id"] for run in runs] == expected
    for run in runs:
        assert datetime.fromisoformat(run["finished_at"]) >= datetime.fromisoformat(run["started_at"])
    activity = await machines.get("/api/activity?limit=200")
    assert [line["run_id"] for line in activity if line["kind"] == "run_finished"] == expected
    found: list[int] = []

    async def lines() -> bool:
        page = await machines.get("/api/logs?limit=1000&text=run%20finished")
        found[:] = [line["run_id"] for line in page["lines"]]
        return len(found) >= count

    async with asyncio.timeout(PATIENCE_S):
        while not await lines():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert found == expected
