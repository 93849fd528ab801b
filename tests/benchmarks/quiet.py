"""60 quiet clients: what console and server take while nothing happens, and what is asked meanwhile."""

import asyncio
import tempfile
from pathlib import Path

import psutil

from tests.benchmarks.report import Result, Sample
from tests.e2e.driver import find_chromium, open_browser, open_screen
from tests.e2e.processes import run_console, run_fleet, write_configuration
from tests.e2e.proxy import run_network

CLIENTS = 60
CPU_RATIO = 0.02
MEMORY_BYTES = 250_000_000
SETTLE_S = 8.0
SLICES = 6


async def measure(*, quick: bool = False) -> list[Result]:
    """Watch both programs for 30 s with a view open, and for 15 s with the browser closed."""
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("no Chromium on this machine")
    watch_s, hidden_s = (6.0, 6.0) if quick else (30.0, 15.0)
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        root = Path(folder)
        async with (
            run_fleet(root / "data", "--quiet", clients=CLIENTS) as fleet,
            run_network(fleet.port, fleet.events_port) as network,
        ):
            config = write_configuration(root, port=network.port, database_path=fleet.database_path)
            async with (
                run_console("--config", str(config)) as (console, url),
                open_browser(chromium) as browser,
            ):
                async with open_screen(browser, url) as screen:
                    await screen.see(f"{CLIENTS} clients within their goal", within_s=30)
                    await asyncio.sleep(SETTLE_S)
                    server = psutil.Process(fleet.program.process.pid)
                    both = await _watch([_tree(console.process.pid), [server]], watch_s)
                await asyncio.sleep(SETTLE_S)
                network.requests.clear()
                await asyncio.sleep(hidden_s)
                asked = list(network.requests)
    what = f"{CLIENTS} quiet clients, dashboard open, {watch_s:g} s"
    results: list[Result] = []
    for name, (cpu, memory) in zip(("console", "server"), both, strict=True):
        note = "with its simulated clients in the same process" if name == "server" else ""
        mean = sum(cpu.values) / len(cpu.values)
        results += [
            Result(f"quiet/{name} cpu", what, cpu, f"mean under {CPU_RATIO:.0%} of a core",
                   mean < CPU_RATIO * 100, notes=f"mean {mean:.2f} %. {note}"),
            Result(f"quiet/{name} memory", what, memory, f"under {MEMORY_BYTES // 10**6} MB",
                   max(memory.values) < MEMORY_BYTES / 10**6, notes=note),
        ]  # fmt: skip
    results.append(
        Result("quiet/requests", f"HTTP requests in {hidden_s:g} s while no view is visible",
               Sample((float(len(asked)),), "requests"), "none", not asked, notes=" ".join(asked[:5]))
    )  # fmt: skip
    return results


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


async def _watch(groups: list[list[psutil.Process]], seconds: float) -> list[tuple[Sample, Sample]]:
    """Return for each group of processes its share of a core (per cent) by slice, and its memory (MB)."""
    cpu: list[list[float]] = [[] for _ in groups]
    memory: list[list[float]] = [[] for _ in groups]
    before = [_cpu_s(group) for group in groups]
    step_s = seconds / SLICES
    for _ in range(SLICES):
        await asyncio.sleep(step_s)
        for index, group in enumerate(groups):
            now = _cpu_s(group)
            cpu[index].append((now - before[index]) / step_s * 100)
            before[index] = now
            memory[index].append(sum(process.memory_info().rss for process in group) / 1e6)
    return [
        (Sample(tuple(shares), "%"), Sample(tuple(sizes), "MB"))
        for shares, sizes in zip(cpu, memory, strict=True)
    ]


def _cpu_s(group: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in group))
