"""The console with no configuration: the simulated fleet, in a real browser."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.e2e.driver import SEE_S, Screen, open_browser, open_screen, until
from tests.e2e.processes import Program, run_console

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PAPER = (80, 795)
"""A point of the page that nothing is drawn on."""
ASKED = "monitor-01"
"""A machine of the seeded fleet whose backups take some seconds at this pace: to be seen, and to end."""

NOTE_TITLES = """
window.titles = [];
new MutationObserver(() => window.titles.at(-1) === document.title || window.titles.push(document.title))
  .observe(document, {childList: true, subtree: true, characterData: true});
"""
LIVELY = {"TIDEWATCH_MOCK__PACE": "8"}
"""At the usual pace a minute may pass in which no machine backs up."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console() -> AsyncIterator[tuple[Program, str]]:
    async with run_console(start_s=90, env=LIVELY) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def screen(chromium_path: str, console: tuple[Program, str]) -> AsyncIterator[Screen]:
    async with (
        open_browser(chromium_path) as browser,
        open_screen(browser, console[1], script=NOTE_TITLES) as opened,
    ):
        yield opened


async def test_the_dashboard_shows_the_whole_fleet(screen: Screen) -> None:
    await screen.go("Dashboard")
    await screen.see(re.compile(r"\d+ of 45 clients within their goal"), within_s=30)
    await screen.see("Simulated fleet")
    await screen.see("live")
    await screen.see(re.compile(r"Running backups"))
    assert "/ 45" in await screen.words()


async def test_the_page_draws_in_the_thread_that_lays_out_its_text(screen: Screen) -> None:
    """In two threads, letters were wrong or missing now and then (see ``app.console.web.NOT_SENT``)."""
    assert await screen.page.evaluate("crossOriginIsolated") is False
    assert not screen.page.workers


async def test_the_clients_are_listed_with_their_states(screen: Screen) -> None:
    await screen.go("Clients")
    await screen.row_says("analytics-db", r"\b(online|overdue|backing up)\b", within_s=30)
    words = await screen.words()
    assert re.search(r"^Total\n45\n", words, re.MULTILINE)
    assert "backing up" in words


async def test_the_files_come_page_by_page(screen: Screen) -> None:
    await screen.go("Files")
    await screen.see(re.compile(r"1–100 of [\d,]+"), within_s=30)
    first = await screen.words()
    await screen.tap(screen.icon("Next page"))
    await screen.see(re.compile(r"101–200 of [\d,]+"))
    assert await screen.words() != first


async def test_a_backup_that_is_asked_for_is_seen_to_begin_and_to_end(screen: Screen) -> None:
    await screen.go("Clients")
    await screen.fill("Find a client", ASKED)
    await screen.row_says(ASKED, r"online|overdue", within_s=60)
    await screen.choose(ASKED, "Back up now")
    await screen.row_says(ASKED, r"backing up[\s\S]*(scanning, \d+ files|\d+ %)", within_s=30)
    await screen.go("Dashboard")
    await screen.see(re.compile(r"Running backups \([1-9]"))
    await screen.go("Clients")
    await screen.see(re.compile(rf"{ASKED} backed up, "), within_s=120)  # told, wherever one is by then
    said = await screen.row_says(ASKED, r"online", within_s=120)
    assert re.search(r"(now|\d+ s ago)\s+(now|\d+ s ago)", said), said
    await screen.fill("Find a client", "")


async def test_the_theme_turns_from_light_to_dark(screen: Screen) -> None:
    await screen.tap(screen.icon("Theme: as the system"))
    await screen.see("Theme: light")
    await until(_is_light(screen, True), within_s=SEE_S, what=lambda: "the light page")
    await screen.tap(screen.icon("Theme: light"))
    await screen.see("Theme: dark")
    await until(_is_light(screen, False), within_s=SEE_S, what=lambda: "the dark page")
    await screen.tap(screen.icon("Theme: dark"))
    await screen.see("Theme: as the system")


def _is_light(screen: Screen, wanted: bool) -> Callable[[], Awaitable[bool]]:
    async def looks() -> bool:
        return (sum(await screen.color_at(*PAPER)) > 400) is wanted

    return looks


async def test_the_page_asks_this_machine_for_everything(
    screen: Screen, console: tuple[Program, str]
) -> None:
    """Also where letters are missing in its own fonts, which the toolkit would get from a CDN."""
    await screen.go("Clients")
    await screen.fill("Find a client", "漢字 😀 ไทย")
    await screen.fill("Find a client", "")
    assert screen.asked
    assert {urlsplit(url).hostname for url in screen.asked if not url.startswith(("data:", "blob:"))} == {
        "127.0.0.1"
    }
    secret = urlsplit(console[1]).path
    assert all(
        urlsplit(url).path.startswith(secret) for url in screen.asked if url.startswith(("http", "ws"))
    )
    assert not [line for line in screen.console_lines if "Content Security Policy" in line]
    assert await screen.page.context.cookies() == []
    assert secret.strip("/") not in "\n".join(console[0].errors)


async def test_the_page_is_a_program_of_its_own(screen: Screen, console: tuple[Program, str]) -> None:
    page = screen.page
    titles: list[str] = await page.evaluate("window.titles")
    assert titles and all("Flet" not in title and "Flutter" not in title for title in titles), titles
    assert all("Tidewatch" in title for title in titles if title), titles
    assert (await page.evaluate("document.documentElement.lang")).startswith("en")
    for name in ("favicon.png", "manifest.json", "version.json", "icons/icon-192.png"):
        answer = await page.request.get(console[1] + name)
        assert answer.ok
        assert b"flet" not in (await answer.body()).lower(), name
    manifest = await (await page.request.get(console[1] + "manifest.json")).json()
    assert manifest["name"] == "Tidewatch"


async def test_nothing_went_wrong_on_the_way(screen: Screen, console: tuple[Program, str]) -> None:
    program, _ = console
    faults = [line for line in program.errors if '"level": "error"' in line or "Traceback" in line]
    assert not faults, program.said()
    # A machine without a font for some letters says so of its file: they are drawn as boxes, nothing else.
    lines = [line for line in screen.console_lines if "/assets/fonts/" not in line]
    assert not [line for line in lines if line.startswith(("pageerror", "error"))], lines
