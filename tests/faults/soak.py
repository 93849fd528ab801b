"""Runs many simulated clients for a long time with a console attached; what it takes must stay flat."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import aiohttp
import psutil

from tests.e2e.processes import run_fleet
from tests.faults.__main__ import room, say
from tests.faults.followers import Follower

EVERY_S = 5.0
TOLD_S = 60.0
SPARE_MB = 32.0
GROWTH = 1.1
"""What the last third may take more than the one in the middle."""
POLLED = ("/api/status", "/api/clients", "/api/runs/active", "/api/files?limit=100", "/api/transfers")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server takes at a moment."""

    at_s: float
    memory_mb: float
    files: int
    threads: int
    tasks: int


async def soak(clients: int, minutes: float) -> int:
    """Run and print; return 1 where memory, open files, threads or tasks grow."""
    samples: list[Sample] = []
    with room() as work:
        async with run_fleet(work / "data", clients=clients) as fleet:
            process = psutil.Process(fleet.program.process.pid)
            follower = Follower(f"http://127.0.0.1:{fleet.events_port}/events", fleet.token)
            following = asyncio.create_task(follower.follow())
            headers = {"Authorization": f"Bearer {fleet.token}"}
            async with aiohttp.ClientSession(f"http://127.0.0.1:{fleet.port}", headers=headers) as console:
                began = told = time.monotonic()
                while (now := time.monotonic()) < began + minutes * 60:
                    slowest_s = await _look(console)
                    samples.append(await _sample(process, console, now - began))
                    if now - told >= TOLD_S or len(samples) == 1:
                        told = now
                        slowest = f"slowest answer {slowest_s * 1000:.0f} ms"
                        say(f"{_line(samples[-1])}  {slowest}  {follower.events} events")
                    await asyncio.sleep(EVERY_S)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    found = [*follower.found, *grown(samples)]
    for each in found:
        say(f"LOST {each}")
    say(f"{clients} clients, {minutes:g} minutes, {follower.events} events, {len(found)} problems")
    return 1 if found else 0


async def _look(console: aiohttp.ClientSession) -> float:
    """Ask what a console polls; return the longest time of an answer."""
    slowest = 0.0
    for path in POLLED:
        began = time.monotonic()
        async with console.get(path) as answer:
            await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{path}: {answer.status}")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


async def _sample(process: psutil.Process, console: aiohttp.ClientSession, at_s: float) -> Sample:
    async with console.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    tasks = next((float(line.split()[-1]) for line in lines if line.startswith("tidewatch_tasks")), 0.0)
    memory = process.memory_info().rss / 1e6
    return Sample(at_s, memory, process.num_fds(), process.num_threads(), int(tasks))


def _line(sample: Sample) -> str:
    return (
        f"{sample.at_s / 60:5.1f} min  {sample.memory_mb:7.1f} MB  {sample.files:5} files"
        f"  {sample.threads:3} threads  {sample.tasks:5} tasks"
    )


def grown(samples: list[Sample]) -> list[str]:
    """Return what the last third took more of than the middle one; the first is the start."""
    third = len(samples) // 3
    found: list[str] = []
    for name, spare in (("memory_mb", SPARE_MB), ("files", 16), ("threads", 4), ("tasks", 32)):
        middle, last = (
            statistics.median(getattr(sample, name) for sample in part)
            for part in (samples[third : 2 * third] or samples, samples[2 * third :] or samples)
        )
        if last > middle * GROWTH and last > middle + spare:
            found.append(f"{name} grew from {middle:.0f} to {last:.0f}")
    return found
