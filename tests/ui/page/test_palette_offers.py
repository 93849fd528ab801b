"""Offers of the palette, and the places they lead to."""

from collections.abc import Sequence
from pathlib import Path

import flet as ft
import msgspec
import reactivex as rx

from streams.model.database import Outline, TableInfo
from streams.model.vocabulary import ServerState
from tests.ui import fleet
from tests.ui.page.test_shell import _press, stage
from tests.ui.palette_typing import entry, type_into
from tests.ui.settings_stage import settings_stage
from ui.base.context import Place
from ui.base.palette import PaletteEntry


async def test_clients_are_found_and_enter_leads_to_their_details() -> None:
    async with stage() as s:
        await s.h.fire(s.h.find(ft.Container, key="search button"), "click")
        palette = s.shell._palette
        await type_into(s, "lab-printer")
        assert palette.shown[0].label == "lab-printer"
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        assert s.shell.current == "clients"
        assert not palette.visible
        assert not s.streams.pages.observers
        panel = s.shell.view("clients")._details  # type: ignore[attr-defined]
        assert panel.client_id == fleet.client_id("lab-printer")


async def test_a_client_is_told_as_the_clients_view_tells_it() -> None:
    async with stage() as s:
        client = s.streams.clients.rows[fleet.client_id("lab-printer")]
        s.streams.clients.put(msgspec.structs.replace(client, failing_since=s.h.now()))
        await s.h.fire(s.h.find(ft.Container, key="search button"), "click")
        await type_into(s, "lab-printer")
        assert s.shell._palette.shown[0].detail == "failing"


async def test_what_is_selected_can_be_acted_on_by_the_keys_alone() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        await s.h.settle()
        palette = s.shell._palette
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "back up")
        assert palette.shown[0].label == "Back up all clients"
        await _press(s.h, "Escape")
        await _press(s.h, "Home")
        await _press(s.h, "Arrow Down", shift=True)
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "back up")
        assert palette.shown[0].label == "Back up the 2 selected clients"
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        ids = [fleet.client_id(name) for name in ("app-01", "app-02")]
        assert s.commands.calls == [("back_up", ids)]
        s.shell.go(Place("files"))
        await s.h.settle()
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "selected")
        assert not any(entry.group == "Selected" for entry in palette.shown)


async def test_stopping_the_server_asks_first() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "stop server")
        await s.h.fire(s.shell._palette.field, "submit")
        await s.h.settle()
        assert s.h.find(ft.AlertDialog).open
        assert not s.commands.calls


async def test_no_order_is_found_while_the_server_is_lost() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        await s.h.settle()
        await _press(s.h, "Home")
        await _press(s.h, "Arrow Down", shift=True)

        async def offered() -> set[str]:
            found = set[str]()
            for text in ("server", "back up all", "back up lab-printer", "verify selected", "reconnect"):
                await type_into(s, text)
                found |= {entry.label for entry in s.shell._palette.shown}
            return found

        orders = {
            "Stop the server…",
            "Back up all clients",
            "Back up lab-printer",
            "Verify the 2 selected clients",
        }
        await _press(s.h, "K", ctrl=True)
        s.h.frame()
        assert orders | {"Reconnect now"} <= await offered()
        s.streams.lose()  # while it is open
        s.h.frame()
        left = await offered()
        assert not orders & left
        assert "Reconnect now" in left
        s.streams.fill()
        s.h.frame()
        assert orders <= await offered()


async def test_a_server_that_was_stopped_can_be_started_from_the_first_time_on() -> None:
    async with stage() as s:
        stopped = msgspec.structs.replace(fleet.status(s.h.now()), state=ServerState.STOPPED)
        s.streams.status.on_next(s.streams.ok(stopped))
        await _press(s.h, "K", ctrl=True)
        s.h.frame()
        await type_into(s, "start server")
        assert s.shell._palette.shown[0].label == "Start the server"


async def test_files_are_asked_for_once_the_typing_pauses() -> None:
    async with stage() as s:
        asked: list[str] = []

        def search(text: str) -> rx.Observable[Sequence[PaletteEntry]]:
            asked.append(text)
            return rx.of([entry(f"{text}.pdf", "Files")])

        s.h.context.palette.offer_search("files", search)
        await _press(s.h, "K", ctrl=True)
        for text in ("re", "rep", "report"):
            await type_into(s, text)
            s.h.advance(0.05)
        assert asked == []
        s.h.advance(0.4)
        assert asked == ["report"]
        assert "report.pdf" in [e.label for e in s.shell._palette.shown]


async def test_a_pasted_link_leads_to_its_place() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "tidewatch --open clients?state=failing")
        assert s.shell._palette.shown[0].group == "Link"
        await s.h.fire(s.shell._palette.field, "submit")
        assert s.shell.current == "clients"
        assert s.h.context.prefs.get("clients.filter") == ["failing", ""]


async def test_tables_and_saved_queries_are_found_before_the_database_was_shown() -> None:
    async with stage() as s:
        outline = Outline(
            path="c.db", size_bytes=1, tables=(TableInfo(name="runs", rows=12), TableInfo(name="x"))
        )
        s.streams.database.outline.on_next(s.streams.ok(outline))
        s.h.context.prefs.put("database.saved", ["select count(*) from files", 7])
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "runs")
        s.h.advance(0.5)
        assert ("Tables", "runs", "12 rows") in [(e.group, e.label, e.detail) for e in s.shell._palette.shown]
        await type_into(s, "count")
        assert ("Saved queries", "select count(*) from files") in [
            (e.group, e.label) for e in s.shell._palette.shown
        ]


async def test_settings_of_the_server_are_found(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "verify_days")
        s.h.advance(1)
        await s.h.settle()
        found = [entry.label for entry in s.shell._palette.shown]
        assert "server.verify_days" in found
