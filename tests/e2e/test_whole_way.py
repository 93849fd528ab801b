"""The main job from end to end: an agent backs up, the browser shows it, the restore brings it back."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from app.catalogue.catalogue import Catalogue
from tests.e2e.driver import open_screen
from tests.e2e.odd_tree import differences, make_odd_tree
from tests.e2e.processes import Program, run_console, run_program
from tests.e2e.world import run_server, run_world

pytestmark = pytest.mark.timeout(240)

FILES = 500
CLIENT = "workbench"


async def test_a_folder_is_backed_up_seen_and_restored(browser: Browser, tmp_path: Path) -> None:
    folder, back = tmp_path / "folder", tmp_path / "back"
    folder.mkdir()
    make_odd_tree(folder, FILES)
    async with (
        run_world(tmp_path) as world,
        run_console("--config", str(world.configuration())) as (_, url),
        open_screen(browser, url) as screen,
    ):
        await screen.go("Clients")
        await screen.see(re.compile("live"))
        words = await world.agent_words(CLIENT, folder)
        async with run_program(*words) as agent:
            await screen.row_says(CLIENT, "online|backing up", within_s=30)
            await screen.row_says(CLIENT, r"online\s+(now|\d+ s ago)\s+(now|\d+ s ago)", within_s=60)
            await screen.go("Files")
            await screen.see(re.compile(r"of [45]\d\d\b"), within_s=30)
            await screen.go("Dashboard")
            await screen.see("The client is within its goal", within_s=20)
            await agent.end()
        await screen.go("Clients")
        await screen.row_says(CLIENT, "offline", within_s=20)
        await world.restore(CLIENT, back)
    restored = back / str(folder.relative_to("/"))
    assert differences(folder, restored if restored.exists() else back) == []


async def test_a_server_that_is_killed_in_the_middle_is_lost_and_found(
    browser: Browser, tmp_path: Path
) -> None:
    folder, back = tmp_path / "folder", tmp_path / "back"
    folder.mkdir()
    for number in range(60):
        (folder / f"large-{number}.bin").write_bytes(bytes([number]) * 1000 + b"x" * 3_000_000)
    async with run_world(tmp_path) as world:
        config = world.configuration()
        async with run_console("--config", str(config)) as (_, url), open_screen(browser, url) as screen:
            await screen.go("Clients")
            words = await world.agent_words(CLIENT, folder)
            async with run_program(*words, "--once") as agent:
                await screen.row_says(CLIENT, "backing up", within_s=40)
                await world.server.kill()
                await screen.see(re.compile("No connection for"), within_s=20)
                await screen.row_says(CLIENT, CLIENT)
                async with run_server(world.data, world.port):
                    await screen.see_gone(re.compile("No connection for"), within_s=40)
                    assert await agent.wait(within_s=90) == 0, agent.said()
                    await screen.row_says(
                        CLIENT, r"(online|offline)\s+(now|\d+ s ago)\s+(now|\d+ s ago)", within_s=20
                    )
                    await world.restore(CLIENT, back)
    restored = back / str(folder.relative_to("/"))
    assert differences(folder, restored if restored.exists() else back) == []


async def test_a_revoked_token_is_said_and_does_not_end_the_console(browser: Browser, tmp_path: Path) -> None:
    async with (
        run_world(tmp_path) as world,
        run_console("--config", str(world.configuration())) as (console, url),
        open_screen(browser, url) as screen,
    ):
        await screen.see(re.compile("live"))
        catalogue = await Catalogue.open(world.data / "catalogue.db")
        try:
            known = await catalogue.tokens.check(world.token_file.read_text().strip())
            assert known is not None
            await catalogue.tokens.revoke(known.id)
        finally:
            await catalogue.close()
        await screen.see(re.compile("No connection for.*token"), within_s=30)
        assert console.process.returncode is None


def reasons(console: Program) -> list[str]:
    """Return what it said beside the steps of its start."""
    return [line for line in console.errors if not line.endswith("…")]


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lambda data: (data / "catalogue.db").rename(data / "elsewhere.db"), 15, "catalogue.db"),
        (lambda data: (data / "console.token").write_text("tw_wrong\n"), 12, "token"),
    ],
    ids=["database missing", "wrong token"],
)
async def test_the_console_stops_at_once_and_says_why(
    tmp_path: Path, damage: object, code: int, said: str
) -> None:
    async with run_world(tmp_path) as world:
        config = world.configuration()
        damage(world.data)  # pyright: ignore[reportCallIssue]
        async with run_program("app", "--web", "--port", "0", "--config", str(config)) as console:
            assert await console.wait(within_s=30) == code, console.said()
        assert said in "\n".join(console.errors)
        assert "Traceback" not in console.said()
        assert len(reasons(console)) == 1, console.said()


async def test_the_console_stops_when_nothing_listens(tmp_path: Path) -> None:
    async with run_world(tmp_path) as world:
        config = world.configuration()
        await world.server.end()
        async with run_program("app", "--web", "--port", "0", "--config", str(config)) as console:
            assert await console.wait(within_s=30) == 11, console.said()
        assert len(reasons(console)) == 1, console.said()
