"""The Database view of a console whose process cannot open the file: the server's process reads it."""

import os
import re
from pathlib import Path

import pytest

from tests.e2e.driver import open_browser, open_screen
from tests.e2e.processes import ROOT, run_console
from tests.e2e.world import run_world

pytestmark = pytest.mark.timeout(180)


async def test_a_table_a_statement_and_a_change_come_from_the_server(
    chromium_path: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("content")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with run_world(tmp_path) as world:
        await world.back_up("attic", folder)
        # By this name only the server finds it: for each process it leads to another place.
        path = f"/proc/self/cwd/{os.path.relpath(world.data, ROOT)}/catalogue.db"
        file = elsewhere / "tidewatch.toml"
        file.write_text(
            "[connection]\nmock_mode = false\n"
            f'host = "127.0.0.1"\nport = {world.port}\ndatabase_path = "{path}"\n'
            f'token_file = "{world.token_file}"\n'
        )
        async with (
            run_console("--config", str(file), cwd=elsewhere) as (console, url),
            open_browser(chromium_path) as browser,
            open_screen(browser, url) as screen,
        ):
            assert any("read by the server 127.0.0.1:" in line for line in console.lines), console.said()
            await screen.go("Database")
            await screen.see(re.compile("read by the server 127.0.0.1:"), within_s=30)
            await screen.see(re.compile("attic"), within_s=30)
            await world.back_up("workbench", folder)
            await screen.see(re.compile("workbench"), within_s=30)
