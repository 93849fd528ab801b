"""Links lead to their place in a view, or say that it is not there."""

from typing import Any

import pytest

from streams.model.database import Outline, TableInfo
from streams.model.files import FilePage
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.files_desk import Desk
from tests.ui.harness import PageHarness
from tests.ui.page.test_shell import stage
from ui.base.context import Place
from ui.base.deep_links import file_link, parse_link
from ui.shell.app import build_console


def said(h: PageHarness) -> list[str]:
    """What was said besides what is wrong with the fleet."""
    return [message.text for message in h.context.messages.all if message.lead is None]


async def test_a_file_is_led_to_with_its_details_open() -> None:
    async with stage() as s:
        file = fleet.file_of(3, s.h.now())
        s.h.context.go(Place("files", f"path:{file.client_id}:{file.path}"))
        await s.h.settle()
        assert s.shell.view("files")._versions.file_id == file.id  # type: ignore[attr-defined]
        other = fleet.file_of(4, s.h.now())
        place = parse_link(file_link(other.client_name, other.path))
        assert place is not None
        s.h.context.go(place)
        await s.h.settle()
        assert s.shell.view("files")._versions.file_id == other.id  # type: ignore[attr-defined]
        s.h.context.go(Place("files", "?state=bogus"))
        s.h.context.go(Place("files", "?state=damaged"))
        assert s.h.context.prefs.get("files.filter")["state"] == "damaged"  # type: ignore[index]


async def test_a_client_is_led_to_by_its_name_before_any_is_known() -> None:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        shell = build_console(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context)
        shell.go(Place("clients", "client:web-03"))
        h.frame()
        streams.fill()
        await h.settle()
        assert shell.view("clients")._details.client_id == fleet.client_id("web-03")  # type: ignore[attr-defined]
        shell.go(Place("clients", "client:nobody"))
        await h.settle()
        assert h.context.messages.all[0].text == "There is no client nobody"


async def test_a_client_that_came_while_nobody_looked_is_found() -> None:
    async with stage() as s:
        wiki = fleet.client_of("wiki", s.h.now())
        s.streams.clients.remove(wiki.id)
        s.shell.go(Place("clients"))
        await s.h.settle()
        s.shell.go(Place("dashboard"))
        await s.h.settle()
        s.streams.clients.put(wiki)
        s.shell.go(Place("clients", "client:wiki"))
        await s.h.settle()
        assert s.shell.view("clients")._details.client_id == wiki.id  # type: ignore[attr-defined]
        assert said(s.h) == []


@pytest.mark.parametrize(
    ("link", "missing"),
    [
        ("clients/nobody", "client nobody"),
        ("clients?state=odd", "such place among the clients: state=odd"),
        ("clients?name=wiki", "such place among the clients: name=wiki"),
        ("files/nobody/a.txt", "client nobody"),
        ("files/wiki/no/such.txt", "file no/such.txt of that client"),
        ("files?state=odd", "such place among the files: state=odd"),
        ("logs?client=nobody", "client nobody"),
        ("logs?level=odd", "such place in the log: level=odd"),
        ("database/odd", "table odd in this database"),
    ],
)
async def test_what_a_link_names_that_is_not_there_is_said(link: str, missing: str) -> None:
    async with stage() as s:
        outline = Outline(path="c.db", size_bytes=1, tables=(TableInfo(name="runs", rows=12),))
        s.streams.database.outline.on_next(s.streams.ok(outline))
        place = parse_link(link)
        assert place is not None
        s.h.context.go(place)
        await s.h.settle()
        assert said(s.h) == [f"There is no {missing}"]


async def test_a_table_is_led_to_by_its_name() -> None:
    async with stage() as s:
        tables = (TableInfo(name="files", rows=2), TableInfo(name="runs", rows=12))
        s.streams.database.outline.on_next(s.streams.ok(Outline(path="c.db", size_bytes=1, tables=tables)))
        s.h.context.go(Place("database", "runs"))
        await s.h.settle()
        assert s.shell.view("database")._chosen == "runs"  # type: ignore[attr-defined]


async def test_a_file_that_was_not_answered_for_yet_is_let_go_when_somebody_looks_at_others() -> None:
    async with PageHarness.sound() as page:
        desk = Desk(page)
        desk.streams.fill()
        page.frame()
        desk.auto = False
        desk.view.arrive("path:wiki:no/such.txt")
        assert desk.queries[-1].client_id == fleet.client_id("wiki")
        desk.view.arrive("?state=damaged")
        desk.answers[-1].on_next(desk.streams.ok(FilePage(rows=())))
        page.frame()
        assert desk.messages == []


async def test_a_filter_chosen_by_hand_holds_though_the_client_of_a_link_to_files_is_found_later() -> None:
    async with PageHarness.sound() as page:
        desk = Desk(page)
        desk.view.arrive("client:wiki")
        desk.view._tools._menus["state"]._choose("damaged")
        desk.streams.fill()
        page.frame()
        assert (desk.view._filter.state, desk.view._filter.client_id) == ("damaged", "any")
        assert desk.view._tools.value == desk.view._filter


async def test_the_client_of_a_link_is_found_though_the_one_that_was_looked_at_is_gone() -> None:
    async with PageHarness.sound() as page:
        page.context.prefs.put("files.filter", {"client_id": "0" * 32})
        desk = Desk(page)
        assert desk.view._filter.client_id == "0" * 32
        desk.view.arrive("client:wiki")
        desk.streams.fill()
        page.frame()
        assert desk.view._filter.client_id == fleet.client_id("wiki")


@pytest.mark.parametrize("view", ["clients", "logs"])
async def test_a_filter_chosen_by_hand_holds_in_the_other_views_too(view: str) -> None:
    async with PageHarness.open() as h:
        streams = FakeStreams(h.now)
        shell = build_console(h.page, streams=streams.bag, commands=FakeCommands(), context=h.context)
        shell.go(Place(view, "client:wiki" if view == "clients" else "?client=wiki"))
        await h.settle()
        shown: Any = shell.view(view)
        if view == "clients":
            shown._on_search("db-")
        else:
            shown._filters._search._on_search("failed")
        streams.fill()
        await h.settle()
        if view == "clients":
            assert (shown._text, shown._details.client_id) == ("db-", None)
        else:
            assert (shown._filters.value.text, shown._filters.value.client_id) == ("failed", None)
