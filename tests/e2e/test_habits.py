"""The habits in a real browser: a link at the start, the palette, the keys, and settings that take effect."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen, until
from tests.e2e.processes import run_console

pytestmark = pytest.mark.timeout(180)

FILE = "# my console\n[mock]\nclients = 30   # a small one\n"


async def test_a_link_the_palette_and_the_settings(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tidewatch.toml"
    file.write_text(FILE)
    words = ("--config", str(file), "--open", "clients/db-02")
    async with run_console(*words) as (_, url), open_screen(browser, url) as screen:
        page = screen.page
        await screen.see("Last 30 runs", within_s=30)
        await screen.see("live", within_s=30)
        await page.evaluate(
            "window.kept = []; addEventListener('keydown', e => window.kept.push(e.defaultPrevented))"
        )
        await page.keyboard.press("Control+k")
        await screen.see("Enter open", within_s=15)
        await page.wait_for_function("document.activeElement.matches('input')")
        await page.keyboard.type("postgres", delay=40)
        await screen.see("/etc/postgresql/16/main/conf.d", within_s=15)
        await page.keyboard.press("Enter")
        await screen.see("Versions", within_s=15)
        assert (await page.evaluate("window.kept"))[:2] == [False, True]  # Control alone, then with K
        await page.keyboard.press("Control+,")
        await screen.tap(screen.button("compact", exact=True))

        async def written() -> bool:
            return 'density = "compact"' in file.read_text()

        await until(written, within_s=15, what=file.read_text)
        assert file.read_text().startswith(FILE)
