"""The agent against the disk: scanning what is unchanged, a first backup, the server's memory."""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.benchmarks.report import Result, Sample
from tests.e2e.world import run_world

MEGABYTE = 1_000_000
SCAN_S = 5.0
SCANNED = 100_000
BUSY = 0.8
"""From this share of a core on, agent and server together are limited by work and not by waiting."""
GROWTH_BYTES = 32 * MEGABYTE


async def measure(*, quick: bool = False) -> list[Result]:
    """Measure with programs as a user runs them, each with a fresh server."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        root = Path(folder)
        return [
            await _scan(root / "scan", 10_000 if quick else SCANNED),
            await _first_backup(root / "first", 300 if quick else 2_000),
            await _memory(root / "memory", 100 if quick else 1_000),
        ]


async def _scan(root: Path, count: int) -> Result:
    """Back ``count`` files up, then again with nothing changed."""
    files = root / "files"
    await asyncio.to_thread(_many_small, files, count)
    async with run_world(root) as world:
        await world.back_up("bench", files, within_s=600)
        taken = tuple([await _timed(lambda: world.back_up("bench", files, within_s=600)) for _ in range(3)])
    ours = Sample(taken, "s")
    walk = Sample(tuple([await asyncio.to_thread(_walk, files) for _ in range(3)]), "s")
    whole = count == SCANNED
    return Result(
        "agent/scan", f"{count:,} unchanged files, the whole of `agent --once`", ours,
        f"under {SCAN_S:g} s for {SCANNED:,}", ours.median < SCAN_S if whole else None,
        walk, "os.walk and lstat of the same", ours.median / walk.median,
    )  # fmt: skip


async def _first_backup(root: Path, count: int) -> Result:
    """Back up files that the server has never seen, and compare with reading, hashing and copying them."""
    files = root / "files"
    size = await asyncio.to_thread(_mixed, files, count)
    taken: list[float] = []
    shares: list[float] = []
    for number in range(3):
        async with run_world(root / f"server-{number}") as world:
            await world.enrol("bench")
            server = psutil.Process(world.server.process.pid)
            before_s = _cpu_s(server)
            children_s = _children_cpu_s()
            seconds = await _timed(lambda world=world: world.back_up("bench", files, within_s=600))
            worked_s = _cpu_s(server) - before_s + _children_cpu_s() - children_s
            taken.append(seconds)
            shares.append(worked_s / seconds)
    plain = Sample(
        tuple([await asyncio.to_thread(_plain_copy, files, root / f"copy-{n}") for n in range(3)]), "s"
    )
    ours = Sample(tuple(taken), "s")
    share = sorted(shares)[1]
    return Result(
        "agent/first", f"first backup of {count:,} files, {size / MEGABYTE:.0f} MB", ours,
        f"busy at least {BUSY:.0%} of a core", share >= BUSY, plain, "sha256 and copy with fsync, one by one",
        ours.median / plain.median, notes=f"agent and server together keep {share:.0%} of a core busy",
    )  # fmt: skip


async def _memory(root: Path, megabytes: int) -> Result:
    """Send a small and a large file to a fresh server each; compare the most memory it ever took."""
    peaks: list[int] = []
    for number, size in enumerate((megabytes // 100 or 1, megabytes)):
        files = root / f"files-{number}"
        await asyncio.to_thread(_one_file, files, size * MEGABYTE)
        async with run_world(root / f"server-{number}") as world:
            await world.back_up("bench", files, within_s=600)
            peaks.append(_peak_bytes(world.server.process.pid))
    growth = peaks[1] - peaks[0]
    return Result(
        "server/memory", f"most memory of the server while it gets a file of {megabytes} MB",
        Sample((peaks[1] / MEGABYTE,), "MB"), f"grows by less than {GROWTH_BYTES // MEGABYTE} MB",
        growth < GROWTH_BYTES, Sample((peaks[0] / MEGABYTE,), "MB"), f"a file of {megabytes // 100} MB",
        peaks[1] / peaks[0],
        notes=f"{growth / MEGABYTE:+.1f} MB",
    )  # fmt: skip


async def _timed(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    await job()  # pyright: ignore[reportGeneralTypeIssues]
    return time.perf_counter() - start


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _children_cpu_s() -> float:
    """Return what programs that have ended, such as the agent, have worked."""
    times = os.times()
    return times.children_user + times.children_system


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _many_small(root: Path, count: int) -> None:
    for start in range(0, count, 500):
        folder = root / f"{start // 50_000:02d}" / f"{start // 500:04d}"
        folder.mkdir(parents=True)
        for number in range(start, min(start + 500, count)):
            (folder / f"file-{number:06d}.txt").write_bytes(b"line %d\n" % (number % 1000))


def _mixed(root: Path, count: int) -> int:
    """Write files of 1 kB to 4 MB of incompressible bytes; return their size."""
    total = 0
    root.mkdir(parents=True)
    for number in range(count):
        size = (1_000, 8_000, 30_000, 100_000, 400_000)[number % 5] + number
        if number % 100 == 99:
            size = 4 * MEGABYTE + number
        (root / f"file-{number:05d}.bin").write_bytes(os.urandom(size))
        total += size
    return total


def _one_file(root: Path, size: int) -> None:
    root.mkdir(parents=True)
    block = os.urandom(8 * MEGABYTE)
    with (root / "large.bin").open("wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: min(len(block), size - start)])


def _walk(root: Path) -> float:
    start = time.perf_counter()
    for folder, _, names in os.walk(root):
        for name in names:
            os.lstat(f"{folder}/{name}")
    return time.perf_counter() - start


def _plain_copy(files: Path, target: Path) -> float:
    target.mkdir(parents=True)
    start = time.perf_counter()
    for path in files.iterdir():
        data = path.read_bytes()
        hashlib.sha256(data).digest()
        with (target / path.name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start
