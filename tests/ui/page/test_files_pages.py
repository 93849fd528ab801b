"""The pages of the files view: which answer is shown, where one stands, and what stays of a lost server."""

from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from streams.model.files import FilePage
from tests.ui import fleet
from tests.ui.files_desk import Desk, open_desk
from ui.base.schemes import STALE_THEME
from ui.components.data_table.pager import Turn


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as desk:
        yield desk


async def test_pages_are_reached_by_their_cursors(desk: Desk) -> None:
    await desk.turn(Turn.NEXT)
    await desk.turn(Turn.NEXT)
    assert desk.queries[-1].cursor == "200"
    assert "201–300 of 10,000+" in desk.page.texts()
    await desk.turn(Turn.PREVIOUS)
    assert desk.queries[-1].cursor == "100"
    await desk.turn(Turn.LAST)
    assert desk.queries[-1].cursor == "9900"
    assert "100 files at the end of 10,000+" in desk.page.texts()
    await desk.turn(Turn.FIRST)
    assert desk.queries[-1].cursor is None
    assert "1–100 of 10,000+" in desk.page.texts()


async def test_what_was_deleted_is_seen_to_be_gone_while_the_pointer_rests_on_the_table(desk: Desk) -> None:
    table = desk.view._table
    table._on_enter()
    desk.answer(start=0, rows=100)
    without = [
        file for file in (fleet.file_of(i, desk.page.now()) for i in range(101)) if file.id != desk.ids()[3]
    ]
    gone, before = desk.ids()[3], desk.ids()
    page = FilePage(rows=tuple(without[:100]), next_cursor="100", last_cursor="9900", total=9_999)
    desk.answers[-1].on_next(desk.streams.ok(page))
    desk.page.frame()
    assert desk.ids() == before, "nothing moves below the pointer"
    row = table._body.rows[3].control
    assert row.theme is STALE_THEME and row.disabled
    assert not table._body.rows[4].control.disabled
    assert gone not in [file.id for file in desk.view._selected()]
    desk.answer(start=0, rows=100)
    desk.page.frame()
    assert not row.disabled, "it was brought back"
    table._on_exit()
    assert desk.ids() == before


async def test_a_row_that_was_pushed_to_the_next_page_is_not_taken_for_deleted(desk: Desk) -> None:
    table = desk.view._table
    table._on_enter()
    before = desk.ids()
    files = [fleet.file_of(i, desk.page.now()) for i in (500, *range(99))]
    page = FilePage(rows=tuple(files), next_cursor="100", last_cursor="9900", total=9_999)
    desk.answers[-1].on_next(desk.streams.ok(page))
    desk.page.frame()
    assert desk.ids() == before
    assert not table._order.gone


async def test_a_late_page_of_the_question_before_is_never_shown(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    await desk.turn(Turn.FIRST)
    assert desk.answers[-2].observers == []
    desk.answer(-2)
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(0, desk.page.now()).id
    desk.answer(-1, start=300)
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(300, desk.page.now()).id


async def test_a_page_that_came_but_was_not_drawn_is_dropped_when_another_is_asked_for(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.answer(-1)  # offered, the frame has not been drawn yet
    desk.view._on_filter(replace(desk.view._filter, text="other"))
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(0, desk.page.now()).id


async def test_the_former_page_stays_while_the_next_is_on_its_way(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.page.advance(1.0)
    assert "item-00000.log" in desk.page.texts()


async def test_files_that_were_known_are_still_there_when_one_comes_back_to_a_lost_server(
    desk: Desk,
) -> None:
    desk.auto = False
    desk.view.set_visible(False)
    desk.page.advance(40)
    desk.view.set_visible(True)
    desk.lose()
    desk.page.advance(2)
    assert desk.view._box.face == "content"
    texts = desk.page.texts()
    assert {"item-00000.log", "42 s ago", "1–100 of 10,000+"} <= set(texts)


async def test_a_page_that_cannot_be_had_leaves_the_one_before_and_its_place(desk: Desk) -> None:
    desk.auto = False
    for _ in range(2):
        await desk.turn(Turn.NEXT)
        desk.lose()
    desk.page.advance(3)
    assert desk.view._box.face == "content"
    assert {"item-00000.log", "3 s ago", "1–100 of 10,000+"} <= set(desk.page.texts())
    desk.answer()
    desk.page.frame()
    assert desk.ids()[0] == fleet.file_of(100, desk.page.now()).id
    assert "101–200 of 10,000+" in desk.page.texts()
    assert "3 s ago" not in desk.page.texts()


async def test_the_place_of_other_files_does_not_stay_beside_a_failure(desk: Desk) -> None:
    desk.auto = False
    await desk.turn(Turn.NEXT)
    desk.answer()
    desk.page.frame()
    desk.view._on_filter(replace(desk.view._filter, text="other"))
    desk.lose()
    assert desk.view._box.face == "error"
    texts = desk.page.texts()
    assert "101–200 of 10,000+" not in texts
    assert "Nothing listens at localhost:1256." in texts
    desk.view._on_filter(replace(desk.view._filter, text=""))
    desk.lose()
    assert desk.view._box.face == "content"
    assert "101–200 of 10,000+" in desk.page.texts()


async def test_the_days_that_are_asked_for_stay_the_same_from_page_to_page(desk: Desk) -> None:
    await desk.page.fire(desk.view._cards._cards["recent"].control, "click")
    first = desk.queries[-1]
    desk.page.advance(60)
    await desk.turn(Turn.NEXT)
    assert desk.queries[-1] == msgspec.structs.replace(first, cursor="100")


async def test_the_filter_lets_go_of_a_client_that_the_server_does_not_know(desk: Desk) -> None:
    desk.view._set_filter(replace(desk.view._filter, client_id="of-another-fleet"))
    desk.page.frame()
    assert desk.queries[-1].client_id == "of-another-fleet"
    desk.streams.fill()
    desk.page.frame()
    assert desk.queries[-1].client_id is None


async def test_what_is_selected_on_another_page_is_told(desk: Desk) -> None:
    await desk.page.fire(desk.view._table._body.rows[0].check, "change", value=True)
    assert not any("not shown" in text for text in desk.page.texts())
    await desk.turn(Turn.NEXT)
    assert {"1 selected", "1 not shown"} <= set(desk.page.texts())
