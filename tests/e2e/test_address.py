"""The browser's address: it follows what is shown, Back goes back, a link opens the same in another tab."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import Screen, open_screen, until
from tests.e2e.processes import run_console

pytestmark = pytest.mark.timeout(240)


async def at(screen: Screen, wanted: str) -> None:
    """Wait until the address names a place."""

    async def there() -> bool:
        return unquote(urlsplit(screen.page.url).fragment) == f"/{wanted}"

    await until(there, within_s=20, what=lambda: f"{wanted} in {urlsplit(screen.page.url).fragment}")


async def test_the_address_follows_back_goes_back_and_a_link_can_be_sent(browser: Browser) -> None:
    async with run_console(start_s=90) as (_, url), open_screen(browser, url) as screen:
        await screen.see("live", within_s=60)
        await at(screen, "dashboard")
        await screen.go("Clients")
        await at(screen, "clients")
        await screen.row_says("db-02", "online|overdue|backing up|failing", within_s=30)
        await screen.fill("Find a client", "db-0")
        await at(screen, "clients?text=db-0")
        await screen.tap(screen.row("db-02"))
        await screen.see("Last 30 runs")
        await at(screen, "clients/db-02")
        async with open_screen(browser, screen.page.url) as other:
            await other.see("Last 30 runs", within_s=30)
        await screen.page.go_back()
        await screen.see_gone("Last 30 runs")
        await at(screen, "clients?text=db-0")
        await screen.see(re.compile(r"\d+ of 45"))
        await screen.page.go_back()
        await at(screen, "clients")
        await screen.page.go_back()
        await at(screen, "dashboard")
        await screen.see("Recent activity")
        await screen.page.go_forward()
        await at(screen, "clients")
        await screen.page.reload()
        await screen.wait_for_semantics()
        await screen.row_says("db-02", "online|overdue|backing up|failing", within_s=30)
        await at(screen, "clients")
        assert not [line for line in screen.console_lines if line.startswith(("pageerror", "error"))]
