"""The database view on a page of its own, for its tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streams.model.database import (
    PageQuery,
)
from streams.model.statements import SqlResult
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness, key_event
from ui.views.database.view import DatabaseView


class Desk:
    """The view and the database behind it."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        streams = FakeStreams(page.now)
        self.database = streams.database
        self.view = DatabaseView(streams=streams.bag, commands=FakeCommands(), context=page.context)
        page.mount(self.view)

    async def fill(self) -> None:
        self.database.fill()
        await self.page.settle()
        await self.page.settle()
        self.resize()

    def resize(self) -> None:
        table = self.view._data._grid.table
        assert table is not None
        table._body.resize(900, 500)
        table.refresh()
        self.page.frame()

    @property
    def query(self) -> PageQuery:
        return self.database.queries[-1]

    async def tab(self, name: str) -> None:
        self.view.show_tab(name)
        await self.page.settle()

    async def run(self, sql: str) -> None:
        self.view.sql._editor.value = sql
        self.view.on_key(key_event("Enter", ctrl=True))
        await self.page.settle()

    async def answer(self, **parts: Any) -> None:
        run = self.database.runs[-1]
        run.stream.on_next(self.database.ok(SqlResult(sql=run.sql, **parts)))
        await self.page.settle()


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """Show the view; nothing may have gone wrong by the end."""
    async with PageHarness.sound(web=True) as page:
        desk = Desk(page)
        yield desk
