"""The semantics tree, all that a screen reader has of a canvas: axe runs over every view and overlay."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.e2e.driver import Screen, open_screen
from tests.e2e.processes import run_console
from ui.shell.registry import VIEWS

pytestmark = pytest.mark.timeout(420)

CONFIG = "[mock]\nclients = 30\n"
RULES_OFF = {
    "color-contrast": "the words lie transparent over a canvas; tests/ui/page/test_theme.py computes it",
    "region": "the toolkit writes no landmarks into its tree",
    "aria-valid-attr-value": "the toolkit's aria-owns names children that are out of sight and so not there",
    "aria-dialog-name": "the toolkit takes the name of a dialog and writes it nowhere; its title is read",
    "meta-viewport": "the toolkit writes it; the zoom of a desktop browser does not follow it",
}


@pytest.fixture
async def screen(browser: Browser, tmp_path: Path) -> AsyncIterator[Screen]:
    file = tmp_path / "tidewatch.toml"
    file.write_text(CONFIG)
    async with (
        run_console("--config", str(file), start_s=120) as (_, url),
        open_screen(browser, url) as shown,
    ):
        await shown.see("live", within_s=90)
        yield shown


async def faults(screen: Screen, where: str) -> list[str]:
    """Return what axe objects to, a line each."""
    rules = {name: {"enabled": False} for name in RULES_OFF}
    answer = await Axe().run(screen.page, options={"resultTypes": ["violations"], "rules": rules})
    found: list[dict[str, Any]] = answer.response["violations"]
    assert answer.response["testEngine"]["name"] == "axe-core"
    return [
        f"{where}: {one['id']} ({one['help']}): {re.sub(r' style=.[^>]*', '', node['html'])[:300]}"
        for one in found
        for node in one["nodes"]
    ]


async def test_axe_finds_nothing_in_any_view(screen: Screen) -> None:
    found: list[str] = []
    for spec in VIEWS:
        await screen.go(spec.label)
        await screen.page.get_by_role("heading", name=spec.label, exact=True).wait_for(state="attached")
        found += await faults(screen, spec.label)
    await screen.go("Database")
    for tab in ("Structure", "SQL", "Statistics", "Health"):
        await screen.tap(screen.page.get_by_role("tab", name=tab))
        lines = await faults(screen, f"Database, {tab}")
        # The editor of the toolkit takes no name: its label stands on a node before it.
        found += [line for line in lines if not re.search(r"label .*<textarea", line)]
    assert not found, "\n".join(found)


@pytest.mark.long
async def test_axe_finds_nothing_in_any_panel_dialog_or_menu(screen: Screen) -> None:
    page, found = screen.page, list[str]()
    await screen.tap(screen.icon("Keys (F1)"))
    await screen.see("Go to a view, unless a text field has the focus")
    found += await faults(screen, "keys")
    await page.keyboard.press("Escape")
    await screen.see_gone("Go to a view, unless a text field has the focus")
    await screen.tap(screen.icon("Messages"))
    found += await faults(screen, "messages")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await screen.see("Enter open")
    found += await faults(screen, "palette")
    await page.keyboard.press("Escape")
    await screen.see_gone("Enter open")
    await screen.tap(screen.button("Stop", exact=True))
    await screen.see("Not now")
    found += await faults(screen, "question")
    await screen.tap(screen.button("Not now"))
    await screen.see_gone("Not now")
    await screen.go("Clients")
    await screen.row_says("db-02", r"\d", within_s=30)
    await screen.tap(screen.page.get_by_role("button", name="Actions for db-02", exact=True))
    await screen.page.get_by_role("menuitem").first.wait_for(state="attached")
    found += await faults(screen, "menu of a row")
    await page.keyboard.press("Escape")
    await screen.tap(screen.row("db-02"))
    await screen.see("Last 30 runs")
    found += await faults(screen, "details")
    assert not found, "\n".join(found)


async def test_headings_and_tables_are_told(screen: Screen) -> None:
    await screen.page.get_by_role("heading", name="Dashboard", exact=True).wait_for(state="attached")
    await screen.page.get_by_role("heading", name="Recent activity").wait_for(state="attached")
    await screen.go("Clients")
    await screen.page.get_by_role("heading", name="Clients", exact=True).wait_for(state="attached")
    await screen.see(re.compile("^Clients, table"))
