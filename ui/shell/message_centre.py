"""The centre where every message can be read again, and the bell that opens it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import flet as ft

from streams.model.link import Link
from streams.model.safe_text import label_text
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import count_text
from ui.base.messages import Message
from ui.base.permissions import Permissions
from ui.base.problem_places import log_of, place_of
from ui.base.theme import (
    INK,
    LINE,
    QUIET_INK,
    SIZE_BODY,
    SIZE_SMALL,
    SelectableText,
    Tone,
    card_title,
    small_text,
)
from ui.components.card import floating_panel
from ui.components.icon_button import IconButton
from ui.components.orders import hold_back

ICONS: Final = {
    Tone.OK: ft.Icons.CHECK_CIRCLE,
    Tone.BUSY: ft.Icons.INFO,
    Tone.WARNING: ft.Icons.WARNING_AMBER,
    Tone.BAD: ft.Icons.ERROR,
    Tone.QUIET: ft.Icons.INFO,
}
WIDTH: Final = 440
MAX_HEIGHT: Final = 480
"""Of the message centre."""
_HEAD_HEIGHT: Final = 72
_OFFER_HEIGHT: Final = 28


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
        self._permissions = Permissions()
        self.bind(context.messages.stream, self._show_messages)
        self.bind(context.link, self._show_link)

    def _show_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions != self._permissions:
            self._permissions = permissions
            self._show_messages(self.context.messages.all)

    def _show_messages(self, messages: tuple[Message, ...]) -> None:
        self._count.value = count_text(len(messages)) if messages else ""
        self._list.controls = [self._row(m) for m in messages] or [
            ft.Container(ft.Text("No messages yet.", size=SIZE_BODY, color=QUIET_INK), padding=12)
        ]
        self.height = present_height(messages)
        self.touch(self)

    def _row(self, message: Message) -> ft.Control:
        words: list[ft.Control] = [
            SelectableText(label_text(message.text), size=SIZE_BODY, color=INK),
        ]
        if message.detail:
            words.append(SelectableText(label_text(message.detail), size=SIZE_SMALL, color=QUIET_INK))
        words += self._offer(message)
        return ft.Container(
            ft.Row(
                [
                    ft.Icon(ICONS[message.tone], size=18, color=message.tone.color),
                    ft.Column(words, spacing=2, tight=True, expand=True),
                    small_text(self.context.format.clock(message.at)),
                    *lead_button(self.context, message),
                    *(log_button(self.context, message) if message.stays else ()),
                    small_button(ft.Icons.CONTENT_COPY, "Copy message", copy=message.copy_text()),
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
        return [offer_button(message, on_click, self._permissions, height=_OFFER_HEIGHT, style=style)]


def present_height(messages: Sequence[Message]) -> float:
    """Return how high the centre is for these: roughly, by their letters; what has no room is scrolled to."""
    rows = 0.0
    for message in messages:
        letters = 36 if message.stays else 42  # of a line; what stays has one button more
        words = _lines(message.text, letters) * 19 + _lines(message.detail, round(letters * 1.15)) * 18
        rows += max(30, words + (_OFFER_HEIGHT if _offers(message) else 0)) + 18
        if rows > MAX_HEIGHT:
            break
    return min(MAX_HEIGHT, _HEAD_HEIGHT + (rows or 44))


def _lines(text: str, letters: int) -> int:
    return sum(max(1, math.ceil(len(line) / letters)) for line in text.splitlines())


def _offers(message: Message) -> bool:
    return message.action is not None and message.lasting


class MessageBell(BoundView):
    """The bell with the number of messages nobody has looked at."""

    def __init__(self, *, context: UiContext, on_open: Callable[[], Any]) -> None:
        self._icon = ft.Icon(ft.Icons.NOTIFICATIONS_NONE, size=20)
        button = IconButton(self._icon, tooltip="Messages", on_click=lambda _: on_open())
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


def lead_button(context: UiContext, message: Message) -> list[ft.Control]:
    """Return what leads to the reason of the problem that a message tells of."""
    problem = message.lead
    if problem is None:
        return []
    return [
        small_button(ft.Icons.ARROW_FORWARD, "Show reason", on_click=lambda: context.go(place_of(problem)))
    ]


def log_button(context: UiContext, message: Message) -> list[ft.Control]:
    """Return what leads to the log lines of a message: of its problem's client, of its run, of its time."""
    problem = message.lead
    if problem is not None and "logs" in context.places:
        return [small_button(ft.Icons.NOTES, "Show log", on_click=lambda: context.go(log_of(problem)))]
    lead = context.log_of(message.at, message.run_id)
    return [small_button(ft.Icons.NOTES, "Show log", on_click=lead)] if lead is not None else []


def offer_button(
    message: Message, on_click: Callable[[], Any], permissions: Permissions, **looks: Any
) -> ft.TextButton:
    """Return the button that does what a message offers; an order that cannot be given now is held back."""
    button = ft.TextButton(message.action_label, on_click=lambda _: on_click(), **looks)
    hold_back(button, permissions.refusal(message.needs))
    return button


def small_button(
    icon: ft.IconData, label: str, *, on_click: Callable[[], Any] | None = None, copy: str = ""
) -> IconButton:
    """Return a button that belongs to a message; with ``copy`` it copies that."""
    return IconButton(
        icon,
        icon_size=16,
        tooltip=label,
        action=ft.CopyToClipboard(copy) if copy else None,
        on_click=(lambda _: on_click()) if on_click else None,
        width=30,
        height=30,
        padding=0,
    )
