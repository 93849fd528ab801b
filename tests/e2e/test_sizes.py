"""Every view in every size: nothing that can be pressed is cut off, out of reach or under something else."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import Screen, open_screen, until
from tests.e2e.processes import run_console
from ui.shell.registry import VIEWS

pytestmark = pytest.mark.timeout(600)

FAULTS = """() => {
  const wide = innerWidth, high = innerHeight;
  const roles = ['button', 'checkbox', 'switch', 'tab', 'textbox', 'slider'];
  const scrolls = (node) => {
    for (let at = node.parentElement; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (/scroll|auto/.test(style.overflowX + style.overflowY)) return at;
    }
    return null;
  };
  const name = (node) => (node.getAttribute('aria-label') || node.textContent || node.tagName).slice(0, 60);
  const found = [...document.querySelectorAll('flt-semantics, input, textarea')]
    .filter((node) => roles.includes(node.getAttribute('role')) || node.matches('input, textarea'))
    .map((node) => ({node, box: node.getBoundingClientRect(), within: scrolls(node)}));
  const faults = [];
  for (const {node, box, within} of found) {
    if (box.width < 1 || box.height < 1) {
      if (!within) faults.push(`no size: ${name(node)}`);
    } else if (!within && (box.left < -1 || box.top < -1 || box.right > wide + 1 || box.bottom > high + 1)) {
      const edges = [box.left, box.top, box.right, box.bottom].map(Math.round);
      faults.push(`out of reach: ${name(node)} at ${edges}`);
    }
  }
  const inside = (one, other) => one.node.contains(other.node) || other.node.contains(one.node);
  for (const [at, one] of found.entries()) {
    for (const other of found.slice(at + 1)) {
      if (one.within !== other.within || inside(one, other)) continue;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      // What holds the other wholly is its row or card, which can be pressed beside it.
      const holds = (a, b) =>
        a.left <= b.left + 1 && a.top <= b.top + 1 && a.right >= b.right - 1 && a.bottom >= b.bottom - 1;
      if (across > 3 && down > 3 && !holds(one.box, other.box) && !holds(other.box, one.box)) {
        faults.push(`over each other: ${name(one.node)} and ${name(other.node)}`);
      }
    }
  }
  return faults;
}"""

SETTLED_S = 15.0
"""How long a busy machine may take to put all in its place."""
AGAIN_S = 0.2
SHORT = ((900, 700), (640, 400))
"""The smallest window of the plan, and 1280x800 at 200 %."""
LONG = ((853, 533), (1024, 640), (1280, 800), (1440, 900), (1920, 1080), (2560, 1600), (3840, 2160))
"""150 %, usual screens, 50 % and the largest."""


async def _faults(screen: Screen) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for spec in VIEWS:
        await screen.go(spec.label)
        await asyncio.sleep(1.5)  # the answers have come
        # What is drawn anew at each answer takes its place before long.
        for _ in range(round(SETTLED_S / AGAIN_S)):
            if not (faults := await screen.page.evaluate(FAULTS)):
                break
            await asyncio.sleep(AGAIN_S)
        if faults:
            found[spec.name] = faults
    return found


async def _walk(browser: Browser, sizes: tuple[tuple[int, int], ...]) -> dict[str, dict[str, list[Any]]]:
    found: dict[str, dict[str, list[Any]]] = {}
    async with run_console() as (_, url):
        for width, height in sizes:
            async with open_screen(browser, url, width=width, height=height) as screen:
                await screen.see("live")
                if faults := await _faults(screen):
                    found[f"{width}x{height}"] = faults
    return found


async def test_all_that_can_be_pressed_is_in_reach_in_small_windows(browser: Browser) -> None:
    assert await _walk(browser, SHORT) == {}


async def test_the_palette_is_wholly_in_the_smallest_window_and_the_chosen_row_too(browser: Browser) -> None:
    async with run_console() as (_, url), open_screen(browser, url, width=640, height=400) as screen:
        await screen.see("live")
        await screen.page.keyboard.press("Control+k")
        whole = await screen.box(screen.text("Enter open"))  # the foot is read out as part of the palette
        end = whole["y"] + whole["height"]
        assert end <= 400
        await screen.page.keyboard.press("ArrowUp")  # from the first to the last
        last = screen.button("Stop the server").first

        async def in_sight() -> bool:
            row = await screen.box(last)
            return row["y"] + row["height"] < end

        await until(in_sight, within_s=SETTLED_S, what=lambda: "the last row above the foot")


@pytest.mark.long
async def test_all_that_can_be_pressed_is_in_reach_in_all_windows(browser: Browser) -> None:
    assert await _walk(browser, LONG) == {}
