"""New messages, each on one line below the view: they wait for their turn, and cover nothing."""

from collections.abc import Mapping
from typing import Any, Final

import flet as ft
from reactivex.abc import DisposableBase

from streams.model.link import Link
from streams.model.safe_text import label_text
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.layout import FOOT_HEIGHT, RAIL_WIDTH
from ui.base.messages import Message
from ui.base.permissions import Permissions
from ui.base.theme import INK, LINE, PAGE_PADDING, QUIET_INK, SIZE_BODY, SIZE_SMALL
from ui.components.card import floating_panel
from ui.components.orders import hold_back
from ui.shell.message_centre import ICONS, lead_button, log_button, offer_button, small_button

MAX_TOASTS: Final = 2
"""So many are on the screen at once, side by side; the others wait."""
HEIGHT: Final = 32
BELOW: Final = (FOOT_HEIGHT + PAGE_PADDING - HEIGHT) // 2 - 2
"""Between a message and the edge of the window; what is left lies between it and the view."""
_MAX_LETTERS: Final = 120
"""Longer words get no more room beside others: all of them are in the message centre."""
_BUTTONS: Final = 34
"""About so many letters have room where the icon and the buttons of a message are."""
_TEXT_FIRST: Final = 5
"""Where there is not room for both, what has happened gets so many times the room of why."""
_MAX_TOOLTIP: Final = 600
_STAYS_S: Final = 4.5
_STAYS_WITH_ACTION_S: Final = 9.0


class ToastLayer(BoundView):
    """New messages at the foot; errors stay until they are closed, the others go by themselves."""

    def __init__(self, *, context: UiContext) -> None:
        self._row = ft.Row([], spacing=8, alignment=ft.MainAxisAlignment.END)
        super().__init__(
            context=context,
            key="toasts",
            content=self._row,
            left=RAIL_WIDTH + PAGE_PADDING,
            right=PAGE_PADDING,
            bottom=BELOW,
        )
        self._newest = 0
        self._queue: list[Message] = []
        self._shown: dict[int, tuple[Message, ft.Control]] = {}
        self._timers: dict[int, DisposableBase] = {}
        self._permissions = Permissions()
        self._orders: dict[int, tuple[Message, ft.TextButton]] = {}
        """What gives orders to the server, by the number of its message."""
        self.bind(context.messages.stream, self._show_messages)
        self.bind(context.link, self._show_link)

    def _show_messages(self, messages: tuple[Message, ...]) -> None:
        kept = {message.number: message for message in messages}
        for message, _ in list(self._shown.values()):
            if _is_over(message, kept):
                self.close(message.number)
        self._queue = [message for message in self._queue if not _is_over(message, kept)]
        fresh = [m for m in reversed(messages) if m.number > self._newest]
        if fresh:
            self._newest = fresh[-1].number
            self._queue.extend(m for m in fresh if not m.seen and not m.quiet)
            self._fill()

    def _show_link(self, link: Link) -> None:
        self._permissions = Permissions.of(link)
        for message, button in self._orders.values():
            self.touch(*hold_back(button, self._permissions.refusal(message.needs)))

    def _fill(self) -> None:
        while self._queue and (len(self._shown) < MAX_TOASTS or self._make_way()):
            message = self._queue.pop(0)
            toast = self._toast(message)
            self._shown[message.number] = message, toast
            self._row.controls.append(toast)
            self.touch(self._row)
            if not message.stays:
                seconds = _STAYS_WITH_ACTION_S if message.action else _STAYS_S
                self._timers[message.number] = self.context.scheduler.schedule_relative(
                    seconds, lambda *_, n=message.number: self.close(n)
                )

    def _make_way(self) -> bool:
        """Let the oldest message that stays wait again, where all stay and a newer one would not be seen."""
        offers = next((message for message in self._queue if message.action is not None), None)
        plain = [message.number for message, _ in self._shown.values() if message.action is None]
        if offers is not None and plain:
            # What can be taken back is taken back now or hardly ever: it waits for no other message.
            away = self._put_away(min(plain))
            self._queue = [offers, *(m for m in self._queue if m is not offers), *away]
            return True
        oldest = min(self._shown)
        newer = [message for message in self._queue if message.number > oldest]
        if not newer or not all(message.stays for message, _ in self._shown.values()):
            return False
        self._queue = [*newer, *(m for m in self._queue if m.number < oldest), self._take(oldest)]
        return True

    def _put_away(self, number: int) -> list[Message]:
        """Take a message from the screen; return it if it has to come back, since it stays until closed."""
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.dispose()
        message = self._take(number)
        return [message] if message.stays else []

    def _take(self, number: int) -> Message:
        message, toast = self._shown.pop(number)
        self._orders.pop(number, None)
        self._row.controls = [control for control in self._row.controls if control is not toast]
        self.touch(self._row)
        return message

    def close(self, number: int) -> None:
        """Take a toast away and let the next one in."""
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.dispose()
        if number in self._shown:
            self._take(number)
            self._fill()

    def _toast(self, message: Message) -> ft.Control:
        detail = " ".join(message.detail.split())
        parts: list[ft.Control] = [
            ft.Icon(ICONS[message.tone], size=18, color=message.tone.color),
            _words(message.text, SIZE_BODY, INK, share=_TEXT_FIRST * _letters(message.text)),
        ]
        if detail:
            parts.append(_words(detail, SIZE_SMALL, QUIET_INK, share=_letters(detail)))
        if message.action is not None:
            style = ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=8))
            offer = offer_button(
                message, lambda: self._on_action(message), self._permissions, height=28, style=style
            )
            if message.needs is not None:
                self._orders[message.number] = message, offer
            parts.append(offer)
        buttons: list[ft.Control] = []
        buttons += lead_button(self.context, message)
        if message.stays:
            buttons += log_button(self.context, message)
            buttons.append(small_button(ft.Icons.CONTENT_COPY, "Copy message", copy=message.copy_text()))
        buttons.append(
            small_button(ft.Icons.CLOSE, "Close message", on_click=lambda: self.close(message.number))
        )
        parts.append(ft.Row(buttons, spacing=0, tight=True))
        look: dict[str, Any] = floating_panel(width=0) | {
            "width": None,
            "height": HEIGHT,
            "padding": ft.Padding.only(left=12, right=2),
            "border": ft.Border.all(1, message.tone.color if message.stays else LINE),
        }
        return ft.Container(
            ft.Semantics(content=ft.Row(parts, spacing=10, tight=True), live_region=True, container=True),
            key=f"toast {message.number}",
            expand=_BUTTONS
            + len(message.action_label)
            + _letters(message.text)
            + _letters(detail) // _TEXT_FIRST,
            expand_loose=True,
            tooltip=label_text("\n".join(part for part in (message.text, message.detail) if part))[
                :_MAX_TOOLTIP
            ],
            **look,
        )

    def _on_action(self, message: Message) -> None:
        self.close(message.number)
        self.act(message.action_label, self.context.messages.do(message.number))


def _letters(text: str) -> int:
    return max(1, min(len(text), _MAX_LETTERS))


def _words(text: str, size: float, color: ft.ColorValue, *, share: int) -> ft.Text:
    """Return words that take the room they need; where there is not enough, their share of it."""
    return ft.Text(
        label_text(text),
        size=size,
        color=color,
        max_lines=1,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        expand=share,
        expand_loose=True,
    )


def _is_over(message: Message, kept: Mapping[int, Message]) -> bool:
    """Whether a toast has nothing more to say: its work has ended, or what it offers was done elsewhere."""
    now = kept.get(message.number)
    if now is None:
        return message.ongoing
    if now.ended:
        return True
    return message.action is not None and now.action is None
