"""Toasts that wait for their turn, and the centre where every message can be read again."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import flet as ft
from reactivex.abc import DisposableBase

from ui.bound import BoundView
from ui.components.card import floating_panel
from ui.context import UiContext
from ui.format import count_text
from ui.messages import Message
from ui.theme import (
    INK,
    LINE,
    QUIET_INK,
    SIZE_BODY,
    SIZE_SMALL,
    Tone,
    card_title,
    small_text,
)

_ICONS: Final = {
    Tone.OK: ft.Icons.CHECK_CIRCLE,
    Tone.BUSY: ft.Icons.INFO,
    Tone.WARNING: ft.Icons.WARNING_AMBER,
    Tone.BAD: ft.Icons.ERROR,
    Tone.QUIET: ft.Icons.INFO,
}
MOST_TOASTS: Final = 3
"""So many are on the screen at once; the others wait."""
WIDTH: Final = 440
MOST_HEIGHT: Final = 480
"""Of the message centre."""
_HEAD_HEIGHT: Final = 72
_OFFER_HEIGHT: Final = 28
_STAYS_S: Final = 4.5
_STAYS_WITH_ACTION_S: Final = 9.0


class ToastLayer(BoundView):
    """New messages at the lower right; errors stay until they are closed, the others go by themselves."""

    def __init__(self, *, context: UiContext, **container: Any) -> None:
        self._column = ft.Column(
            [], spacing=8, tight=True, horizontal_alignment=ft.CrossAxisAlignment.END, scroll=None
        )
        super().__init__(context=context, key="toasts", content=self._column, **container)
        self._newest = 0
        self._queue: list[Message] = []
        self._shown: dict[int, tuple[Message, ft.Control]] = {}
        self._timers: dict[int, DisposableBase] = {}
        self.bind(context.messages.stream, self._show_messages)

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

    def _fill(self) -> None:
        changed = False
        while self._queue and len(self._shown) < MOST_TOASTS:
            message = self._queue.pop(0)
            toast = self._toast(message)
            self._shown[message.number] = message, toast
            self._column.controls.append(toast)
            changed = True
            if not message.stays:
                seconds = _STAYS_WITH_ACTION_S if message.action else _STAYS_S
                self._timers[message.number] = self.context.scheduler.schedule_relative(
                    seconds, lambda *_, n=message.number: self.close(n)
                )
        if changed:
            self.touch(self._column)

    def close(self, number: int) -> None:
        """Take a toast away and let the next one in."""
        shown = self._shown.pop(number, None)
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.dispose()
        if shown is None:
            return
        self._column.controls = [c for c in self._column.controls if c is not shown[1]]
        self.touch(self._column)
        self._fill()

    def _toast(self, message: Message) -> ft.Control:
        words: list[ft.Control] = [ft.Text(message.text, size=SIZE_BODY, color=INK, max_lines=3)]
        if message.detail:
            words.append(ft.Text(message.detail, size=SIZE_SMALL, color=QUIET_INK, max_lines=3))
        row: list[ft.Control] = [
            ft.Icon(_ICONS[message.tone], size=18, color=message.tone.color),
            ft.Column(words, spacing=2, tight=True, expand=True),
        ]
        if message.action is not None:
            row.append(ft.TextButton(message.action_label, on_click=lambda _: self._on_action(message)))
        if message.stays:
            row += _log_button(self.context, message)
            row.append(_small_button(ft.Icons.CONTENT_COPY, "Copy message", copy=message.copy_text()))
        row.append(
            _small_button(ft.Icons.CLOSE, "Close message", on_click=lambda: self.close(message.number))
        )
        look: dict[str, Any] = floating_panel(width=400) | {
            "padding": ft.Padding.only(left=14, right=6, top=8, bottom=8)
        }
        return ft.Container(
            ft.Semantics(content=ft.Row(row, spacing=10), live_region=True, container=True),
            key=f"toast {message.number}",
            **look,
        )

    def _on_action(self, message: Message) -> None:
        self.close(message.number)
        self.act(message.action_label, self.context.messages.do(message.number))


def _is_over(message: Message, kept: Mapping[int, Message]) -> bool:
    """Whether a toast has nothing more to say: its work has ended, or what it offers was done elsewhere."""
    now = kept.get(message.number)
    if now is None:
        return message.ongoing
    return message.action is not None and now.action is None


class MessageCentre(BoundView):
    """The last hundred messages, newest first."""

    def __init__(self, *, context: UiContext, **container: Any) -> None:
        self._list = ft.ListView([], spacing=0, expand=True)
        self._count = small_text()
        super().__init__(
            context=context,
            key="message centre",
            content=ft.Column(
                [
                    ft.Row(
                        [
                            ft.Container(card_title("Messages"), expand=True),
                            self._count,
                            ft.TextButton("Clear", on_click=lambda _: context.messages.clear()),
                        ],
                        spacing=8,
                        height=28,
                    ),
                    ft.Divider(height=1, color=LINE),
                    self._list,
                ],
                spacing=6,
            ),
            height=present_height(()),
            **floating_panel(width=WIDTH),
            **container,
        )
        self.bind(context.messages.stream, self._show_messages)

    def _show_messages(self, messages: tuple[Message, ...]) -> None:
        self._count.value = count_text(len(messages)) if messages else ""
        self._list.controls = [self._row(m) for m in messages] or [
            ft.Container(ft.Text("Nothing has been said yet.", size=SIZE_BODY, color=QUIET_INK), padding=12)
        ]
        self.height = present_height(messages)
        self.touch(self)

    def _row(self, message: Message) -> ft.Control:
        words: list[ft.Control] = [
            ft.Text(message.text, size=SIZE_BODY, color=INK, selectable=True),
        ]
        if message.detail:
            words.append(ft.Text(message.detail, size=SIZE_SMALL, color=QUIET_INK, selectable=True))
        words += self._offer(message)
        return ft.Container(
            ft.Row(
                [
                    ft.Icon(_ICONS[message.tone], size=18, color=message.tone.color),
                    ft.Column(words, spacing=2, tight=True, expand=True),
                    small_text(self.context.format.clock(message.at)),
                    *(_log_button(self.context, message) if message.stays else ()),
                    _small_button(ft.Icons.CONTENT_COPY, "Copy message", copy=message.copy_text()),
                ],
                spacing=10,
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            key=f"message {message.number}",
            padding=ft.Padding.symmetric(vertical=8),
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )

    def _offer(self, message: Message) -> list[ft.Control]:
        if not _offers(message):
            return []

        def on_click() -> None:
            self.act(message.action_label, self.context.messages.do(message.number))

        style = ft.ButtonStyle(padding=0, alignment=ft.Alignment.CENTER_LEFT)
        return [
            ft.TextButton(
                message.action_label, height=_OFFER_HEIGHT, style=style, on_click=lambda _: on_click()
            )
        ]


def present_height(messages: Sequence[Message]) -> float:
    """Return how high the centre is for these: roughly, by their letters; what has no room is scrolled to."""
    rows = 0.0
    for message in messages:
        letters = 36 if message.stays else 42  # of a line; what stays has one button more
        words = _lines(message.text, letters) * 19 + _lines(message.detail, round(letters * 1.15)) * 18
        rows += max(30, words + (_OFFER_HEIGHT if _offers(message) else 0)) + 18
        if rows > MOST_HEIGHT:
            break
    return min(MOST_HEIGHT, _HEAD_HEIGHT + (rows or 44))


def _lines(text: str, letters: int) -> int:
    return sum(max(1, math.ceil(len(line) / letters)) for line in text.splitlines())


def _offers(message: Message) -> bool:
    return message.action is not None and message.lasting


class MessageBell(BoundView):
    """The bell with the number of messages nobody has looked at."""

    def __init__(self, *, context: UiContext, on_open: Callable[[], Any]) -> None:
        self._icon = ft.Icon(ft.Icons.NOTIFICATIONS_NONE, size=20)
        button = ft.IconButton(self._icon, tooltip="Messages", on_click=lambda _: on_open())
        super().__init__(context=context, key="message bell", content=button)
        self.bind(context.messages.stream, self._show_count)

    def _show_count(self, messages: tuple[Message, ...]) -> None:
        unseen = [m for m in messages if not m.seen]
        bad = any(m.tone is Tone.BAD for m in unseen)
        badge = (
            ft.Badge(
                label=count_text(len(unseen)),
                bgcolor=Tone.BAD.color if bad else ft.Colors.PRIMARY,
                text_color=ft.Colors.ON_ERROR if bad else ft.Colors.ON_PRIMARY,
            )
            if unseen
            else None
        )
        if badge != self._icon.badge:
            self._icon.badge = badge
            self.touch(self._icon)


def _log_button(context: UiContext, message: Message) -> list[ft.Control]:
    """Return what leads to the log lines of the time of a message, where there is a view of them."""
    lead = context.log_of(message.at, message.run_id)
    return [_small_button(ft.Icons.NOTES, "Show log", on_click=lead)] if lead is not None else []


def _small_button(
    icon: ft.IconData, label: str, *, on_click: Callable[[], Any] | None = None, copy: str = ""
) -> ft.IconButton:
    return ft.IconButton(
        icon,
        icon_size=16,
        tooltip=label,
        action=ft.CopyToClipboard(copy) if copy else None,
        on_click=(lambda _: on_click()) if on_click else None,
        width=30,
        height=30,
        padding=0,
    )
