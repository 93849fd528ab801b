"""Speed of hand: from a click or key to the changed picture, in a real Chromium over a living fleet.

Each action is done twice first, to learn which words are on the screen after it and not before. Then the
time counts from the browser's event to the frame in which nine tenths of these words stand (the fleet lives:
some change meanwhile), and one more frame, after which that one is on the screen. The browser's own share is
what lies before its first message to the console and after the last one of the console: the toolkit's client,
its layout, semantics and paint.
"""

import asyncio
import contextlib
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Result, Sample
from tests.e2e.driver import Screen, find_chromium, open_browser, open_screen
from tests.e2e.processes import URL, run_fleet, run_program

MEDIAN_MS = 100.0
WORST_MS = 250.0
LOOP_MS = 50.0
TIMES = 50
SETTLE_S = 1.2
"""Between an action and the next, so that each begins from a screen at rest."""
LEARN_S = 2.5
"""After which the words of a screen are learnt."""
TOO_LONG_MS = 10_000

WATCH = """
{
  const SHARE = 0.9;
  const Plain = window.WebSocket;
  window.sent = []; window.came = []; window.hands = [];
  window.WebSocket = class extends Plain {
    constructor(...words) {
      super(...words);
      this.addEventListener('message', () => window.came.push(performance.now()));
    }
    send(data) { window.sent.push(performance.now()); return super.send(data); }
  };
  for (const kind of ['pointerdown', 'keydown']) {
    addEventListener(kind, (event) => window.hands.push(event.timeStamp), {capture: true});
  }
  window.said = () => {
    const all = new Set();
    const nodes = 'flt-semantics, flt-semantics span, flt-semantics-host :is(h1, h2)';
    document.querySelectorAll(nodes).forEach((node) => {
      const label = node.getAttribute('aria-label') || (node.children.length ? '' : node.textContent);
      label && label.split('\\n').forEach((line) => all.add(line));
    });
    return all;
  };
  window.watch = (words, limit) => { window.timed = new Promise((tell) => {
    window.sent = []; window.came = []; window.hands = [];
    const look = () => {
      const now = performance.now();
      const all = window.hands.length ? window.said() : new Set();
      if (words.filter((word) => all.has(word)).length < SHARE * words.length) return;
      watch.disconnect();
      requestAnimationFrame(() => requestAnimationFrame((painted) => tell({
        hand: window.hands[0], sent: window.sent[0] ?? null,
        came: window.came.filter((at) => at <= now).at(-1) ?? null, painted,
      })));
    };
    const watch = new MutationObserver(look);
    watch.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
    setTimeout(() => tell(null), limit);
  }); };
}
"""

Act = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a hand does, and what leads back to where it can be done again."""

    name: str
    do: Act
    back: Act
    first: Act | None = None
    """What leads to where it can be done; the way back, where there is none."""


@dataclass(frozen=True, slots=True)
class Took:
    """Times of one action, ms: to the changed picture, and the browser's own share of it."""

    whole_ms: float
    browser_ms: float


async def measure(*, quick: bool = False) -> list[Result]:
    """Do each action many times; then tell what held the console's loop meanwhile."""
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("no Chromium on this machine")
    times = 5 if quick else TIMES
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        root = Path(folder)
        turns = root / "turns.jsonl"
        async with (
            run_fleet(root / "data") as fleet,
            _timed_console(turns, fleet.configuration(root)) as url,
            open_browser(chromium) as browser,
            open_screen(browser, url, script=WATCH) as screen,
        ):
            await screen.see("live", within_s=60)
            await asyncio.sleep(5)
            started_s = time.time()
            taken = [(action.name, await _repeat(screen, action, times)) for action in _actions(screen)]
        held = [json.loads(line) for line in turns.read_text().splitlines()]
    results = [_result(name, each, times) for name, each in taken]
    return [*results, _loop([turn for turn in held if turn["until_s"] > started_s])]


@contextlib.asynccontextmanager
async def _timed_console(turns: Path, config: Path) -> AsyncIterator[str]:
    words = ("--web", "--port", "0", "--config", str(config))
    async with run_program("tests.benchmarks.timed_console", str(turns), *words) as program:
        yield (await program.line(URL, within_s=60))[0]


def _actions(screen: Screen) -> list[Action]:
    """Return what is measured, in an order in which each begins where the one before has led back to."""
    page, keyboard = screen.page, screen.page.keyboard

    def go(view: str) -> Act:
        return lambda: screen.go(view)

    def button(name: str) -> Act:
        return lambda: screen.tap(screen.button(re.compile(rf"^{name}( sorted.*)?$")).first)

    def row(name: str) -> Act:
        return lambda: screen.tap(screen.row(name))

    def key(*names: str) -> Act:
        async def press() -> None:
            for name in names:
                await keyboard.press(name)

        return press

    def field(view: str, label: str) -> Act:
        async def take() -> None:
            await screen.go(view)
            await screen.fill(label, "x")
            await keyboard.press("Backspace")

        return take

    def palette() -> Act:
        async def opened() -> None:
            await keyboard.press("Control+k")
            await page.wait_for_function("document.activeElement.matches('input')")

        return opened

    views = ("Clients", "Files", "Database", "Analytics", "Logs", "Settings")
    return [
        *(Action(f"view {view}", go(view), go("Dashboard")) for view in views),
        Action("view Dashboard", go("Dashboard"), go("Clients")),
        Action("details of a client", row("accounting-pc"), key("Escape"), go("Clients")),
        Action("sort of 45 clients", button("Name"), button("Name"), go("Clients")),
        Action("search in clients", key("d"), key("Backspace"), field("Clients", "Find a client")),
        Action("page of files", button("Next page"), button("Previous page"), go("Files")),
        Action("sort of files", button("Size"), button("Name"), go("Files")),
        Action("search in files", key("q"), key("Backspace"), field("Files", "Name or path")),
        Action("palette", key("Control+k"), key("Escape"), go("Dashboard")),
        Action("search in the palette", key("d"), key("Backspace"), palette()),
    ]


async def _repeat(screen: Screen, action: Action, times: int) -> list[Took]:
    """Return what an action took each time."""
    words = await _words_of(screen, action)
    taken: list[Took] = []
    for _ in range(times):
        await screen.page.evaluate(
            "([words, limit]) => void window.watch(words, limit)", [words, TOO_LONG_MS]
        )
        await action.do()
        told = await screen.page.evaluate("window.timed")
        if told is None:
            raise RuntimeError(f"{action.name}: {words} were not all there within {TOO_LONG_MS} ms")
        whole = told["painted"] - told["hand"]
        theirs = max(0.0, told["came"] - told["sent"]) if told["sent"] and told["came"] else 0.0
        taken.append(Took(whole, whole - theirs))
        await action.back()
        await asyncio.sleep(SETTLE_S)
    return taken


async def _words_of(screen: Screen, action: Action) -> list[str]:
    """Return the words that are there after the action each time, and never before."""
    after: set[str] | None = None
    before: set[str] = set()
    await (action.first or action.back)()
    await asyncio.sleep(LEARN_S)
    for _ in range(2):
        before |= set(await _said(screen))
        await action.do()
        await asyncio.sleep(LEARN_S)
        now = set(await _said(screen))
        after = now if after is None else after & now
        await action.back()
        await asyncio.sleep(LEARN_S)
        before |= set(await _said(screen))
    words = sorted((after or set()) - before)
    if not words:
        raise RuntimeError(f"{action.name}: nothing on the screen tells that it is done")
    return words


async def _said(screen: Screen) -> list[str]:
    return await screen.page.evaluate("[...window.said()]")


def _result(name: str, taken: list[Took], times: int) -> Result:
    whole = Sample(tuple(each.whole_ms for each in taken), "ms")
    browser = Sample(tuple(each.browser_ms for each in taken), "ms")
    worst = max(whole.values)
    return Result(
        f"hand/{name}", f"{times} times, beside a living fleet of 45 clients", whole,
        f"median under {MEDIAN_MS:g} ms, worst of {TIMES} under {WORST_MS:g} ms",
        whole.median < MEDIAN_MS and worst < WORST_MS, browser, "of that the browser itself",
        browser.median / whole.median, f"worst {worst:.0f} ms",
    )  # fmt: skip


def _loop(turns: list[dict[str, object]]) -> Result:
    """Return the longest turns of the console's loop."""
    longest = sorted(turns, key=lambda turn: -float(str(turn["taken_s"])))
    values = tuple(1000 * float(str(turn["taken_s"])) for turn in longest) or (0.0,)
    named = ", ".join(f"{1000 * float(str(turn['taken_s'])):.0f} ms {turn['what']}" for turn in longest[:8])
    return Result(
        "hand/loop", "turns of the console's event loop over 20 ms meanwhile", Sample(values, "ms"),
        f"none over {LOOP_MS:g} ms", max(values) < LOOP_MS, notes=named or "none",
    )  # fmt: skip
