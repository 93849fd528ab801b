"""The keys in a real browser: rows are walked, opened and left without the mouse, buttons keep their keys."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen, until
from tests.e2e.processes import run_console
from ui.shell.registry import VIEWS

pytestmark = pytest.mark.timeout(180)

DETAILS = "Last 30 runs"
HAS_KEYBOARD = "document.activeElement.innerText || document.activeElement.ariaLabel || ''"


async def test_rows_without_a_mouse(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tidewatch.toml"
    file.write_text("[mock]\nclients = 30\n")
    async with (
        run_console("--config", str(file), "--open", "clients?text=web-0") as (_, url),
        open_screen(browser, url) as screen,
    ):
        keyboard, row = screen.page.keyboard, screen.row("web-02")
        await row.wait_for(state="attached", timeout=30_000)
        await keyboard.press("ArrowDown")

        async def opens() -> bool:
            await keyboard.press("Enter")  # heard once the rows have the keyboard
            return DETAILS in await screen.words()

        async def shows_the_third() -> bool:
            return (await screen.words()).splitlines().count(
                "web-03"
            ) > 1  # in its row, and above the details

        await until(opens, within_s=15, what=lambda: "the details of the row that was walked to")
        await keyboard.down("ArrowDown")
        await keyboard.down("ArrowDown")  # held: the browser repeats it
        await keyboard.up("ArrowDown")
        await until(shows_the_third, within_s=15, what=lambda: "the details of the row the held key led to")
        await keyboard.press("Escape")
        await screen.see_gone(DETAILS)
        for key in ("ContextMenu", "Shift+F10"):
            await keyboard.press("ArrowUp")
            await keyboard.press(key)
            await screen.page.get_by_role("menuitem").first.wait_for(state="attached")
            await keyboard.press("Escape")
            await screen.page.get_by_role("menuitem").first.wait_for(state="detached")
        menu = screen.page.get_by_role("button", name="Actions for web-02", exact=True)
        for key in ("Enter", "Space"):
            await menu.focus()
            await keyboard.press(key)
            await screen.page.get_by_role("menuitem").first.wait_for(state="attached")
            await keyboard.press("ArrowDown")
            await keyboard.press("Escape")
            await screen.page.get_by_role("menuitem").first.wait_for(state="detached")
            assert DETAILS not in await screen.words()


async def test_tab_goes_through_the_rail_before_the_view(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tidewatch.toml"
    file.write_text("[mock]\nclients = 30\n")
    async with (
        run_console("--config", str(file), "--open", "clients?text=web-0") as (_, url),
        open_screen(browser, url) as screen,
    ):
        keyboard = screen.page.keyboard
        await screen.row("web-02").wait_for(state="attached", timeout=30_000)

        async def walk(key: str) -> str:
            """Press a key that takes the keyboard elsewhere; return who has it then."""
            await screen.page.evaluate("window.before = document.activeElement")
            await keyboard.press(key)
            await screen.page.wait_for_function("document.activeElement !== window.before", timeout=15_000)
            return str(await screen.page.evaluate(HAS_KEYBOARD)).strip()

        labels = [spec.label for spec in VIEWS]
        await screen.button(re.compile(f"^{labels[0]}")).focus()
        for label in (*labels[1:], "Search or jump"):
            assert (await walk("Tab")).startswith(label)
        assert (await walk("Shift+Tab")).startswith(labels[-1])
        await keyboard.press("Space")
        await screen.page.get_by_label("Find a setting").first.wait_for(state="attached", timeout=15_000)


async def test_escape_closes_every_dialog_and_panel(browser: Browser) -> None:
    async with run_console() as (_, url), open_screen(browser, url) as screen:
        keyboard = screen.page.keyboard
        await screen.see("live")
        for key, words in (("F1", "Go to a view from anywhere"), ("Control+k", "Enter open")):
            await keyboard.press(key)
            await screen.see(words)
            await keyboard.press("Escape")
            await screen.see_gone(words)
        for pressed, words in (("Messages", "Clear"), ("Stop", "Not now")):
            await screen.tap(screen.button(re.compile(f"^{pressed}")).first)
            await screen.see(words)
            await keyboard.press("Escape")
            await screen.see_gone(words)


async def test_the_keyboard_comes_back_to_the_button_that_asked(browser: Browser) -> None:
    async with run_console() as (_, url), open_screen(browser, url) as screen:
        keyboard = screen.page.keyboard
        await screen.see("live")

        async def on_stop() -> bool:
            return (await screen.page.evaluate(HAS_KEYBOARD)).strip() == "Stop"

        async def comes_to_stop() -> bool:
            await keyboard.press("Tab")
            return await on_stop()

        await until(comes_to_stop, within_s=60, what=lambda: "the button that stops the server, by Tab")
        await keyboard.press("Enter")
        await screen.see("Stop taking backups?")
        await keyboard.press("Escape")
        await screen.see_gone("Stop taking backups?")
        await until(on_stop, within_s=15, what=lambda: "the keyboard on the button that asked")
