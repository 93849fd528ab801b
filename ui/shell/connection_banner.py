"""The slim bar under the top bar while the server is lost: since when, why, and when the next try is."""

from datetime import datetime

import flet as ft

from streams.model.failures import WrongToken
from streams.model.link import Link
from streams.model.vocabulary import LinkState
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import Formatter, duration_text, rough_duration_text
from ui.base.theme import look, small_text
from ui.components.alert_bar import ALERT_INK, alert_bar, alert_words
from ui.components.token_dialog import TokenDialog


def present_lost(link: Link, now: datetime, words: Formatter) -> str | None:
    """Return what the bar says while the server is lost, None while it is not."""
    if not link.lost:
        return None
    since = link.failure.since if link.failure else link.since
    lasted = rough_duration_text((now - since).total_seconds())
    text = f"No connection for {lasted}, since {words.clock(since)}."
    if link.failure is not None:
        text = f"{text} {link.failure.message}"
    if link.state is LinkState.CONNECTING:
        return f"{text} Trying now."
    retry_at = link.failure.retry_at if link.failure else None
    if retry_at is None:
        return text
    wait = round((retry_at - now).total_seconds())
    return f"{text} Next try {f'in {rough_duration_text(wait)}' if wait > 0 else 'now'}."


class LostBar(BoundView):
    """A slim bar that says since when, why, and when the next try is; nothing while there is a connection."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self._commands = commands
        self._link: Link | None = None
        self._lost_since: datetime | None = None
        self._words = alert_words()
        style = ft.ButtonStyle(color=ALERT_INK)
        self._token = ft.TextButton(
            "Enter a token…", style=style, on_click=lambda _: self._on_token(), visible=False
        )
        self._bar = alert_bar(
            [
                ft.Icon(look(LinkState.DOWN).icon, size=18, color=ALERT_INK),
                self._words,
                small_text("Showing last known data.", color=ALERT_INK),
                self._token,
                ft.TextButton("Try now", style=style, on_click=lambda _: self._on_try()),
            ]
        )
        super().__init__(context=context, key="lost bar", content=self._bar)
        self.bind(streams.link, self._show_link)
        self.bind(context.seconds, self._show_time)

    def _on_try(self) -> None:
        self.act("Reconnect", self._commands.reconnect())

    def _on_token(self) -> None:
        access = self.context.access
        assert access is not None
        TokenDialog(self.page, self.context, access, act=self.act, on_taken=self._on_try)

    def _show_link(self, link: Link) -> None:
        before, self._link = self._link, link
        self._tell(link, before)
        access, failure = self.context.access, link.failure
        refused = failure is not None and failure.code == WrongToken.code
        offered = refused and access is not None and access.may_change
        if offered != self._token.visible:
            self._token.visible = offered
            self.touch(self._token)
        self._show_time(self.context.clock())

    def _tell(self, link: Link, before: Link | None) -> None:
        """Have the message centre keep what the bar says only as long as it lasts."""
        messages, now = self.context.messages, self.context.clock()
        again = before is not None and link.reconnects > before.reconnects
        unseen = again and before is not None and before.state in (LinkState.LIVE, LinkState.STALE)
        if link.lost:
            if self._lost_since is None:
                self._lost_since = link.failure.since if link.failure else link.since
                messages.error(
                    "Connection lost",
                    detail=f"{link.failure.message} {link.failure.hint}".strip() if link.failure else "",
                    quiet=True,
                )
        elif self._lost_since is not None or unseen:
            since, self._lost_since = self._lost_since or now, None
            # Nobody may have looked when it came back.
            away_s = link.last_gap_s if again and link.last_gap_s else (now - since).total_seconds()
            messages.done(f"Connection back after {duration_text(away_s)}", quiet=True)

    def _show_time(self, now: datetime) -> None:
        if self._link is None:
            return
        text = present_lost(self._link, now, self.context.format)
        if text is not None and text != self._words.value:
            self._words.value = text
            self._words.tooltip = self._link.failure.hint if self._link.failure else None
            self.touch(self._words)
        if self._bar.visible != (text is not None):
            self._bar.visible = text is not None
            self.touch(self._bar)
