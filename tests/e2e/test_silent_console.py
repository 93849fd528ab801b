"""A console that hangs: its page says so by itself, since the console cannot, and takes it back."""

import re
import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen
from tests.e2e.processes import run_console
from tests.e2e.world import run_world

pytestmark = pytest.mark.timeout(180)
SAID = "The console has not answered since"


async def test_a_page_whose_console_hangs_says_so_within_15_s(browser: Browser, tmp_path: Path) -> None:
    async with (
        run_world(tmp_path) as world,
        run_console("--config", str(world.configuration())) as (console, url),
        open_screen(browser, url) as screen,
    ):
        await screen.see(re.compile("live"), within_s=30)
        alert = screen.page.get_by_role("alert").filter(has_text=SAID)
        assert await alert.count() == 0
        console.process.send_signal(signal.SIGSTOP)
        try:
            await alert.wait_for(timeout=15_000)
        finally:
            console.process.send_signal(signal.SIGCONT)
        await alert.wait_for(state="detached", timeout=15_000)
