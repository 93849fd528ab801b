"""The content of each page: the console, or the sign-in before its server lets it in."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import flet as ft
import structlog

from app.config import Settings
from app.console.composition import Console, connected, look_of, report_fault, run_task_of
from app.console.sign_in import SignIn
from app.console.web_handouts import Handouts
from app.runtime.tasks import to_the_end
from streams.core.schedulers import RunTaskScheduler
from ui.base.context import SessionPrefs, UiContext
from ui.shell.app import dress
from ui.shell.sign_in import SignInScreen

log = structlog.stdlib.get_logger(__name__)


class Pages(Protocol):
    """What is done with a page of the toolkit, as its application calls that."""

    def dress_page(self, page: ft.Page) -> None:
        """Give a page its look before it is shown."""
        ...

    def open_page(self, page: ft.Page) -> None:
        """Build what the page shows."""
        ...


class Front:
    """Keeps a console running in a task of its own, and gives it all pages once it is there."""

    def __init__(
        self, settings: Settings, sign_in: SignIn | None, on_shown: Callable[[Console], None]
    ) -> None:
        """``on_shown`` is told once the console is there."""
        self._settings, self._sign_in, self._on_shown = settings, sign_in, on_shown
        self._loop = asyncio.get_running_loop()
        self.handouts = Handouts()
        """Files that wait for a browser."""
        self._console: Console | None = None
        self._waiting: dict[str, ft.Page] = {}
        """Pages with a question, by their sessions."""
        self._shown, self._closed = asyncio.Event(), asyncio.Event()

    async def live(self, opening: AbstractAsyncContextManager[Console]) -> None:
        """Start the console, give it the pages, and end it once this front is closed."""
        async with opening as console:
            self._console = console
            self._on_shown(console)
            self._shown.set()
            for page in self._waiting.values():
                self._hand_over(page, console)
            self._waiting.clear()
            await self._closed.wait()

    async def ready(self, life: "asyncio.Task[None]") -> bool:
        """Wait until a page has something to show; return whether that is a question.

        Raises what ends the start of the console.
        """
        events = [self._shown, *([self._sign_in.asked] if self._sign_in else [])]
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait({life, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if life.done():
            life.result()
        return self._console is None

    async def close(self, life: "asyncio.Task[None]") -> None:
        """End the console, or the wait for an answer, and wait for that."""
        self._closed.set()
        if self._sign_in is not None:
            self._sign_in.close()
        if self._console is None and not (self._sign_in and self._sign_in.asked.is_set()):
            life.cancel()
        await to_the_end(life)
        if not life.cancelled():
            life.exception()  # of one that a signal ends while it asks nobody wants to know

    def dress_page(self, page: ft.Page) -> None:
        """Give a page its look before it is shown; ``before_main`` of the Flet application."""
        if self._console is not None:
            self._console.dress_page(page)
        else:
            dress(page, prefs=SessionPrefs(), theme=self._settings.ui.theme)

    def open_page(self, page: ft.Page) -> None:
        """Build what a page shows; ``main`` of the Flet application."""
        if self._console is not None:
            self._console.open_page(page)
            return
        assert self._sign_in is not None  # without questions no page is opened before the console is there
        session_id = page.session.id
        look = look_of(self._settings)
        context = UiContext(
            scheduler=RunTaskScheduler(run_task_of(page, self._loop), report_fault),
            frame_s=look.frame_s,
            report=lambda where, error: log.error("fault", where=where, exc_info=error),
            format=look.format,
            density=look.density,
            theme=look.theme,
        )
        self._waiting[session_id] = page

        def on_close(_: object) -> None:
            self._waiting.pop(session_id, None)

        page.on_close = on_close
        page.add(SignInScreen(self._sign_in, context=context))

    def _hand_over(self, page: ft.Page, console: Console) -> None:
        """Show the console where the question was; where no browser looks, once one does again."""
        if not connected(page):
            page.on_connect = lambda _: self._hand_over(page, console)
            return
        page.clean()
        console.open_page(page)
