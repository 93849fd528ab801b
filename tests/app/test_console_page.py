"""A page whose browser has gone: what still runs for it finds a loop, and nothing is lost with a warning."""

import asyncio
import gc

from app.console import run_task_of
from tests.ui.harness import PageHarness


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
