"""A network between console and server that breaks again and again."""

import re
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.driver import open_screen, until
from tests.e2e.processes import run_console, run_fleet, write_configuration
from tests.e2e.proxy import Network, run_network

pytestmark = pytest.mark.timeout(240)


async def test_every_cut_is_survived(browser: Browser, tmp_path: Path) -> None:
    async with (
        run_fleet(tmp_path / "data", clients=30) as fleet,
        run_network(fleet.port, fleet.events_port) as network,
    ):
        config = write_configuration(tmp_path, port=network.port, database_path=fleet.database_path)
        async with run_console("--config", str(config)) as (console, url):
            async with open_screen(browser, url) as screen:
                await screen.go("Clients")
                await screen.fill("Find a client", "web-01")
                await screen.row_says("web-01", "online", within_s=30)
                for _ in range(4):
                    sockets = network.sockets
                    network.cut()
                    back = partial(_more_than, sockets, network)
                    await until(back, within_s=20, what=lambda: "connected again")
                    await screen.see("live", within_s=20)
                network.cut(stay_cut=True)
                await screen.see(re.compile("No connection for"), within_s=20)
                network.mend()
                await screen.see_gone(re.compile("No connection for"), within_s=40)
                await screen.row_says("web-01", "ago|now")
            assert console.process.returncode is None


async def _more_than(sockets: int, network: Network) -> bool:
    return network.sockets > sockets


async def test_nothing_is_asked_while_nobody_looks(browser: Browser, tmp_path: Path) -> None:
    async with (
        run_fleet(tmp_path / "data", "--quiet", clients=30) as fleet,
        run_network(fleet.port, fleet.events_port) as network,
    ):
        config = write_configuration(tmp_path, port=network.port, database_path=fleet.database_path)
        async with run_console("--config", str(config)) as (_, url):
            async with open_screen(browser, url) as screen:
                await screen.see(re.compile("30 clients within their goal"), within_s=30)
                assert network.requests
            await network.quiet_for(6.0, within_s=30)


async def test_a_page_whose_console_has_gone_says_so(browser: Browser, tmp_path: Path) -> None:
    async with run_fleet(tmp_path / "data", "--quiet", clients=30) as fleet:
        config = str(fleet.configuration(tmp_path))
        async with run_console("--config", config) as (console, url), open_screen(browser, url) as screen:
            await screen.see(re.compile("30 clients within their goal"), within_s=30)
            assert not await screen.page.get_by_role("alert").count()
            await console.kill()
            alert = screen.page.get_by_role("alert")
            await alert.wait_for(timeout=20_000)
            assert "The console has stopped." in await alert.inner_text()


REMEMBER_SOCKET = """
window.WebSocket = class extends window.WebSocket {
  constructor() {
    super(...arguments);
    window.socket = this;
  }
};
"""
BREAK_SOCKET = "window.socket.send(new Uint8Array([0, 0xc1]))"
"""Nothing that Flet could read: it ends the connection of the page, which comes back by itself."""


async def test_a_page_that_loses_its_socket_goes_on_where_it_was(browser: Browser, tmp_path: Path) -> None:
    async with run_fleet(tmp_path / "data", "--quiet", clients=30) as fleet:
        config = str(fleet.configuration(tmp_path))
        async with (
            run_console("--config", config) as (_, url),
            open_screen(browser, url, script=REMEMBER_SOCKET) as screen,
        ):
            await screen.see("live", within_s=30)
            await screen.go("Clients")
            async with screen.page.expect_navigation(timeout=30_000):
                await screen.page.evaluate(BREAK_SOCKET)  # while the view is being made
            await screen.wait_for_semantics()
            await screen.see("Choose columns", within_s=30)
            memory = await screen.page.context.new_cdp_session(screen.page)
            await memory.send("HeapProfiler.collectGarbage")
            await screen.fill("Find a client", "web-01")
            await screen.row_says("web-01", "online", within_s=20)
