"""The address of the page in a browser: it follows what is shown, and Back leads to what was shown before."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

import flet as ft
import reactivex as rx

from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.deep_links import parse_link

_log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.25
SETTLE_LOOKS: Final = 3
"""A filter is typed letter by letter: only one that stood for so many looks is a step of the history."""


class AddressBar(BoundView):
    """Compares the link to what is shown with the browser's address; nothing of it is seen.

    ``shown`` returns that link, or None while a view is being made; ``restore`` shows a place as it was.
    """

    def __init__(
        self,
        page: ft.Page,
        *,
        context: UiContext,
        shown: Callable[[], str | None],
        restore: Callable[[Place], None],
    ) -> None:
        super().__init__(context=context, key="address-bar", left=0, top=0, width=0, height=0)
        self._host, self._shown, self._restore = page, shown, restore
        self._address: str | None = None
        """The link in the browser's address; None before the first look."""
        self._passing: str | None = None
        """What is shown since the browser led somewhere that is not there yet."""
        self._led = False
        """Whether the browser has led somewhere since the last look."""
        self._candidate, self._looks = "", 0
        self._sent: deque[str] = deque(maxlen=16)
        """Links whose change of the address the browser has still to confirm."""
        self.bind(
            rx.interval(LOOK_EVERY_S, scheduler=context.scheduler), lambda _: self.look(), name="address"
        )

    def begin(self) -> None:
        """Show what the address names with which the page was opened."""
        link = _link_of(self._host.route)
        if link:
            self._lead(link)

    def look(self) -> None:
        """Change the address if something else is shown by now."""
        link = self._shown()
        if link is None:
            return
        if self._led:
            self._passing, self._led = link, False
        if link == self._passing and link != self._address:
            return
        if link == self._address:
            self._passing, self._looks = None, 0
            return
        self._looks = self._looks + 1 if link == self._candidate else 1
        self._candidate = link
        before = self._address
        if before is None or _view(before) != _view(link) or self._looks >= SETTLE_LOOKS:
            self._address, self._passing = link, None
            self._sent.append(link)
            self._host.run_task(self._push, link)

    async def _push(self, link: str) -> None:
        try:
            await self._host.push_route(f"/{link}")
        except (RuntimeError, TimeoutError, AttributeError) as error:  # the page is gone, with its address
            _log.debug("the address is not changed: %s", error)

    def take(self, route: str) -> None:
        """Follow the browser, whose address was changed by its buttons or by hand."""
        link = _link_of(route)
        for sent in tuple(self._sent):
            if unquote(sent) == unquote(link):
                while self._sent.popleft() != sent:
                    pass
                return
        if self._address is None or unquote(link) != unquote(self._address):
            self._lead(link)

    def _lead(self, link: str) -> None:
        place = parse_link(link)
        if place is None or place.view not in self.context.places:
            return
        self._address = link
        self._restore(place)
        self._led = True


def _link_of(route: str | None) -> str:
    return (route or "").strip("/")


def _view(link: str) -> str:
    return link.replace("?", "/").partition("/")[0]
