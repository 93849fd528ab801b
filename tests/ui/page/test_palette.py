"""The keys that open, walk and close the palette in every view, and who has the keyboard meanwhile."""

from collections.abc import Sequence

import flet as ft
import pytest
from flet.messaging.protocol import MessageAction
from reactivex.subject import Subject

from tests.ui.page.test_shell import _press, stage
from tests.ui.palette_typing import entry, type_into
from ui.base.context import Place
from ui.base.palette import PaletteEntry
from ui.shell.registry import VIEWS


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
        assert s.h.context.close_dialog is not None
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


async def test_arrows_walk_the_list_and_what_is_chosen_is_done() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "reconnect")
        palette = s.shell._palette
        await _press(s.h, "Arrow Down")
        await _press(s.h, "Arrow Up")
        await s.h.fire(palette.field, "submit")
        await s.h.settle()
        assert s.commands.calls == [("reconnect", None)]


async def test_while_it_is_closed_it_looks_at_nothing() -> None:
    async with stage() as s:
        s.shell.go(Place("files"))
        s.h.frame()
        before = len(s.streams.status.observers)
        await _press(s.h, "K", ctrl=True)
        assert len(s.streams.status.observers) == before + 1
        await _press(s.h, "K", ctrl=True)
        assert len(s.streams.status.observers) == before


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
        await type_into(s, "zzqq.conf")
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
        await type_into(s, "zzqq.conf")
        await s.h.fire(s.shell._palette.field, "submit")
        await type_into(s, "zzqq.conf2")
        s.h.advance(0.4)
        answers.on_next([entry("zzqq.conf2", "Files")])
        s.h.frame()
        assert s.shell._palette.visible


async def test_enter_is_not_lost_where_the_field_had_to_let_go_of_the_keyboard() -> None:
    async with stage() as s:
        await _press(s.h, "K", ctrl=True)
        palette = s.shell._palette
        await s.h.fire(palette.field, "focus")
        await type_into(s, "reconnect")
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
        await type_into(s, "lab-printer")
        await _press(s.h, "Tab")
        await s.h.fire(palette.field, "blur")
        await _press(s.h, "Enter")
        assert palette.visible


async def test_it_opens_with_an_empty_field_whatever_was_typed_before() -> None:
    async with stage() as s:
        field = s.shell._palette.field
        await _press(s.h, "K", ctrl=True)
        await type_into(s, "back up g")
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


async def test_it_keeps_to_the_window_and_shows_the_row_that_is_walked_to() -> None:
    async with stage() as s:
        palette = s.shell._palette
        for height, is_short in ((1000, False), (400, True)):
            s.shell.on_resize(900, height)
            await _press(s.h, "K", ctrl=True)
            assert (palette._list.height is not None) is is_short
            s.h.clear()
            await _press(s.h, "Arrow Up")
            calls = s.h.connection.bodies(MessageAction.INVOKE_METHOD)
            asked = [body["args"]["offset"] for body in calls if body["control_id"] == palette._list._i]
            assert len(asked) == int(is_short)
            assert all(offset > palette._top_of(len(palette.shown) - 1) - 400 for offset in asked)
            await _press(s.h, "Escape")
