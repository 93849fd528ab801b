"""Names in letters that the page has no font for: it gets one from this machine, each family once."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

import ui
from tests.e2e.driver import open_screen, until
from tests.e2e.processes import run_console
from tests.e2e.world import run_world

pytestmark = pytest.mark.timeout(180)

NAMES = ("中文文件 报告.txt", "繁體中文檔案.txt", "דוח שנתי.txt", "plain.txt")
HAN = ("notosanssc", "notosanstc", "notosanshk", "notosansjp", "notosanskr")
FONT = Path(ui.__file__).parent / "assets/fonts/JetBrainsMono-Regular.ttf"
ASKED = """performance.getEntriesByType("resource")
  .map((entry) => [/assets\\/fonts\\/(noto[a-z0-9]+)/.exec(entry.name), entry.responseStatus])
  .filter(([found]) => found).map(([found, status]) => [found[1], status])"""
"""The families of fonts that the page has asked for, each with the answer."""


async def test_a_font_for_other_letters_comes_from_here_once(browser: Browser, tmp_path: Path) -> None:
    folder, bin_folder = tmp_path / "src", tmp_path / "bin"
    folder.mkdir()
    bin_folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(name)
    known = bin_folder / "fc-list"  # of whatever there is here, this is all that the console sees
    known.write_text(f"#!/bin/sh\nprintf '%s\\tSome Font\\tRegular\\n' '{FONT}'\n")
    known.chmod(0o755)
    async with run_world(tmp_path) as world:
        await world.back_up("office-pc", folder)
        words = ("--config", str(world.configuration()), "--open", "files")
        async with (
            run_console(*words, env={"PATH": str(bin_folder)}) as (program, url),
            open_screen(browser, url) as screen,
        ):
            await screen.see("plain.txt", within_s=30)
            answers: list[list[str | int]] = []

            async def came() -> bool:
                nonlocal answers
                answers = await screen.page.evaluate(ASKED)
                return {"notosanshebrew"} < {family for family, _ in answers}

            await until(came, within_s=30, what=lambda: str(answers))
            await screen.go("Clients")
            await screen.see("Average size", within_s=15)
            answers = await screen.page.evaluate(ASKED)
            families = [family for family, _ in answers]
            assert len(families) == len(set(families))
            assert sum(family in HAN for family in families) == 1
            assert {status for _, status in answers} == {200}
            assert not [line for line in program.errors if not line.startswith("tidewatch: ")]
