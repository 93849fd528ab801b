"""5,000 log lines a second through a real server and console into a real browser: memory, answers, losses."""

import asyncio
import contextlib
import json
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from playwright.async_api import TimeoutError as NotSeen

from tests.benchmarks.report import Result, Sample
from tests.e2e.driver import Screen, find_chromium, open_browser, open_screen
from tests.e2e.processes import Program, run_console, run_program, write_configuration

RATE = 5000
QUIET_ROUNDS = 4
QUICK_S, SHORT_S, FULL_S = 10.0, 60.0, 600.0
ANSWER_S = 1.0
"""A filter or a pause that takes longer is felt as a hang; the pause before a search is told is in it."""
MAX_TIMES = 3.0
GROWTH_BYTES = 60_000_000
"""What console and server may grow by after their buffers are full."""
WARM_UP_RATIO = 0.2
CYCLE_S = 5.0
LONGEST_S = 60.0
"""How long an answer is waited for."""
SEARCH, EXPRESSION = "Text or /regex/", "/marked .?ine/"
DROPPED = re.compile(r"([\d,]+) lines? dropped")

_WORDS = """[...document.querySelectorAll('flt-semantics, flt-semantics span')]
    .map(n => n.getAttribute('aria-label') || (n.children.length ? '' : n.textContent)).join('\\n')"""
ALL = f"() => {_WORDS}.includes('flood line')"
FILTERED = f"() => {{ const t = {_WORDS}; return t.includes('marked line') && !t.includes('flood line') }}"
NONE, SOME = f"() => {_WORDS}.includes('No line')", f"() => !{_WORDS}.includes('No line')"
STANDS = f"() => /^Follow$/m.test({_WORDS})"


@dataclass(slots=True)
class _Seen:
    console_mb: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    server_mb: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    answers_ms: dict[str, list[float]] = field(default_factory=lambda: {"filter": [], "pause": []})
    quiet_ms: dict[str, list[float]] = field(default_factory=lambda: {"filter": [], "pause": []})
    dropped: int = 0


async def measure(*, quick: bool = False, full: bool = False) -> list[Result]:
    """Flood for a minute, or for ten of them in full, while somebody filters and pauses."""
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("no Chromium on this machine")
    seconds = QUICK_S if quick else FULL_S if full else SHORT_S
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        root = Path(folder)
        words = ("tests.benchmarks.flooding", "--data", str(root / "data"), "--rate", str(RATE))
        async with run_program(*words, keep_stdin=True) as server:
            told = json.loads((await server.line(re.compile(r"^\{.*\}$"), within_s=60))[0])
            config = write_configuration(root, port=told["port"], database_path=Path(told["database_path"]))
            async with (
                run_console("--config", str(config)) as (console, url),
                open_browser(chromium) as browser,
                open_screen(browser, url) as screen,
            ):
                await screen.go("Logs")
                await screen.see("Pause or follow", within_s=30)
                seen = _Seen()
                for _ in range(QUIET_ROUNDS):
                    await _act(screen, seen.quiet_ms, NONE, SOME)
                _tell(server)
                await screen.page.wait_for_function(ALL, timeout=LONGEST_S * 1000)
                await _watch(screen, console, server, seconds, seen)
            _end(server)
            said = json.loads((await server.line(re.compile(r'^\{"said".*\}$'), within_s=60))[0])["said"]
    return _results(seen, said, seconds)


async def _watch(screen: Screen, console: Program, server: Program, seconds: float, seen: _Seen) -> None:
    start = time.monotonic()
    parts = ((psutil.Process(console.process.pid), seen.console_mb),
             (psutil.Process(server.process.pid), seen.server_mb))  # fmt: skip
    while (at := time.monotonic() - start) < seconds:
        for process, into in parts:
            into.append((at, process.memory_info().rss / 1e6))
        await _act(screen, seen.answers_ms, FILTERED, ALL)
        await asyncio.sleep(max(0.0, CYCLE_S - (time.monotonic() - start - at)))
    found = DROPPED.search(await screen.words())
    seen.dropped = int(found[1].replace(",", "")) if found else 0


async def _act(screen: Screen, taken: dict[str, list[float]], filtered: str, everything: str) -> None:
    """Search, search no more, pause and follow, as a person does; note how long each answer took."""
    for text, shown in ((EXPRESSION, filtered), ("", everything)):
        begun = await _search(screen, text)
        taken["filter"].append(await _answered(screen, shown, begun))
    begun = time.perf_counter()
    await screen.tap(screen.text("Pause or follow"))
    taken["pause"].append(await _answered(screen, STANDS, begun))
    await screen.tap(screen.text("Pause or follow"))


async def _search(screen: Screen, text: str) -> float:
    """Type into the search field, again where a busy browser lost a key; return when it was typed."""
    found = screen.field(SEARCH)
    async with asyncio.timeout(LONGEST_S):
        while True:
            begun = time.perf_counter()
            await screen.tap(found)
            await screen.page.keyboard.press("Control+a")
            await (screen.page.keyboard.type(text) if text else screen.page.keyboard.press("Delete"))
            if await screen.page.locator("input").first.input_value() == text:
                return begun


async def _answered(screen: Screen, shown: str, begun: float) -> float:
    """Return how many milliseconds it took until something was shown; so many at least where it never was."""
    with contextlib.suppress(NotSeen):
        await screen.page.wait_for_function(shown, timeout=LONGEST_S * 1000)
    return (time.perf_counter() - begun) * 1000


def _tell(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.write(b"flood\n")


def _end(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.close()


def _results(seen: _Seen, said: int, seconds: float) -> list[Result]:
    what = f"{RATE:,} log lines a second for {seconds:g} s, the log view open"
    results: list[Result] = []
    for name, samples in (("console", seen.console_mb), ("server", seen.server_mb)):
        full = [value for at, value in samples if at >= seconds * WARM_UP_RATIO] or [samples[-1][1]]
        growth = max(full) - full[0]
        times = "  ".join(f"{at:.0f} s: {value:.0f}" for at, value in samples[:: max(1, len(samples) // 8)])
        results.append(
            Result(f"flood/{name} memory", what, Sample(tuple(full), "MB"),
                   f"grows by less than {GROWTH_BYTES / 1e6:.0f} MB once warm", growth < GROWTH_BYTES / 1e6,
                   notes=times)
        )  # fmt: skip
    bar = f"median under {ANSWER_S:g} s, or {MAX_TIMES:g} times a quiet log's where the browser is that slow"
    for name, taken in seen.answers_ms.items():
        ours, quiet = Sample(tuple(taken), "ms"), Sample(tuple(seen.quiet_ms[name]), "ms")
        met = ours.median < max(ANSWER_S * 1000, MAX_TIMES * quiet.median)
        results.append(
            Result(f"flood/{name}", f"from the click or key to what it shows; {what}", ours, bar, met,
                   quiet, "a quiet log", ours.median / quiet.median, f"slowest {max(taken):.0f} ms")
        )  # fmt: skip
    note = f"of {said:,} lines said; the files of the server's log are bounded too"
    shown = Sample((float(seen.dropped),), "lines")
    results.append(
        Result("flood/dropped", "lines that the screen says were dropped", shown, "", None, notes=note)
    )
    return results
