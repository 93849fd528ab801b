"""What the palette finds first, and the keys that open, walk and close it in every view."""

from collections.abc import Sequence

import flet as ft
import msgspec
import pytest
import reactivex as rx
from reactivex.subject import Subject

from streams.records.database import Outline, TableInfo
from streams.vocabulary import ServerState
from tests.ui import fleet
from tests.ui.test_shell import _press, stage
from ui.context import Place
from ui.palette import MOST, MOST_OF_A_GROUP, Palette, PaletteEntry, ranked, score
from ui.views.registry import VIEWS


def entry(label: str, group: str = "Views", **more: object) -> PaletteEntry:
    return PaletteEntry(group, label, ft.Icons.ABC, lambda: None, **more)  # type: ignore[arg-type]


NAMES = ("Dashboard", "Clients", "Files", "Database", "Back up all clients", "web-03", "web-13", "db-02")


def best(query: str) -> str | None:
    found = ranked(query, [entry(name) for name in NAMES])
    return found[0].label if found else None


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("files", "Files"),
        ("da", "Dashboard"),
        ("data", "Database"),
        ("cli", "Clients"),
        ("03", "web-03"),
        ("web 13", "web-13"),
        ("web-03", "web-03"),
        ("back all", "Back up all clients"),
        ("all back", "Back up all clients"),
        ("dashbord", "Dashboard"),
        ("databsae", "Database"),
        ("DB-02", "db-02"),
        ("zzz", None),
    ],
)
def test_what_is_meant_comes_first(query: str, label: str | None) -> None:
    assert best(query) == label


def test_a_name_goes_before_other_words_and_those_before_misspelling() -> None:
    by_name, by_word, alike = entry("polling"), entry("critical", words="polling"), entry("pollinq")
    assert score("polling", by_name) > score("polling", by_word) > score("polling", alike) > 0


def test_who_types_a_whole_name_gets_what_bears_it() -> None:
    table = entry("events", "Tables", weight=0.8)
    others = [entry("server.replay_events", "Settings"), entry("keep events", "Settings")]
    assert ranked("events", [*others, table])[0] is table
    view = entry("Events", "Views")
    assert ranked("events", [table, view])[0] is view


def test_groups_stand_together_and_none_takes_all_the_room() -> None:
    entries = [entry(f"web-{n:02}", "Clients") for n in range(60)] + [entry("web page", "Tables")]
    found = [e.group for e in ranked("web", entries, [entry("web.txt", "Files")])]
    assert found == [*["Clients"] * MOST_OF_A_GROUP, "Tables", "Files"]
    assert len(ranked("web", entries[:60])) == MOST


def test_before_anything_is_typed_only_what_is_for_it() -> None:
    assert [e.label for e in ranked("", [entry("a"), entry("b", at_rest=False)])] == ["a"]


def test_a_part_that_offers_again_takes_the_place_of_its_former_offer() -> None:
    palette = Palette()
    palette.offer("tables", lambda: [entry("old")])
    palette.offer("tables", lambda: [entry("new")])
    assert [e.label for e in palette.entries()] == ["new"]
    palette.withdraw("tables")
    assert not list(palette.entries())


async def _type(s: object, text: str) -> None:
    field = s.shell._palette.field  # type: ignore[attr-defined]
    await s.h.fire(field, "change", text, value=text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("view", [spec.name for spec in VIEWS])
async def test_it_opens_and_closes_in_every_view_and_keys_work_after_it(view: str) -> None:
    async with stage() as s:
        s.shell.go(Place(view))
        await s.h.settle()
        await _press(s.h, "K", ctrl=True)
        palette = s.shell._palette
        assert palette.looking
        await _press(s.h, "2")  # belongs to the field
        assert s.shell.current == view
        await _press(s.h, "Escape")
        assert not palette.looking
        await _press(s.h, "F1")
        assert s.h.context.modal
        await _press(s.h, "2")
        assert s.shell.current == view
        await s.h.fire(s.h.find(ft.AlertDialog), "dismiss")
        await _press(s.h, "2")
        assert s.shell.current == VIEWS[1].name


@pytest.mark.parametrize("view", ["clients", "files"])
async def test_the_find_key_is_for_the_search_field_of_the_view(view: str) -> None:
    async with stage() as s:
        s.shell.go(Place(view))
        await s.h.settle()
        s.h.clear()
        calls: list[object] = []
        s.h.connection.replies["focus"] = calls.append
        await _press(s.h, "F", ctrl=True)
        await _press(s.h, "/")
        assert len(calls) == 2
        s.h.context.typing = True
        await _press(s.h, "/")
        assert len(calls) == 2


async def test_clients_are_found_and_enter_leads_to_their_details() -> None:
    async with stage() as s:
        await s.h.fire(s.h.find(ft.Container, key="search button"), "click")
        palette = s.shell._palette
        await _type(s, "lab-printer")
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
        await _type(s, "lab-printer")
        assert s.shell._palette.shown[0].detail == "failing"


async def test_what_is_selected_can_be_acted_on_by_the_keys_alone() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        await s.h.settle()
        palette = s.shell._palette
        await _press(s.h, "K", ctrl=True)
        await _type(s, "back up")
        assert palette.shown[0].label == "Back up all clients"
        await _press(s.h, "Escape")
        await _press(s.h, "Home")
        await _press(s.h, "Arrow Down", shift=True)
        await _press(s.h, "K", ctrl=True)
        await _type(s, "back up")
        assert palette.shown[0].label == "Back up the 2 selected clients"
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        ids = [fleet.client_id(name) for name in ("app-01", "app-02")]
        assert s.commands.calls == [("back_up", ids)]
        s.shell.go(Place("files"))
        await s.h.settle()
        await _press(s.h, "K", ctrl=True)
        await _type(s, "selected")
        assert not any(entry.group == "Selected" for entry in palette.shown)


async def test_arrows_walk_the_list_and_what_is_chosen_is_done() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await _type(s, "reconnect")
        palette = s.shell._palette
        await _press(s.h, "Arrow Down")
        await _press(s.h, "Arrow Up")
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        assert s.commands.calls == [("reconnect", None)]


async def test_stopping_the_server_asks_first() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await _type(s, "stop server")
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
                await _type(s, text)
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
        await _type(s, "start server")
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
            await _type(s, text)
            s.h.advance(0.05)
        assert asked == []
        s.h.advance(0.4)
        assert asked == ["report"]
        assert "report.pdf" in [e.label for e in s.shell._palette.shown]


async def test_a_pasted_link_leads_to_its_place() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await _type(s, "python -m app --open clients?state=failing")
        assert s.shell._palette.shown[0].group == "Link"
        await s.h.fire(s.shell._palette.field, "submit")
        assert s.shell.current == "clients"
        assert s.h.context.prefs.get("clients.filter") == ["failing", ""]


async def test_while_it_is_closed_it_looks_at_nothing() -> None:
    async with stage() as s:
        s.shell.go(Place("files"))
        s.h.frame()
        before = len(s.streams.status.observers)
        await _press(s.h, "K", ctrl=True)
        assert len(s.streams.status.observers) == before + 1
        await _press(s.h, "K", ctrl=True)
        assert len(s.streams.status.observers) == before


async def test_tables_and_saved_queries_are_found_before_the_database_was_shown() -> None:
    async with stage() as s:
        outline = Outline(
            path="c.db", size_bytes=1, tables=(TableInfo(name="runs", rows=12), TableInfo(name="x"))
        )
        s.streams.database.outline.on_next(s.streams.ok(outline))
        s.h.context.prefs.put("database.saved", ["select count(*) from files", 7])
        await _press(s.h, "K", ctrl=True)
        await _type(s, "runs")
        s.h.advance(0.5)
        assert ("Tables", "runs", "12 rows") in [(e.group, e.label, e.detail) for e in s.shell._palette.shown]
        await _type(s, "count")
        assert ("Saved queries", "select count(*) from files") in [
            (e.group, e.label) for e in s.shell._palette.shown
        ]


async def test_an_error_leads_to_its_log_lines() -> None:
    async with stage() as s:
        s.h.context.messages.error("It failed")
        s.h.frame()
        await s.h.fire(s.h.find(ft.IconButton, tooltip="Show log"), "click")
        assert s.shell.current == "logs"


async def test_enter_before_the_answers_are_there_chooses_the_first_that_comes() -> None:
    async with stage() as s:
        chosen: list[str] = []
        answers: Subject[Sequence[PaletteEntry]] = Subject()
        s.h.context.palette.offer_search("files", lambda _text: answers)
        await _press(s.h, "K", ctrl=True)
        await _type(s, "zzqq.conf")
        palette = s.shell._palette
        await s.h.fire(palette.field, "submit")
        assert palette.visible
        s.h.advance(0.4)
        found = PaletteEntry("Files", "zzqq.conf", ft.Icons.ABC, lambda: chosen.append("zzqq.conf"))
        answers.on_next([found])
        s.h.frame()
        assert chosen == ["zzqq.conf"]
        assert not palette.visible


async def test_what_is_typed_after_an_early_enter_is_not_chosen_by_it() -> None:
    async with stage() as s:
        answers: Subject[Sequence[PaletteEntry]] = Subject()
        s.h.context.palette.offer_search("files", lambda _text: answers)
        await _press(s.h, "K", ctrl=True)
        await _type(s, "zzqq.conf")
        await s.h.fire(s.shell._palette.field, "submit")
        await _type(s, "zzqq.conf2")
        s.h.advance(0.4)
        answers.on_next([entry("zzqq.conf2", "Files")])
        s.h.frame()
        assert s.shell._palette.visible


async def test_enter_is_not_lost_where_the_field_had_to_let_go_of_the_keyboard() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        palette = s.shell._palette
        await s.h.fire(palette.field, "focus")
        await _type(s, "reconnect")
        await _press(s.h, "Enter")
        assert palette.visible  # the field has the key and will tell
        calls: list[object] = []
        s.h.connection.replies["focus"] = calls.append
        await s.h.fire(palette.field, "blur")  # as a rebuilt tree for screen readers does
        assert len(calls) == 1  # it takes the keyboard back
        await _press(s.h, "Enter")
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        assert s.commands.calls == [("reconnect", None)]


async def test_enter_on_another_control_of_the_palette_is_not_taken_for_the_field() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        palette = s.shell._palette
        await s.h.fire(palette.field, "focus")
        await _type(s, "lab-printer")
        await _press(s.h, "Tab")
        await s.h.fire(palette.field, "blur")
        await _press(s.h, "Enter")
        assert palette.visible


async def test_it_opens_with_an_empty_field_whatever_was_typed_before() -> None:
    async with stage() as s:
        field = s.shell._palette.field
        await _press(s.h, "K", ctrl=True)
        await _type(s, "back up g")
        await _press(s.h, "Escape")
        s.h.clear()
        await _press(s.h, "K", ctrl=True)
        await s.h.settle()
        assert not field.value
        assert (field._i, "value", "") in [(op.target, op.what, op.value) for op in s.h.ops()]


async def test_a_search_field_that_lets_go_late_does_not_take_the_keys_from_the_palette() -> None:
    async with stage() as s:
        s.shell.go(Place("clients"))
        await s.h.settle()
        search = s.shell.view("clients")._search.field  # type: ignore[attr-defined]
        await s.h.fire(search, "focus")
        await _press(s.h, "K", ctrl=True)
        await s.h.fire(search, "blur")
        assert s.h.context.typing
