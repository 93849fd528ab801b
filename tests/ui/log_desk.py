"""The log view on a page of its own, for its tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import flet as ft
import msgspec

from streams.model.logs import LogLine
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams
from tests.ui.harness import PageHarness
from ui.base.context import Place
from ui.views.logs.view import LogsView


class Desk:
    """The view and the log behind it."""

    def __init__(self, page: PageHarness) -> None:
        self.page = page
        self.streams = FakeStreams(page.now)
        self.logs = self.streams.logs
        self.places: list[Place] = []
        page.context.go = self.places.append

    def open(self) -> None:
        self.view = LogsView(streams=self.streams.bag, commands=FakeCommands(), context=self.page.context)
        self.page.mount(self.view)
        self.view._board.list.resize(520)
        self.pass_s(0.2)

    def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.page.advance(0.05)

    def rows(self) -> list[str]:
        """The messages on the screen with their fields, from the top."""
        return [
            "".join([row._message.value or "", *(span.text or "" for span in row._message.spans or [])])
            for row in self.view._board.list.rows
            if row.control.visible
        ]

    def line(self, index: int = 0, ago_s: float = 0.0, **parts: Any) -> LogLine:
        line = self.logs.line(index, self.page.now() - timedelta(seconds=ago_s))
        return msgspec.structs.replace(line, **parts)

    def say(self, message: str, **parts: Any) -> None:
        self.logs.say(self.line(message=message, fields={}, **parts))
        self.pass_s(0.2)

    async def wheel(self, pixels: float) -> None:
        event = ft.Offset(0, pixels)
        self.view._board.list._on_wheel(type("Event", (), {"scroll_delta": event})())  # type: ignore[arg-type]
        await self.page.settle()
        self.pass_s(0.2)

    async def click(self, control: ft.Control) -> None:
        await self.page.fire(control, "click")
        self.pass_s(0.2)

    def has(self, text: str) -> bool:
        return any(text in said for said in self.page.texts())


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """Show the view; nothing may have gone wrong by the end."""
    async with PageHarness.sound(web=True) as page:
        desk = Desk(page)
        desk.logs.fill()
        desk.open()
        yield desk
