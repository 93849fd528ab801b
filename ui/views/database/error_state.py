"""Errors of the database: over the data that is still shown, or in the place of everything."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import flet as ft

from streams.model.failures import Failure
from ui.base.theme import (
    INK,
    QUIET_INK,
    RADIUS,
    SIZE_BODY,
    STRONG,
    STRONG_FACE,
    SelectableText,
    Tone,
    small_text,
)
from ui.components.frame import framed
from ui.views.database.present import present_trouble, trouble_words


class Banner:
    """Over data that is still shown: why there is no newer."""

    def __init__(self) -> None:
        self._text = ft.Text(
            "", size=SIZE_BODY, color=INK, expand=True, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS
        )
        self._icon = ft.Icon(ft.Icons.WARNING_AMBER, size=18, color=Tone.WARNING.color)
        self.control = ft.Container(
            ft.Row([self._icon, self._text], spacing=10),
            height=36,
            padding=ft.Padding.symmetric(horizontal=14),
            bgcolor=Tone.WARNING.tint(),
            border_radius=RADIUS,
            visible=False,
        )

    def show(self, failure: Failure | None, since: str) -> bool:
        """Show or hide it; return whether anything changed."""
        if failure is None:
            changed, self.control.visible = bool(self.control.visible), False
            return changed
        trouble = present_trouble(failure)
        words = f"{trouble.title}, for {since}. What is shown is what was read last. {trouble.advice}"
        changed = (self.control.visible, self._text.value) != (True, words)
        self._text.value, self._icon.icon = words, trouble.icon
        self.control.tooltip = f"{failure.message} {failure.hint}".strip()
        self.control.visible = True
        return changed


class TroublePage:
    """In the place of everything: why no database can be shown, since when, and what to do."""

    def __init__(
        self, on_retry: Callable[[], None], log_of: Callable[[datetime], Callable[[], Any] | None]
    ) -> None:
        self._log_of = log_of
        self._icon = ft.Icon(ft.Icons.ERROR_OUTLINE, size=40, color=QUIET_INK)
        self._title = ft.Text("", size=16, weight=STRONG, font_family=STRONG_FACE, color=INK)
        self._why = SelectableText("", size=SIZE_BODY, color=INK, text_align=ft.TextAlign.CENTER)
        self._hint = small_text("")
        self._hint.no_wrap, self._hint.text_align = False, ft.TextAlign.CENTER
        self._since = small_text("")
        self._log = ft.TextButton("Show log", visible=False)
        again = ft.OutlinedButton("Try again", on_click=lambda _event: on_retry())
        content = ft.Container(
            ft.Column(
                [
                    self._icon,
                    self._title,
                    self._why,
                    self._hint,
                    self._since,
                    ft.Row([self._log, again], spacing=12, alignment=ft.MainAxisAlignment.CENTER),
                ],
                alignment=ft.MainAxisAlignment.CENTER,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                spacing=10,
            ),
            padding=41,
        )
        self.control = framed(content, visible=False)

    def show(self, failure: Failure | None, since: str) -> bool:
        """Show or hide it; return whether anything changed."""
        if failure is None:
            changed, self.control.visible = bool(self.control.visible), False
            return changed
        trouble = present_trouble(failure)
        words = (trouble.title, failure.message, trouble_words(failure), f"Failing for {since}.")
        texts = (self._title, self._why, self._hint, self._since)
        changed = not self.control.visible or words != tuple(text.value for text in texts)
        self._icon.icon = trouble.icon
        for text, said in zip(texts, words, strict=True):
            text.value = said
        self._log.on_click = self._log_of(failure.since)
        self._log.visible = self._log.on_click is not None
        self.control.visible = True
        return changed
