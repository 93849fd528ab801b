"""The ladder of the keys: what Escape does, one step at a time, whatever has the keyboard."""

import asyncio
from pathlib import Path
from typing import Any

import flet as ft
import pytest
from flet.messaging.protocol import MessageAction

from tests.ui.fake_settings import settings_desk
from tests.ui.page.test_shell import _press, _Stage, stage
from tests.ui.settings_stage import SettingsStage, settings_stage
from ui.base.context import Place
from ui.base.keymap import KEYMAP, SHEET
from ui.components.confirm import Question, ask
from ui.components.data_table.keys import Move
from ui.components.toolbar import SearchField


async def _show(s: _Stage, view: str) -> Any:
    s.shell.go(Place(view))
    await s.h.settle()
    s.h.frame()  # what comes with a frame may ask for more
    return s.shell.view(view)


def _parts(view: Any, name: str) -> tuple[SearchField, ft.KeyboardListener]:
    """Return the search field of a view, and what has the keyboard after it."""
    if name == "logs":
        return view._filters._search, view._board.list._listener
    return view._search if name == "clients" else view._tools._search, view._table._listener


async def _type(s: _Stage, search: SearchField, text: str) -> None:
    await s.h.fire(search.field, "focus")
    if text:
        await s.h.fire(search.field, "change", text, value=text)


def _focused(s: _Stage | SettingsStage) -> list[Any]:
    """Who has been asked to take the keyboard since the messages were cleared."""
    bodies = s.h.connection.bodies(MessageAction.INVOKE_METHOD)
    return [body["control_id"] for body in bodies if body["name"] == "focus"]


@pytest.mark.parametrize("name", ["clients", "files", "logs"])
async def test_escape_empties_a_search_field_and_then_leaves_it(name: str) -> None:
    async with stage() as s:
        view = await _show(s, name)
        search, rows = _parts(view, name)
        await _type(s, search, "web")
        s.h.clear()
        await _press(s.h, "Escape")
        assert not search.field.value
        assert not search.value  # the view was told
        assert _focused(s) == []
        assert s.h.context.typing
        await _press(s.h, "Escape")
        assert _focused(s) == [rows._i]
        await s.h.fire(search.field, "blur")
        assert not s.h.context.typing


async def test_a_search_field_without_rows_is_left_too(tmp_path: Path) -> None:
    async with stage() as s:
        s.h.context.settings, _watcher = await settings_desk(tmp_path)
        view = await _show(s, "settings")
        await _type(s, view._search, "")
        s.h.clear()
        await _press(s.h, "Escape")
        assert _focused(s) == [s.shell._keyboard.rest._i]


async def test_escape_puts_back_what_is_in_force_in_a_setting_and_leaves_it(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        stamp = s.file.stat().st_mtime_ns
        entry = s.field("polling.timeout_s")._input
        in_force = entry.value
        for typed in ("3", None):
            await s.h.fire(entry, "focus")
            if typed is not None:
                await s.h.fire(entry, "change", typed, value=typed)
            s.h.clear()
            await _press(s.h, "Escape")
            assert entry.value == in_force
            assert _focused(s) == [s.shell._keyboard.rest._i]
            await s.h.fire(entry, "blur")
            assert not s.h.context.typing
            assert s.h.context.text_input is None
        await s.until_saved()
        assert s.file.stat().st_mtime_ns == stamp


async def test_escape_takes_back_a_setting_that_was_refused_with_its_reason(tmp_path: Path) -> None:
    async with settings_stage(tmp_path) as s:
        entry = s.field("polling.critical_s")._input
        await s.type("polling.critical_s", "soon")
        await s.h.fire(entry, "focus")
        await _press(s.h, "Escape")
        await s.h.fire(entry, "blur")
        assert entry.value == "5"
        assert not any("is not allowed" in text for text in s.h.texts())


async def test_escape_drops_a_setting_that_waits_to_be_saved_with_others(tmp_path: Path) -> None:
    async with settings_stage(tmp_path, section="connection") as s:
        await s.h.fire(s.field("connection.mock_mode")._input, "change", value=False)
        await s.until_saved()
        entry = s.field("connection.host")._input
        in_force = entry.value
        await s.type("connection.host", "other.example.org")
        assert set(s.view._drafts) == {"connection.mock_mode", "connection.host"}
        await s.h.fire(entry, "focus")
        await _press(s.h, "Escape")
        await s.h.fire(entry, "blur")
        await s.until_saved()
        assert entry.value == in_force
        assert set(s.view._drafts) == {"connection.mock_mode"}
        assert s.view._banner.control.visible
        assert "other.example.org" not in s.view._connection._lines.value


async def test_escape_puts_back_the_day_that_is_shown_and_leaves_the_field() -> None:
    async with stage() as s:
        view = await _show(s, "analytics")
        custom = next(box for box in s.h.find_all(ft.Semantics, view) if box.label == "Range Custom")
        await s.h.fire(s.h.find(ft.Container, custom), "click")
        first, last = s.h.find_all(ft.TextField, view)
        days, asked = (first.value, last.value), len(s.streams.past.asked)
        for field, typed in ((first, "2026-02-31"), (last, "2026-03-05"), (last, None)):
            await s.h.fire(field, "focus")
            if typed is not None:
                await s.h.fire(field, "change", typed, value=typed)
            s.h.clear()
            await _press(s.h, "Escape")
            assert (first.value, last.value) == days
            assert _focused(s) == [s.shell._keyboard.rest._i]
            await s.h.fire(field, "blur")
            assert not s.h.context.typing
        assert len(s.streams.past.asked) == asked


async def test_escape_closes_the_details_whatever_has_the_keyboard() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await s.h.fire(view._table._body.rows[2].control, "click")
        assert view._details.visible
        await _press(s.h, "Escape")
        assert not view._details.visible


async def test_escape_closes_the_versions_of_a_file_the_row_of_a_table_and_the_details_of_a_line() -> None:
    async with stage() as s:
        files = await _show(s, "files")
        await s.h.fire(files._table._body.rows[0].control, "click")
        assert files._versions.visible
        await _press(s.h, "Escape")
        assert not files._versions.visible
        s.streams.logs.fill()
        logs = await _show(s, "logs")
        s.h.advance(0.5)
        logs._on_open(logs._board.held.lines[0])
        assert logs._details.control.visible
        await _press(s.h, "Escape")
        assert not logs._details.control.visible
        s.streams.database.fill()
        data = (await _show(s, "database"))._data
        await s.h.settle()
        data._grid.table._body.resize(900, 500)
        data._grid.table.refresh()
        await s.h.fire(data._grid.table._body.rows[0].control, "click")
        assert data._panel.visible
        await _press(s.h, "Escape")
        assert not data._panel.visible


async def test_escape_goes_one_step_at_a_time_and_what_lies_on_top_goes_first() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        table = view._table
        await s.h.fire(table._body.rows[1].check, "change", value=True)
        await s.h.fire(table._body.rows[2].control, "click")
        await _type(s, view._search, "b")
        menu = view._menu._button
        await s.h.fire(menu, "open")
        await _press(s.h, "Escape")  # the menu closes by itself
        await s.h.fire(menu, "cancel")
        assert view._search.field.value == "b"
        await _press(s.h, "K", ctrl=True)
        await _press(s.h, "Escape")
        assert not s.shell._palette.visible
        assert view._search.field.value == "b"
        await _type(s, view._search, "")
        await _press(s.h, "Escape")
        assert not view._search.field.value
        assert view._details.visible
        await _press(s.h, "Escape")
        await s.h.fire(view._search.field, "blur")
        assert view._details.visible
        await _press(s.h, "Escape")
        assert not view._details.visible
        assert len(table.selection) == 1
        await _press(s.h, "Escape")
        assert len(table.selection) == 0


async def test_escape_in_another_text_field_is_its_own() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await s.h.fire(view._table._body.rows[2].control, "click")
        s.h.context.typing = True  # as a field of a form or the editor does
        await _press(s.h, "Escape")
        assert view._details.visible


async def test_a_menu_that_was_taken_away_while_it_was_open_costs_one_escape_at_most() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await s.h.fire(view._table._body.rows[2].control, "click")
        await s.h.fire(view._table._body.rows[2]._menu, "click")
        assert s.h.context.menu
        await _press(s.h, "Escape")
        assert view._details.visible
        await _press(s.h, "Escape")
        assert not view._details.visible
        await s.h.fire(s.h.find(ft.PopupMenuButton, view), "open")
        await _show(s, "files")
        assert not s.h.context.menu


async def test_no_key_reaches_what_lies_below_a_dialog() -> None:
    async with stage() as s:
        load = s.shell.view("dashboard").load  # type: ignore[attr-defined]
        card = next(
            c for c in s.h.find_all(ft.Container, load) if c.on_click and "Server CPU" in s.h.texts(c)
        )
        await s.h.fire(card, "click")
        await _press(s.h, "2")
        assert s.shell.current == "dashboard"
        await s.h.fire(s.h.find(ft.AlertDialog), "dismiss")
        await _press(s.h, "2")
        assert s.shell.current == "clients"


def _current(view: Any) -> object:
    return view.row_navigator.current


async def test_arrows_walk_the_rows_before_anything_was_clicked_and_take_the_keyboard_there() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        keys = list(view._table.keys())
        s.h.clear()
        await _press(s.h, "Arrow Down")
        assert _current(view) == keys[0]
        assert _focused(s) == [view._table._listener._i]
        for key, place in (("Arrow Down", 1), ("End", len(keys) - 1), ("Home", 0)):
            await _press(s.h, key)
            assert _current(view) == keys[place]
        await _press(s.h, "Page Down")
        assert _current(view) == keys[view._table._window.visible]
        await _press(s.h, "Arrow Up", shift=True)
        assert len(view._table.selection) == 2
        await _press(s.h, "A", ctrl=True)
        assert len(view._table.selection) == len(keys)


async def test_the_keys_go_on_from_the_row_whose_details_were_closed() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await s.h.fire(view._table._body.rows[4].control, "click")
        open_row = _current(view)
        await _press(s.h, "Escape")
        assert _current(view) is None
        await _press(s.h, "Arrow Down")
        assert _current(view) == open_row


async def test_without_a_current_row_the_keys_begin_with_the_first_that_is_seen() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        view._table._go(7)
        await _press(s.h, "Arrow Down")
        assert _current(view) == view._table.keys()[7]


async def test_arrows_walk_the_lines_of_the_log_that_are_seen() -> None:
    async with stage() as s:
        s.streams.logs.fill()
        view = await _show(s, "logs")
        s.h.advance(0.5)
        lines, window = view._board.held.lines, view._board.list.window
        assert window.offset
        await _press(s.h, "Arrow Down")
        assert _current(view) is lines[window.offset]
        await _press(s.h, "Escape")
        await _press(s.h, "Arrow Up")
        assert _current(view) is lines[window.offset + window.visible - 1]


async def test_a_held_key_walks_on() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await _press(s.h, "Arrow Down")
        await s.h.fire(view._table._around, "key_repeat", {"key": "Arrow Down"})
        await s.h.fire(view._table._around, "key_repeat", {"key": "Arrow Down"})
        assert _current(view) == view._table.keys()[2]


@pytest.mark.parametrize("who", ["typing", "menu", "dialog", "panel", "palette"])
async def test_the_rows_do_not_move_while_the_keys_belong_to_somebody_else(who: str) -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        if who == "palette":
            await _press(s.h, "K", ctrl=True)
        elif who == "panel":
            await s.h.fire(s.h.find(ft.Container, key="connection pill"), "click")
        elif who == "dialog":
            await _press(s.h, "F1")
        else:
            setattr(s.h.context, who, True)
        await _press(s.h, "Arrow Down")
        assert _current(view) is None


async def test_escape_closes_the_open_dialog_and_then_the_keys_are_for_the_view_again() -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        await _press(s.h, "F1")
        sheet = s.h.find(ft.AlertDialog, open=True)
        await _press(s.h, "Arrow Down")
        assert _current(view) is None
        await _press(s.h, "Escape")
        assert not sheet.open
        await _press(s.h, "Arrow Down")
        assert _current(view) == view._table.keys()[0]


async def test_escape_says_no_to_a_question() -> None:
    async with stage() as s:
        question = Question("Purge?", "Gone for ever.", "Purge", type_name="web-01")
        asked = asyncio.create_task(ask(s.h.page, s.h.context, question))
        await s.h.settle()
        dialog = s.h.find(ft.AlertDialog, open=True)
        await s.h.fire(s.h.find(ft.TextField, dialog), "focus")
        await _press(s.h, "Escape")
        assert await asked is False
        assert not dialog.open
        assert s.h.context.close_dialog is None
        assert not s.h.context.typing


@pytest.mark.parametrize(("key", "shift"), [("Context Menu", False), ("F10", True)])
async def test_the_menu_key_opens_the_menu_of_the_current_row(key: str, shift: bool) -> None:
    async with stage() as s:
        view = await _show(s, "clients")
        menu = view._table._menu.control
        await _press(s.h, key, shift=shift)
        assert not s.h.context.menu, "no row has the keyboard"
        await _press(s.h, "Arrow Down")
        await _press(s.h, "Arrow Down")
        s.h.clear()
        await _press(s.h, key, shift=shift)
        opened = [
            body["args"]["local_position"]
            for body in s.h.connection.bodies(MessageAction.INVOKE_METHOD)
            if body["control_id"] == menu._i and body["name"] == "open"
        ]
        place = view._table._body.place_of(1)
        assert [(at["x"], at["y"]) for at in opened] == [(place.x, place.y)]
        assert s.h.context.menu
        assert menu.items


async def test_arrows_walk_the_rows_of_the_table_that_the_database_shows() -> None:
    async with stage() as s:
        s.streams.database.fill()
        view = await _show(s, "database")
        table = view._data._grid.table
        table._body.resize(900, 500)
        table.refresh()
        await _press(s.h, "Arrow Down")
        assert _current(view) == table.keys()[0]
        view.show_tab("sql")
        await s.h.settle()
        await _press(s.h, "Arrow Down")
        assert _current(view._data) == table.keys()[0]


async def test_escape_leaves_the_editor_as_it_is_and_first_the_words_it_offers() -> None:
    async with stage() as s:
        s.streams.database.fill()
        view = await _show(s, "database")
        view.show_tab("sql")
        await s.h.settle()
        editor = view.sql._writing
        await s.h.fire(editor.field, "focus")
        await s.h.fire(editor.field, "change", value="select na")
        selection = {"selected_text": "", "selection": {"base_offset": 9, "extent_offset": 9}}
        await s.h.fire(editor.field, "selection_change", selection)
        assert editor._line.control.visible
        s.h.clear()
        await _press(s.h, "Escape")
        assert not editor._line.control.visible
        assert _focused(s) == []
        await _press(s.h, "Escape")
        assert _focused(s) == [s.shell._keyboard.rest._i]  # there are no rows yet
        assert editor.text == "select na"
        await s.h.fire(editor.field, "blur")
        assert not s.h.context.typing


WRITTEN = {"Escape": "Esc", "Page Up": "PgUp", "Page Down": "PgDn"} | {
    f"Arrow {word}": sign for word, sign in (("Up", "↑"), ("Down", "↓"), ("Left", "←"), ("Right", "→"))
}


def test_the_list_of_keys_has_every_key_that_is_taken() -> None:
    everywhere = " ".join(key.keys for key in SHEET["Everywhere"])
    for key in KEYMAP:
        written = WRITTEN.get(key.key, key.key)
        told = " ".join(line.keys for lines in SHEET.values() for line in lines)
        assert (f"Ctrl+{written}" if key.ctrl else written) in told, key
    assert all(word in everywhere for word in ("Esc", "F1", "Tab", "Enter", "Space"))
    rows = [key.keys.split() for key in SHEET["Tables"]]
    for move in Move:
        assert any(WRITTEN.get(move.value, move.value) in keys for keys in rows), move
    assert {"Space", "Ctrl+A", "Enter", "Shift+↑"} <= {key for keys in rows for key in keys}


async def test_what_the_list_says_of_escape_is_what_it_does() -> None:
    escape = next(key.does for key in SHEET["Everywhere"] if key.keys == "Esc")
    steps = escape.split(", ")
    assert steps == ["Close a dialog or panel", "empty a field", "leave it", "close details", "deselect"]
    async with stage() as s:
        view = await _show(s, "clients")
        await s.h.fire(view._table._body.rows[1].check, "change", value=True)
        await s.h.fire(view._table._body.rows[2].control, "click")
        await _type(s, view._search, "a")
        await s.h.fire(s.h.find(ft.Container, key="connection pill"), "click")

        def left() -> list[bool]:
            panel, text = bool(s.shell.covered), bool(view._search.field.value)
            chosen = bool(len(view._table.selection))
            return [panel, text, s.h.context.typing, bool(view._details.visible), chosen]

        for step in range(len(steps)):
            assert left() == [False] * step + [True] * (5 - step)
            await _press(s.h, "Escape")
            if steps[step] == "leave it":
                await s.h.fire(view._search.field, "blur")  # since the rows have the keyboard
        assert not any(left())
