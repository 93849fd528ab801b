"""Event to screen: from the commit at the server to the changed text in a real Chromium.

200 events a second change the goals of 60 clients, so that each becomes overdue and well again in turn. The
browser notes when the text of a row changes; the same events, read from the event socket, tell when they were
committed.
"""

import asyncio
import bisect
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import aiohttp
import msgspec

from app.agent.address import address_of
from app.agent.api import Api
from app.fleet.load import GOALS_S, make_events
from app.runtime.tasks import Tasks
from app.wire.http import ClientList
from streams.model.events import Event, Hello, Resume, decode_server_frame, encode
from streams.model.vocabulary import Topic
from tests.benchmarks.load import bare_changes
from tests.benchmarks.report import Result, Sample
from tests.e2e.driver import Screen, find_chromium, open_browser, open_screen
from tests.e2e.processes import Fleet, run_console, run_fleet

CLIENTS = 60
EVENTS_PER_SECOND = 200.0
P99_S = 0.1
WARM_UP_S = 5.0

WATCH = """(names) => {
  const wanted = new Set(names), known = new Map();
  window.changes = [];
  const look = (node) => {
    const label = node.getAttribute && node.getAttribute('aria-label');
    if (!label) return;
    const lines = label.split('\\n');
    const state = lines.find((line) => line === 'overdue' || line === 'online');
    const name = state && lines.find((line) => wanted.has(line));
    if (!name || known.get(name) === state) return;
    known.set(name, state);
    window.changes.push([performance.timeOrigin + performance.now(), name, state]);
  };
  new MutationObserver((records) => records.forEach((record) => {
    look(record.target);
    record.addedNodes.forEach((node) => {
      look(node);
      node.querySelectorAll?.('[aria-label]').forEach(look);
    });
  })).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['aria-label'],
  });
}"""

Committed = dict[tuple[str, str], list[float]]
"""Times of commit by client and the state that the event leads to, in order."""


async def measure(*, quick: bool = False) -> list[Result]:
    """Let the events flow for some seconds and follow each to the screen."""
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("no Chromium on this machine")
    seconds = 6.0 if quick else 25.0
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        root = Path(folder)
        async with run_fleet(root / "data", "--quiet", clients=CLIENTS) as fleet:
            config = fleet.configuration(root)
            async with (
                run_console("--config", str(config)) as (_, url),
                open_browser(chromium) as browser,
                open_screen(browser, url) as screen,
            ):
                await screen.go("Clients")
                await screen.row_says("accounting-pc", r"\b(online|overdue)\b", within_s=40)
                committed, changes, rate = await _follow(fleet, screen, seconds)
    latencies, missed = _match(committed, changes)
    rows = len({name for _, name, _ in changes})
    ours = Sample(tuple(1000 * latency for latency in latencies), "ms")
    p99 = ours.quantile(0.99)
    what = f"{CLIENTS} clients, {rate:.0f} events/s for {seconds:g} s, {rows} rows on the screen"
    notes = f"p99 {p99:.0f} ms of {len(latencies)} changes; {missed} events overtaken before they were drawn"
    bar = f"p99 under {P99_S * 1000:.0f} ms"
    return [Result("screen/event", what, ours, bar, p99 < P99_S * 1000, notes=notes)]


async def _follow(
    fleet: Fleet, screen: Screen, seconds: float
) -> tuple[Committed, list[tuple[float, str, str]], float]:
    """Make events and note when they were committed and when they were seen; the warm-up is left out."""
    committed: Committed = defaultdict(list)
    tasks = Tasks()
    address = address_of(f"http://127.0.0.1:{fleet.port}")
    async with Api(address, fleet.token) as api, bare_changes(fleet.port, fleet.token) as change:
        clients = (await api.call("GET", "/api/clients", ClientList)).clients
        tasks.start(_listen(fleet, committed), "listen")
        tasks.start(make_events(change, [c.id for c in clients], EVENTS_PER_SECOND, tasks), "load")
        try:
            await asyncio.sleep(WARM_UP_S)
            await screen.page.evaluate(WATCH, [c.name for c in clients])
            start = time.time()
            await asyncio.sleep(seconds)
            changes = await screen.page.evaluate("window.changes")
            rate = sum(at >= start for times in committed.values() for at in times) / (time.time() - start)
        finally:
            await tasks.close()
    kept = {key: [at for at in times if at >= start] for key, times in committed.items()}
    return kept, [(at / 1000, name, state) for at, name, state in changes], rate


async def _listen(fleet: Fleet, committed: Committed) -> None:
    headers = {"Authorization": f"Bearer {fleet.token}"}
    url = f"ws://127.0.0.1:{fleet.events_port}/events"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        async for message in socket:
            try:
                frame = decode_server_frame(message.data)
            except msgspec.DecodeError:
                continue
            if isinstance(frame, Hello):
                resume = Resume(epoch=None, after_seq=frame.last_seq, topics=(Topic.CLIENTS,))
                await socket.send_str(encode(resume).decode())
            elif isinstance(frame, Event) and frame.client is not None:
                state = "overdue" if frame.client.goal_s == GOALS_S[0] else "online"
                at = frame.committed_at or frame.at
                committed[frame.client.name, state].append(at.timestamp())


def _match(committed: Committed, changes: list[tuple[float, str, str]]) -> tuple[list[float], int]:
    """Return for each change on the screen how long ago its event was committed, and how many have none."""
    latencies: list[float] = []
    seen: set[tuple[str, str, int]] = set()
    first: set[str] = set()
    for at, name, state in changes:
        times = committed.get((name, state), [])
        index = bisect.bisect_right(times, at) - 1
        if name not in first:  # what was there when the watch began is no change
            first.add(name)
        elif index >= 0 and (name, state, index) not in seen:
            seen.add((name, state, index))
            latencies.append(at - times[index])
    shown = {name for _, name, _ in changes}
    total = sum(len(times) for (name, _), times in committed.items() if name in shown)
    return latencies, total - len(latencies)
