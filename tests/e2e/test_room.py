"""Small windows: nothing is too narrow to use, nothing covers a button."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.driver import Screen, open_browser, open_screen
from tests.e2e.processes import run_console

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

WIDTH, HEIGHT = 1000, 700
CLIENT = "accounting-pc"
READABLE = 200
"""A search field that is narrower shows less than what one looks for."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(chromium_path: str) -> AsyncIterator[Screen]:
    async with (
        run_console(start_s=90) as (_, url),
        open_browser(chromium_path) as browser,
        open_screen(browser, url, width=WIDTH, height=HEIGHT) as opened,
    ):
        yield opened


async def test_the_log_can_be_searched_and_stopped(screen: Screen) -> None:
    await screen.go("Logs")
    await screen.see("Text or /regex/", within_s=30)
    field = await screen.box(screen.page.get_by_label("Text or /regex/").first)
    pause = await screen.box(screen.button(re.compile("Pause")).first)
    assert field["width"] >= READABLE
    assert field["x"] + field["width"] <= pause["x"] and pause["x"] + pause["width"] <= WIDTH


async def test_a_message_covers_neither_the_table_nor_the_foot_of_the_details(screen: Screen) -> None:
    await screen.go("Clients")
    await screen.row_says(CLIENT, r"\b(online|overdue|backing up|offline|failing)\b", within_s=30)
    await screen.choose(CLIENT, "Details")
    await screen.see("Last 30 runs")
    foot = await screen.box(screen.button("Verify").first)
    await screen.choose(CLIENT, "Verify all files")
    message = await screen.box(await screen.see("Close message"))
    assert message["y"] >= foot["y"] + foot["height"] + 8
    await screen.page.keyboard.press("Escape")
    await screen.see_gone("Last 30 runs")


async def test_a_client_is_found_by_typing(screen: Screen) -> None:
    await screen.go("Files")
    await screen.see(re.compile(r"1–100 of [\d,]+"), within_s=30)
    await screen.tap(await screen.see("Filter by client"))
    await screen.see("Find a client")
    await screen.write("ACCOUNT")
    await screen.page.keyboard.press("Enter")
    await screen.see(f"Client: {CLIENT}")


async def test_a_click_goes_through_a_tooltip(screen: Screen) -> None:
    await screen.go("Clients")
    menu = await screen.box(await screen.see("Filter by status"))
    card = await screen.box(screen.page.get_by_role("button", name=re.compile("Show all clients")).first)
    x = menu["x"] + menu["width"] / 2
    await screen.page.mouse.move(x - 5, card["y"] + 20)
    await screen.page.mouse.move(x, card["y"] + 30)
    tip = screen.page.get_by_text("Show all clients").last
    await tip.wait_for(state="attached")
    await screen.page.mouse.click(x, menu["y"] + menu["height"] / 2)
    await screen.page.get_by_role("menuitem", name="Overdue", exact=True).wait_for(state="attached")
    await screen.page.keyboard.press("Escape")
