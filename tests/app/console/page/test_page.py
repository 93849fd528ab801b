"""A page whose browser has gone: what still runs for it finds a loop, and nothing is lost with a warning."""

import asyncio
import gc
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.bridge.clock import ClockOffset
from app.config import Settings
from app.console.composition import Console, run_task_of
from app.runtime.tasks import Tasks
from streams.model.base import utc_now
from streams.sources.latency import LatencyMeter
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import SessionPrefs


async def test_tasks_of_a_page_without_a_browser_run_on_the_loop_of_the_console() -> None:
    ran: list[str] = []

    async def note(word: str) -> None:
        ran.append(word)

    async with PageHarness.open() as page:
        run_task = run_task_of(page.page, asyncio.get_running_loop())
        await asyncio.wrap_future(run_task(note, "there"))
        page.session._Session__conn = None  # type: ignore[attr-defined]
        await asyncio.wrap_future(run_task(note, "away"))
        page.session._Session__conn = page.connection  # type: ignore[attr-defined]
    gc.collect()
    assert ran == ["there", "away"]


async def test_of_two_pages_the_one_that_is_closed_is_forgotten() -> None:
    async with PageHarness.open() as first, PageHarness.open() as second:
        streams = FakeStreams(first.now)
        streams.fill()
        parts: Any = {
            "watcher": SimpleNamespace(current=Settings()),
            "bridge": SimpleNamespace(commands=FakeCommands()),
            "streams": streams.bag,
            "meter": LatencyMeter(),
            "prefs": SessionPrefs(),
            "desk": None,
            "access": None,
            "hand_out": None,
            "loop": asyncio.get_running_loop(),
            "tasks": Tasks(),
        }
        console = Console(**parts, shells={}, first=[])
        for page in (first, second):
            console.open_page(page.page)
        one, _ = console.shells.values()
        assert callable(second.page.on_close)
        second.page.on_close(None)
        assert [shell is one for shell in console.shells.values()] == [True]
        assert callable(first.page.on_close)
        first.page.on_close(None)
        assert not console.shells


def test_event_to_screen_is_told_by_one_clock() -> None:
    offset, meter, now = ClockOffset(), LatencyMeter(), utc_now()
    offset.add(0.0, now + timedelta(seconds=2), now)
    console: Any = SimpleNamespace(
        meter=meter, bridge=SimpleNamespace(realtime=SimpleNamespace(offset=offset))
    )
    Console._measure(console, 0.03 - 2)
    assert meter.measure().p50_s == pytest.approx(0.03, rel=0.11)
