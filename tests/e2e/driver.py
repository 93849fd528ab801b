"""Drives the console in a real Chromium through the semantics tree that Flutter keeps for screen readers."""

import asyncio
import contextlib
import re
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from playwright.async_api import (
    Browser,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    WebSocket,
    async_playwright,
)
from playwright.async_api import TimeoutError as NotSeen

from tests.programs import found

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SEE_S = 30.0
"""How long a text may take to appear where nothing else is said; generous, since it only bounds a failure."""


def find_chromium() -> str | None:
    """Return the path of a Chromium of this machine, or None."""
    return found(*CHROMIUM)


@contextlib.asynccontextmanager
async def open_browser(path: str) -> AsyncIterator[Browser]:
    """Start Chromium for the length of the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


NOTE_WHICH_FIELD_IS_TAKEN: Final = """
for (const kind of [HTMLInputElement, HTMLTextAreaElement]) {
  const select = kind.prototype.setSelectionRange;
  kind.prototype.setSelectionRange = function (...range) {
    window.taken = this;
    return select.apply(this, range);
  };
}
addEventListener("focusout", (left) => { if (left.target === window.taken) window.taken = null; }, true);
"""
"""A click focuses a field at once; some milliseconds later Flutter takes it over, with the text it knows.

What is typed in between is lost. Taking over ends with the selection of the text.
"""
IS_TAKEN: Final = "window.taken && window.taken === document.activeElement"
TAKEN_MS: Final = 1000
HELD_TWO_FRAMES_LATER: Final = """new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(
  () => tell(document.activeElement.value))))"""


KEEP_SEMANTICS: Final = """
new MutationObserver(() => document.querySelector("flt-semantics-placeholder")?.click())
  .observe(document, {childList: true, subtree: true});
"""
"""Presses the switch that makes Flutter build its semantics tree; also in a page that is loaded anew."""


@contextlib.asynccontextmanager
async def open_screen(
    browser: Browser, url: str, *, width: int = 1280, height: int = 800, dark: bool = False, script: str = ""
) -> AsyncIterator["Screen"]:
    """Open the console in a browser context of its own, which is a session of its own.

    ``script`` runs in the page before anything of its own does.
    """
    scheme = "dark" if dark else "light"
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        page = await context.new_page()
        screen = Screen(page)
        page.on("console", screen.note_line)
        page.on("pageerror", lambda error: screen.console_lines.append(f"pageerror: {error}"))
        page.on("load", lambda _: screen.console_lines.append("page loaded"))
        page.on("websocket", screen.note_socket)
        page.on("request", lambda request: screen.asked.append(request.url))
        await page.add_init_script(KEEP_SEMANTICS + NOTE_WHICH_FIELD_IS_TAKEN + script)
        await page.goto(url)
        await screen.wait_for_semantics()
        yield screen
    finally:
        await context.close()


class Screen:
    """One browser tab with the console, seen as its user sees it: by texts, names and roles."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console_lines: list[str] = []
        self.asked: list[str] = []
        """The addresses of all requests and sockets of the page."""

    def note_line(self, message: ConsoleMessage) -> None:
        """Note a line of the browser's console, and the address that it is about."""
        self.console_lines.append(f"{message.type}: {message.text} {message.location['url']}".rstrip())

    def note_socket(self, socket: WebSocket) -> None:
        """Note when a socket of the page comes and goes, to be told with a failure."""
        self.asked.append(socket.url)
        self.console_lines.append("socket opened")
        socket.on("close", lambda _: self.console_lines.append("socket closed"))

    async def wait_for_semantics(self) -> None:
        """Wait until Flutter has begun its semantics tree, without which nothing can be found."""
        await self.page.wait_for_selector("flt-semantics", state="attached", timeout=60_000)

    def by_id(self, identifier: str) -> Locator:
        """Find what the program gave this stable identifier."""
        return self.page.locator(f'[flt-semantics-identifier="{identifier}"]')

    def text(self, wanted: str | re.Pattern[str], *, exact: bool = False) -> Locator:
        """Find a text, also one that is only the name of something."""
        by_text = self.page.get_by_text(wanted, exact=exact)
        return by_text.or_(self.page.get_by_label(wanted, exact=exact)).first

    def button(self, name: str | re.Pattern[str], *, exact: bool = False) -> Locator:
        """Find what can be pressed by its visible text."""
        return self.page.get_by_role("button", name=name, exact=exact)

    def icon(self, tooltip: str | re.Pattern[str]) -> Locator:
        """Find an icon button by its name, which is its tooltip."""
        return self.page.get_by_role("button", name=tooltip)

    def field(self, label: str | re.Pattern[str]) -> Locator:
        """Find an input by its label."""
        return self.page.get_by_label(label).locator("visible=true").first

    def row(self, name: str) -> Locator:
        """Find the row of a table that has this text as one of its cells."""
        return self.page.get_by_role("group", name=re.compile(rf"(^|\s){re.escape(name)}(\s|$)")).first

    async def row_says(self, name: str, wanted: str, *, within_s: float = SEE_S) -> str:
        """Wait until the row of ``name`` says something (a regular expression); return all it says then."""
        row, said = self.row(name), ""

        async def matches() -> bool:
            nonlocal said
            if await row.count():
                said = f"{await row.get_attribute('aria-label')}\n{await row.inner_text()}"
            return re.search(wanted, said) is not None

        await until(matches, within_s=within_s, what=lambda: f"{wanted!r} in the row of {name}: {said!r}")
        return said

    async def choose(self, name: str, action: str) -> None:
        """Open the menu of a row and choose an action from it."""
        await self.tap(self.page.get_by_role("button", name=f"Actions for {name}", exact=True))
        await self.tap(self.page.get_by_role("menuitem", name=action).first)

    async def see(
        self, wanted: str | re.Pattern[str], *, exact: bool = False, within_s: float = SEE_S
    ) -> Locator:
        """Wait until a text is there."""
        found = self.text(wanted, exact=exact)
        await self._attached(found, wanted, within_s)
        return found

    async def _attached(self, found: Locator, wanted: object, within_s: float) -> None:
        try:
            await found.wait_for(state="attached", timeout=within_s * 1000)
        except NotSeen as error:
            said = await self._all_said()
            raise AssertionError(f"{wanted} is not to be seen within {within_s:g} s\n{said}") from error

    async def see_gone(self, wanted: str | re.Pattern[str], *, within_s: float = SEE_S) -> None:
        """Wait until a text is no longer there."""
        try:
            await self.text(wanted).wait_for(state="detached", timeout=within_s * 1000)
        except NotSeen as error:
            said = await self._all_said()
            raise AssertionError(f"{wanted} is still there after {within_s:g} s\n{said}") from error

    async def tap(self, target: Locator, *, button: str = "left") -> None:
        """Click the middle of what was found, whatever lies over its node in the semantics tree."""
        box = await self.box(target)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        await self.page.mouse.click(x, y, button="right" if button == "right" else "left")

    async def box(self, target: Locator) -> FloatRect:
        """Return where something is on the screen."""
        await self._attached(target, target, SEE_S)
        box = None

        async def placed() -> bool:  # what is drawn anew has none for a moment
            nonlocal box
            box = await target.bounding_box()
            return box is not None

        await until(placed, within_s=SEE_S, what=lambda: "a place on the screen")
        assert box is not None
        return box

    async def go(self, view: str) -> None:
        """Choose a view in the rail."""
        await self.tap(self.page.get_by_role("button", name=re.compile(rf"^{view}\b")).first)

    async def fill(self, label: str | re.Pattern[str], text: str) -> None:
        """Type into an input in place of what it holds; click it again, if no field took that."""

        async def click() -> None:
            await self.tap(self.field(label))

        await click()
        await self.write(text, nothing_held=click)

    async def write(self, text: str, *, nothing_held: Callable[[], Awaitable[None]] | None = None) -> None:
        """Type in place of what the field holds that was clicked; once more if that came too early for it.

        ``nothing_held`` is called before that where no field has the keyboard.
        """
        held = ""

        async def holds() -> bool:
            nonlocal held
            with contextlib.suppress(NotSeen):  # one that had the keyboard before is not taken over again
                await self.page.wait_for_function(IS_TAKEN, timeout=TAKEN_MS)
            await self.page.keyboard.press("Control+a")
            await (self.page.keyboard.type(text) if text else self.page.keyboard.press("Delete"))
            held = await self.page.evaluate(HELD_TWO_FRAMES_LATER)
            if held is None and nothing_held is not None:
                await nothing_held()
            return held == text

        await until(holds, within_s=SEE_S, what=lambda: f"{text!r} in the field, which holds {held!r}")

    async def words(self) -> str:
        """Return everything that the screen says, one thing a line."""
        return await self.page.evaluate(
            """() => [...document.querySelectorAll(
                'flt-semantics, flt-semantics span, flt-semantics-host :is(h1, h2)')]
                .map(n => n.getAttribute('aria-label') || (n.children.length ? '' : n.textContent))
                .filter(Boolean).join('\\n')"""
        )

    async def _all_said(self) -> str:
        """Return the last lines of the browser's console and what the screen says, in that order."""
        return "\n".join([*self.console_lines[-5:], "- the screen says:", await self.words()])

    async def color_at(self, x: int, y: int) -> tuple[int, int, int]:
        """Return red, green and blue of one point of the screen."""
        png = await self.page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1}, scale="css")
        return _only_pixel(png)

    async def picture(self, path: Path) -> Path:
        """Save what the screen shows as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=path)
        return path


async def until(
    condition: Callable[[], Awaitable[bool]], *, within_s: float, what: Callable[[], str]
) -> None:
    """Wait until a condition holds; fails with what was waited for."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what()}") from None


def _only_pixel(png: bytes) -> tuple[int, int, int]:
    """Return the colour of a picture of one point, which every filter of PNG leaves as it is."""
    packed, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += length + 12
    _, red, green, blue = zlib.decompress(packed)[:4]
    return red, green, blue
