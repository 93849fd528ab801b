"""Runs many simulated clients for a long time with a console open; what both take must stay flat.

The console is a program of its own, and a browser looks at its dashboard and its clients in turn. Where there
is no browser only the requests and events of a console are made.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from tests.e2e.driver import NotSeen, Screen, find_chromium, open_browser, open_screen
from tests.e2e.processes import URL, Fleet, run_fleet, run_program
from tests.faults.__main__ import room, say
from tests.faults.followers import Follower

START_S = 1800.0
"""Many clients have a long history, which is written first."""
EVERY_S = 5.0
PACE = "6"
"""How many times as fast the fleet lives: about two backups run at any moment."""
TOLD_S = 60.0
SPARE_MB = 32.0
GROWTH = 1.1
"""What the last third may take more than the one in the middle."""
BOUNDS = (("memory_mb", SPARE_MB), ("files", 16), ("threads", 4), ("tasks", 32))
"""What is measured, and how much of it may come and go in any case."""
RULE = (
    f"flat: in the last third the median of each is at most {GROWTH:g} times that of the middle third,"
    f" or {', '.join(f'{spare:g} {name}' for name, spare in BOUNDS)} above it"
)
POLLED = ("/api/status", "/api/clients", "/api/runs/active", "/api/files?limit=100", "/api/transfers")
VIEWS = ("Clients", "Dashboard")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a program takes at a moment."""

    at_s: float
    memory_mb: float
    files: int
    threads: int
    tasks: int


class Console:
    """A console that is open in a browser."""

    def __init__(self, process: psutil.Process, tasks: Path, screen: Screen) -> None:
        self._process, self._tasks, self._screen = process, tasks, screen
        self._looks = self.late = 0
        """``late``: how often a view was not there within the time of a test."""

    async def look(self) -> None:
        """Go to the other view."""
        self._looks += 1
        try:
            await self._screen.go(VIEWS[self._looks % len(VIEWS)])
        except (NotSeen, AssertionError):
            self.late += 1

    def sample(self, at_s: float) -> Sample:
        """Return what it takes."""
        tasks = int(self._tasks.read_text()) if self._tasks.exists() else 0
        return _sample(self._process, at_s, tasks)


@contextlib.asynccontextmanager
async def _console(fleet: Fleet, folder: Path) -> AsyncGenerator[Console | None]:
    """Open a console in a browser for the length of the block; None where there is no browser."""
    chromium = find_chromium()
    if chromium is None:
        say("no browser: the console is not opened, and not measured")
        yield None
        return
    tasks = folder / "tasks"
    words = ("--web", "--port", "0", "--config", str(fleet.configuration(folder)))
    async with run_program("tests.faults.watched", str(tasks), *words) as program:
        url = (await program.line(URL, within_s=START_S))[0]
        async with open_browser(chromium) as browser, open_screen(browser, url) as screen:
            yield Console(psutil.Process(program.process.pid), tasks, screen)


async def soak(clients: int, minutes: float) -> int:
    """Run and print; return 1 where memory, open files, threads or tasks grow."""
    samples: dict[str, list[Sample]] = {"server": [], "console": []}
    with room() as work:
        async with (
            run_fleet(work / "data", "--pace", PACE, clients=clients, start_s=START_S) as fleet,
            _console(fleet, work) as console,
        ):
            server = psutil.Process(fleet.program.process.pid)
            follower = Follower(f"http://127.0.0.1:{fleet.events_port}/events", fleet.token)
            following = asyncio.create_task(follower.follow())
            headers = {"Authorization": f"Bearer {fleet.token}"}
            async with aiohttp.ClientSession(f"http://127.0.0.1:{fleet.port}", headers=headers) as session:
                began = time.monotonic()
                told = began - TOLD_S
                while (now := time.monotonic()) < began + minutes * 60:
                    slowest_s = await _ask(session)
                    samples["server"].append(_sample(server, now - began, await _tasks_of(session)))
                    if console is not None:
                        await console.look()
                        samples["console"].append(console.sample(now - began))
                    if now - told >= TOLD_S:
                        told = now
                        say(
                            _line(
                                samples, f"slowest answer {slowest_s * 1000:.0f} ms, {follower.events} events"
                            )
                        )
                    await asyncio.sleep(EVERY_S)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    found = [f"{who}: {each}" for who, taken in samples.items() for each in grown(taken)] + follower.found
    for each in found:
        say(f"LOST {each}")
    late = 0 if console is None else console.late
    say(f"{clients} clients, {minutes:g} minutes, {follower.events} events, {late} late looks; {RULE}")
    say("flat" if not found else f"NOT flat: {len(found)} problems")
    return 1 if found else 0


async def _ask(session: aiohttp.ClientSession) -> float:
    """Ask what a console polls; return the longest time of an answer."""
    slowest = 0.0
    for path in POLLED:
        began = time.monotonic()
        async with session.get(path) as answer:
            await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{path}: {answer.status}")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


async def _tasks_of(session: aiohttp.ClientSession) -> int:
    async with session.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(next((float(line.split()[-1]) for line in lines if line.startswith("tidewatch_tasks")), 0.0))


def _sample(process: psutil.Process, at_s: float, tasks: int) -> Sample:
    memory = process.memory_info().rss / 1e6
    return Sample(at_s, memory, process.num_fds(), process.num_threads(), tasks)


def _line(samples: dict[str, list[Sample]], more: str) -> str:
    parts = [f"{samples['server'][-1].at_s / 60:5.1f} min"]
    for who, taken in samples.items():
        for last in taken[-1:]:
            parts.append(
                f"{who} {last.memory_mb:6.1f} MB {last.files} files {last.threads} threads {last.tasks} tasks"
            )
    return "  ".join([*parts, more])


def grown(samples: list[Sample]) -> list[str]:
    """Return what the last third took more of than the middle one; the first is the start."""
    third = len(samples) // 3
    if not third:
        return []
    found: list[str] = []
    for name, spare in BOUNDS:
        middle, last = (
            statistics.median(getattr(sample, name) for sample in part)
            for part in (samples[third : 2 * third], samples[2 * third :])
        )
        if last > middle * GROWTH and last > middle + spare:
            found.append(f"{name} grew from {middle:.0f} to {last:.0f}")
    return found
