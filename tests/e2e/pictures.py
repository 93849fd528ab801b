"""Takes pictures of every view in both themes and two sizes; of a lost server and an empty one too."""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.e2e.driver import Screen, find_chromium, open_browser, open_screen
from tests.e2e.processes import run_console, run_fleet
from tests.e2e.world import run_world
from ui.shell.registry import VIEWS

SIZES = ((1280, 800), (1920, 1080))
SETTLE_S = 3.0


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the PNG files")
    asyncio.run(_take_all(parser.parse_args().out))


async def _take_all(out: Path) -> None:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="tidewatch-pictures-") as folder:
        async with open_browser(chromium) as browser:
            await _of_the_fleet(browser, Path(folder) / "fleet", out)
            await _of_an_empty_server(browser, Path(folder) / "empty", out)


async def _of_the_fleet(browser: Browser, root: Path, out: Path) -> None:
    root.mkdir()
    async with run_fleet(root / "data", "--pace", "6") as fleet:
        config = fleet.configuration(root)
        async with run_console("--config", str(config)) as (_, url):
            for dark in (False, True):
                for width, height in SIZES:
                    theme = "dark" if dark else "light"
                    async with open_screen(browser, url, width=width, height=height, dark=dark) as screen:
                        await _views(screen, out, f"{theme}-{width}")
            async with open_screen(browser, url) as screen:
                await screen.see("live")
                await screen.go(VIEWS[0].label)
                await asyncio.sleep(SETTLE_S)
                await fleet.program.end()
                await screen.see(re.compile("No connection for"), within_s=30)
                await _views(screen, out, "lost")


async def _of_an_empty_server(browser: Browser, root: Path, out: Path) -> None:
    async with (
        run_world(root) as world,
        run_console("--config", str(world.configuration())) as (_, url),
        open_screen(browser, url) as screen,
    ):
        await _views(screen, out, "empty")


async def _views(screen: Screen, out: Path, ending: str) -> None:
    for spec in VIEWS:
        await screen.go(spec.label)
        await asyncio.sleep(SETTLE_S)
        await screen.picture(out / f"{spec.name}-{ending}.png")


if __name__ == "__main__":
    main()
