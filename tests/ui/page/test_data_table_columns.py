"""Columns on a real page: hidden, shown, dragged and taken back, in one lane and in several."""

from collections.abc import AsyncIterator

import flet as ft
import pytest

from tests.ui.harness import PageHarness
from ui.components.data_table.columns import Column, TextCell
from ui.components.data_table.table import DataTable, TableEvents

COLUMNS: tuple[Column[str], ...] = (
    Column("name", "Name", TextCell, min_width=130),
    Column("id", "ID", TextCell, width=80, priority=3),
    Column("size", "Size", TextCell, width=90, priority=1),
)


class Desk:
    """A table on a page and what it asks to be remembered."""

    def __init__(self, page: PageHarness, kept: object = None) -> None:
        self.page = page
        self.kept: list[dict[str, object]] = []
        self.table: DataTable[int, str] = DataTable(
            COLUMNS,
            name=str,
            actions=lambda _row: (),
            events=TableEvents(on_columns=self.kept.append),
            columns_kept=kept,
        )
        page.mount(self.table.control)
        self.resize(800.0)
        self.table.apply({number: f"row {number}" for number in range(20)}, full=True)
        page.clear()

    def resize(self, width: float) -> None:
        control: ft.LayoutControl = self.table.control
        self.table._on_size(ft.LayoutSizeChangeEvent("size", control, width=width, height=200.0))

    def heads(self, lane: int = 0) -> list[str]:
        return [text for text in self.page.texts(self.table._head.heads[lane].control) if text]

    def width(self, column: int, slot: int = 0) -> float | None:
        return self.table._body.rows[slot].cells[column].control.width

    async def toggle(self, label: str) -> None:
        items = self.page.find_all(ft.PopupMenuItem)
        item = next(item for item in items if label in self.page.texts(item))
        await self.page.fire(item, "click")

    async def drag(self, edge: str, *to: float) -> None:
        handle = self.table._head.heads[0]._edges[edge]._handle
        await self.page.fire(handle, "horizontal_drag_start", _at(100.0))
        for x in to:
            await self.page.fire(handle, "horizontal_drag_update", _at(x))
        await self.page.fire(handle, "horizontal_drag_end", _at(0.0) | {"v": {"x": 0.0, "y": 0.0}, "pv": 0.0})


def _at(x: float) -> dict[str, object]:
    return {"l": {"x": x, "y": 0.0}, "g": {"x": x, "y": 0.0}, "k": "mouse", "ts": None}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with PageHarness.sound() as page:
        yield Desk(page)


async def test_a_column_is_hidden_and_shown_and_both_are_remembered(desk: Desk) -> None:
    await desk.toggle("ID")
    assert desk.heads() == ["Name", "Size"]
    assert desk.kept[-1]["hidden"] == ["id"]
    assert desk.page.patches
    await desk.toggle("ID")
    assert desk.heads() == ["Name", "ID", "Size"]
    assert desk.kept[-1] == {"hidden": [], "wanted": ["id"], "widths": {}}


async def test_a_column_without_room_says_so_and_comes_in_place_of_others_when_asked_for(desk: Desk) -> None:
    desk.resize(360.0)
    assert desk.heads() == ["Name", "Size"]
    assert "no room" in desk.page.texts()
    await desk.toggle("ID")
    assert desk.heads() == ["Name", "ID"]
    await desk.toggle("Size")
    await desk.toggle("Size")
    assert desk.kept[-1]["hidden"] == ["size"]


async def test_the_edge_is_dragged_in_head_and_rows_alike_and_kept_at_the_end(desk: Desk) -> None:
    await desk.drag("id", 110.0, 120.0)
    assert (desk.width(1), desk.width(2), desk.width(1, slot=2)) == (100, 70, 100)
    assert desk.table._head.heads[0]._cells["id"].width == 100
    assert desk.kept == [{"hidden": [], "wanted": [], "widths": {"id": 100, "size": 70}}]


async def test_two_clicks_on_an_edge_and_reset_take_it_back(desk: Desk) -> None:
    await desk.drag("id", 120.0)
    await desk.page.fire(desk.table._head.heads[0]._edges["id"]._handle, "double_tap")
    assert (desk.width(1), desk.width(2)) == (80, 90)
    await desk.drag("name", 60.0)
    await desk.toggle("Size")
    await desk.toggle("Reset columns")
    assert desk.heads() == ["Name", "ID", "Size"]
    assert (desk.width(1), desk.kept[-1]) == (80, {"hidden": [], "wanted": [], "widths": {}})


async def test_what_was_chosen_holds_after_a_start_and_in_every_lane() -> None:
    async with PageHarness.open() as page:
        desk = Desk(page, kept={"hidden": ["id"], "wanted": [], "widths": {"size": 120}})
        assert desk.heads() == ["Name", "Size"]
        desk.table.set_screens(1)
        desk.resize(1300.0)
        assert desk.heads(1) == ["Name", "Size"]
        await desk.toggle("ID")
        assert desk.heads(0) == desk.heads(1) == ["Name", "ID", "Size"]
        assert desk.width(2, slot=9) == 120
