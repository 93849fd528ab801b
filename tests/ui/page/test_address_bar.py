"""The address of the page: it follows what is shown, and what the browser leads back to is shown again."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from streams.model.logs import LogFilter, LogLevel, LogSource
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.base.deep_links import parse_link
from ui.shell.address_bar import SETTLE_LOOKS, AddressBar
from ui.shell.app import build_console
from ui.shell.shell import Shell
from ui.views.logs.deeplink import led_to, words_of


@dataclass
class Stage:
    h: PageHarness
    shell: Shell
    pushed: list[str] = field(default_factory=list[str])

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.shell.address.look()
        await self.h.settle()

    async def show(self, place: Place) -> None:
        self.shell.go(place)
        await self.h.settle()
        self.h.frame()

    async def take(self, link: str) -> None:
        """Let the browser's address change, as its buttons do."""
        self.shell.address.take(f"/{link}")
        await self.h.settle()
        self.h.frame()


@asynccontextmanager
async def stage(monkeypatch: pytest.MonkeyPatch, route: str = "/") -> AsyncGenerator[Stage]:
    async with PageHarness.open(web=True) as h:
        streams = FakeStreams(h.now)
        streams.fill()
        h.page.route = route
        pushed: list[str] = []

        async def push(new: str, **_more: Any) -> None:
            pushed.append(new)

        monkeypatch.setattr(h.page, "push_route", push)
        shell = build_console(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context)
        h.frame()
        await h.settle()
        yield Stage(h, shell, pushed)
        assert not h.reports, h.reports


async def test_the_address_follows_the_view_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        await s.look()
        assert s.pushed == ["/dashboard"]
        await s.show(Place("clients"))
        await s.look()
        assert s.pushed == ["/dashboard", "/clients"]


async def test_a_filter_is_a_step_of_the_history_once_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        await s.show(Place("clients"))
        await s.look()
        for text in ("w", "we", "web"):
            await s.show(Place("clients", f"?text={text}"))
            await s.look()
        assert s.pushed == ["/clients"]
        await s.look(SETTLE_LOOKS)
        assert s.pushed == ["/clients", "/clients?text=web"]


async def test_back_closes_the_details_and_shows_the_filter_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        await s.show(Place("clients", "?text=web"))
        await s.look(SETTLE_LOOKS)
        await s.show(Place("clients", "client:web-01"))
        await s.look(SETTLE_LOOKS)
        assert s.pushed[-1] == "/clients/web-01"
        await s.take("clients/web-01")  # the browser confirms what it was told
        assert s.shell.link == "clients/web-01"
        await s.take("clients?text=web")
        assert s.shell.link == "clients?text=web"
        await s.take("clients")
        assert s.shell.link == "clients"
        assert s.pushed[-1] == "/clients/web-01"  # going back is no new step


@pytest.mark.parametrize(
    "link",
    [
        "clients/web-01",
        "clients?state=overdue",
        "logs?level=error&text=disk",
        "database/sql",
        "settings/polling",
    ],
)
async def test_a_page_opened_at_an_address_shows_it(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    async with stage(monkeypatch, f"/{link}") as s:
        await s.h.settle()
        s.h.frame()
        assert s.shell.current == link.replace("?", "/").split("/")[0]
        if not link.startswith(("settings", "database")):  # their streams are answered later
            assert s.shell.link == link
            await s.look(SETTLE_LOOKS)
            assert s.pushed == []


async def test_an_address_of_nothing_shows_the_view_that_was_shown_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stage(monkeypatch, "/nowhere/at/all") as s:
        assert s.shell.current == "dashboard"


async def test_a_place_that_is_still_looked_for_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch, "/clients/not-enrolled-yet") as s:
        await s.look(2 * SETTLE_LOOKS)
        assert s.pushed == []
        await s.show(Place("clients", "?text=web"))
        await s.look(SETTLE_LOOKS)
        assert s.pushed == ["/clients?text=web"]


async def test_confirmations_that_come_late_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(monkeypatch) as s:
        for view in ("clients", "files", "logs"):
            await s.show(Place(view))
            await s.look()
        for view in ("clients", "files", "logs"):
            await s.take(view)
        assert s.shell.current == "logs"


async def test_a_window_has_no_address() -> None:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        streams.fill()
        build_console(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context)
        assert not h.find_all(AddressBar)


@pytest.mark.parametrize(
    "shown",
    [
        LogFilter(),
        LogFilter(levels=frozenset({LogLevel.WARNING, LogLevel.ERROR}), text="disk full"),
        LogFilter(sources=frozenset({LogSource.SERVER}), run_id=7),
        LogFilter(client_id="0" * 32, correlation_id="abc"),
    ],
)
def test_the_link_of_a_log_filter_leads_back_to_it(shown: LogFilter) -> None:
    words = words_of(shown)
    link = "&".join(f"{key}={value}" for key, value in words.items() if value).replace(" ", "+")
    place = parse_link(f"logs?{link}")
    assert place is not None
    led = led_to(place.show) if place.show else (LogFilter(), None)
    assert led == (cast(Any, shown), None)
