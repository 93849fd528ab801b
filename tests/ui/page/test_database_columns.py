"""The columns that were chosen for a table of a database, or for an answer, come back with it."""

import flet as ft

from tests.ui.fake_database import FakeDatabase
from tests.ui.harness import PageHarness
from ui.views.database.grid import Grid, GridColumn

CLIENTS = (GridColumn("id"), GridColumn("name"), GridColumn("state"))
RUNS = (GridColumn("id"), GridColumn("reason"))


async def test_each_table_keeps_its_own_columns() -> None:
    async with PageHarness.open() as page:
        grid = Grid(page.context, label="Rows", streams=FakeDatabase(page.now).streams)
        page.mount(grid.control)

        async def show(*columns: GridColumn) -> list[str]:
            grid.show_columns(columns)
            page.page.update()
            assert grid.table is not None
            return [text for text in page.texts(grid.table._head.heads[0].control) if text]

        assert await show(*CLIENTS) == ["id", "name", "state"]
        items = page.find_all(ft.PopupMenuItem)
        await page.fire(next(item for item in items if "name" in page.texts(item)), "click")
        assert await show(*RUNS) == ["id", "reason"]
        assert await show(*CLIENTS) == ["id", "state"]
        assert page.crashes == []
