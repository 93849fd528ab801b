"""A console that has no token asks for it on its page, once; without a person it stops with its line."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen
from tests.e2e.processes import ROOT, run_console, run_program
from tests.e2e.world import World, run_world

pytestmark = pytest.mark.timeout(240)


def three_lines(world: World, folder: Path) -> Path:
    """Write the lines of a console that sees nothing of the server's folder, nor of its token."""
    folder.mkdir()
    # By this name only the server finds it: for each process it leads to another place.
    path = f"/proc/self/cwd/{os.path.relpath(world.data, ROOT)}/catalogue.db"
    file = folder / "tidewatch.toml"
    file.write_text(
        "[connection]\nmock_mode = false\n"
        f'host = "127.0.0.1"\nport = {world.port}\ndatabase_path = "{path}"\n'
    )
    return file


async def test_the_token_is_asked_once_and_then_known(browser: Browser, tmp_path: Path) -> None:
    async with run_world(tmp_path) as world:
        config = three_lines(world, tmp_path / "elsewhere")
        token = world.token_file.read_text().strip()
        words = ("--config", str(config))
        home = {
            "XDG_STATE_HOME": str(tmp_path / "home"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        kept = tmp_path / "home" / "tidewatch" / "access.json"
        async with run_console(*words, cwd=tmp_path / "elsewhere", env=home, terminal=True) as (program, url):
            async with open_screen(browser, url) as closed:
                await closed.see(re.compile("A token for"))
            async with open_screen(browser, url) as screen:
                await screen.see(re.compile("A token for"))
                await screen.fill("Token", "tw_not_the_one")
                await screen.page.keyboard.press("Enter")
                await screen.see(re.compile("This token is unknown"))
                assert not kept.exists()
                await screen.fill("Token", token)
                await screen.tap(screen.button("Connect"))
                await screen.see("live")
                await screen.go("Settings")
                await screen.tap(screen.button("Connection", exact=True))
                await screen.see(re.compile("The token that you gave is kept in"))
                assert token not in await screen.words()
            assert kept.stat().st_mode & 0o777 == 0o600
            assert token not in program.said() and token not in url
        async with (  # no terminal, and nobody is asked
            run_console(*words, cwd=tmp_path / "elsewhere", env=home) as (_, url),
            open_screen(browser, url) as screen,
        ):
            await screen.see("live")


async def test_without_a_person_it_stops_with_one_line(tmp_path: Path) -> None:
    async with run_world(tmp_path) as world:
        config = three_lines(world, tmp_path / "elsewhere")
        words = ("app", "--web", "--port", "0", "--config", str(config))
        async with run_program(*words, cwd=tmp_path / "elsewhere") as program:
            assert await program.wait(within_s=60) == 12, program.said()
        assert any("there is no token" in line and "--web at a terminal" in line for line in program.errors)
