"""The files view on a real page, with what it asked for and the pages that a test answers with."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import flet as ft
import reactivex as rx
from reactivex.subject import BehaviorSubject

from streams.model.files import FilePage, FileQuery
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from tests.ui import fleet
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.components.data_table.pager import Turn
from ui.views.files.view import FilesView


class Desk:
    """The view, what it asked for, and the pages that a test answers with."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams, self.commands = FakeStreams(page.now), FakeCommands()
        self.queries: list[FileQuery] = []
        self.answers: list[BehaviorSubject[Snapshot[FilePage]]] = []
        self.auto = True
        bag = replace(self.streams.bag, file_page=self._file_page)
        self.view = FilesView(streams=bag, commands=self.commands, context=page.context)
        page.mount(self.view)
        self.view._table._body.resize(1100, 540)

    def _file_page(self, query: FileQuery) -> rx.Observable[Snapshot[FilePage]]:
        self.queries.append(query)
        loading: Snapshot[FilePage] = Snapshot(None, Health.LOADING)
        answer = BehaviorSubject(loading)
        self.answers.append(answer)
        if self.auto:
            self.answer()
        return answer

    def answer(self, at: int = -1, *, start: int | None = None, rows: int = 100) -> None:
        query = self.queries[at]
        first = int(query.cursor or 0) if start is None else start
        files = tuple(fleet.file_of(i, self.page.now()) for i in range(first, first + rows))
        page = FilePage(
            rows=files,
            next_cursor=str(first + 100),
            previous_cursor=str(first - 100) if first else None,
            last_cursor="9900",
            total=10_000,
            total_capped=True,
        )
        self.answers[at].on_next(self.streams.ok(page))

    def lose(self) -> None:
        """What the last question has been answered with stays, and nothing new can be had."""
        last, failure = self.answers[-1].value, self.streams.failure()
        self.answers[-1].on_next(Snapshot(last.value, Health.ERROR, last.at, 5.0, failure))
        self.page.frame()

    @property
    def messages(self) -> list[str]:
        return [message.text for message in self.page.context.messages.all]

    def ids(self) -> list[int]:
        return list(self.view._table._order.order)

    async def press(self, label: str) -> None:
        button = next(b for b in self.page.find_all(ft.TextButton) if self.page.texts(b) == [label])
        await self.page.fire(button, "click")

    async def menu(self, slot: int, label: str) -> None:
        table = self.view._table
        await self.page.fire(table._body.rows[slot]._menu, "click")
        item = next(i for i in table._menu.control.items if self.page.texts(i) == [label])
        await self.page.fire(item, "click")

    async def turn(self, turn: Turn) -> None:
        await self.page.fire(self.view._pager._buttons[turn], "click")

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not done():  # noqa: ASYNC110  (a thread or timer, nothing to wait on)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_desk() -> AsyncGenerator[Desk]:
    async with PageHarness.sound(web=True) as page:
        desk = Desk(page)
        desk.streams.fill()
        page.frame()
        page.clear()
        yield desk
