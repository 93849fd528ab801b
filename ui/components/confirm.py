"""Asking before something that cannot be taken back: with a preview, or by typing the name.

What can be taken back is done at once and offers "Undo" in its message instead of asking.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flet as ft

from streams.model.link import Link
from streams.model.safe_text import label_text
from streams.model.vocabulary import Scope
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.permissions import Permissions
from ui.base.theme import LINE, QUIET_INK, RADIUS, SIZE_BODY, STRONG, STRONG_FACE, Tone, body_text
from ui.components.dialogs import show_dialog
from ui.components.orders import hold_back

_SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what the answer would do."""

    title: str
    text: str
    verb: str
    """The word on the button: what will be done, never "OK"."""
    names: Sequence[str] = ()
    """What it will be done to; the first ones are listed."""
    destructive: bool = False
    type_name: str = ""
    """Must be typed before the button works, for what loses data."""
    needs: Scope | None = None
    """The scope that yes takes, where it is an order to the server."""


def present_names(names: Sequence[str], most: int = _SHOWN_NAMES) -> tuple[tuple[str, ...], str]:
    """Return the names to list, and how many more there are."""
    shown = tuple(names[:most])
    rest = len(names) - len(shown)
    return shown, f"and {rest:,} more" if rest else ""


class _Yes(BoundView):
    """The button that says yes: held back until the name is typed, and an order while the server is lost."""

    def __init__(self, context: UiContext, question: Question, on_yes: Callable[[], None]) -> None:
        self._permissions, self._named = Permissions(), not question.type_name
        self._needs = question.needs
        self._button = ft.FilledButton(question.verb, on_click=lambda _: on_yes())
        if question.destructive:
            self._button.style = ft.ButtonStyle(
                bgcolor={ft.ControlState.DEFAULT: Tone.BAD.color, ft.ControlState.DISABLED: LINE},
                color=ft.Colors.ON_ERROR,
            )
        super().__init__(context=context, key="yes", content=self._button)
        self._show()
        if question.needs is not None:
            self.bind(context.link, self._show_link)

    @property
    def held_back(self) -> bool:
        """Whether it cannot be said now."""
        return bool(self._refusal())

    def show_named(self, named: bool) -> None:
        """Take notice whether the right name is typed."""
        self._named = named
        self._show()

    def _show_link(self, link: Link) -> None:
        self._permissions = Permissions.of(link)
        self._show()

    def _refusal(self) -> str:
        return self._permissions.refusal(self._needs, "" if self._named else "Type the name first")

    def _show(self) -> None:
        self.touch(*hold_back(self._button, self._refusal()))


async def ask(page: ft.Page, context: UiContext, question: Question) -> bool:
    """Show the question; return whether the user said yes. Closing it in any way is a no."""
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def say(said: bool) -> None:
        if not answer.done():
            answer.set_result(said)

    yes = _Yes(context, question, lambda: say(True))
    lines: list[ft.Control] = [ft.Text(label_text(question.text), size=SIZE_BODY, color=QUIET_INK)]
    if question.names:
        shown, more = present_names(question.names)
        listed: list[ft.Control] = [body_text(name) for name in shown]
        if more:
            listed.append(body_text(more, quiet=True))
        lines.append(
            ft.Container(
                ft.Row(listed, spacing=14, run_spacing=4, wrap=True),
                padding=12,
                width=420,
                border=ft.Border.all(1, LINE),
                border_radius=RADIUS,
            )
        )
    if question.type_name:

        def on_change(event: ft.Event[ft.TextField]) -> None:
            yes.show_named((event.control.value or "").strip() == question.type_name)

        async def on_submit(event: ft.Event[ft.TextField]) -> None:
            if yes.held_back:
                await event.control.focus()  # Enter has taken the keyboard from it
            else:
                say(True)

        def set_typing(typing: bool) -> None:
            context.typing = typing

        lines.append(
            ft.TextField(
                label=f"Type {question.type_name} to go on",
                on_change=on_change,
                on_submit=on_submit,
                autofocus=True,
                dense=True,
                width=420,
                on_focus=lambda _: set_typing(True),
                on_blur=lambda _: set_typing(False),
            )
        )
    dialog = ft.AlertDialog(
        title=ft.Text(label_text(question.title), size=18, weight=STRONG, font_family=STRONG_FACE),
        content=ft.Container(ft.Column(lines, spacing=14, tight=True), width=420),
        actions=[ft.TextButton("Not now", on_click=lambda _: say(False)), yes],
        shape=ft.RoundedRectangleBorder(radius=14),
    )
    close = show_dialog(page, context, dialog, on_gone=lambda: say(False))
    try:
        return await answer
    finally:
        close()
        context.typing = False
