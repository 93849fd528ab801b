"""A notice in a panel or on a page: an icon, what is the matter, and perhaps an order that ends it."""

from collections.abc import Callable

import flet as ft

from streams.model.safe_text import label_text
from ui.base.theme import INK, SIZE_BODY, SIZE_SMALL, Tone
from ui.components.orders import hold_back


class Notice:
    """Not there while it has nothing to say."""

    def __init__(
        self, icon: ft.IconData, tone: Tone, *, verb: str = "", on_click: Callable[[], None]
    ) -> None:
        self._tone = tone
        self._icon = ft.Icon(icon, size=18, color=tone.color)
        self._text = ft.Text("", size=SIZE_BODY, color=INK)
        self._detail = ft.Text(
            "", size=SIZE_SMALL, color=INK, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS, visible=False
        )
        self.button = ft.TextButton(verb, height=28, visible=bool(verb), on_click=lambda _: on_click())
        self.control = ft.Container(
            ft.Row(
                [
                    self._icon,
                    ft.Column([self._text, self._detail], spacing=2, tight=True, expand=True),
                    self.button,
                ],
                spacing=10,
                vertical_alignment=ft.CrossAxisAlignment.START,
            ),
            padding=ft.Padding.symmetric(vertical=8, horizontal=12),
            border_radius=8,
            bgcolor=tone.tint(0.08),
            visible=False,
        )

    def show(self, text: str, detail: str = "", *, refused: str = "", tooltip: str = "") -> list[ft.Control]:
        """Say this, with its order held back where ``refused`` says why; return the controls to update.

        All of ``detail`` is the tooltip where no other is given.
        """
        text, detail, tooltip = label_text(text), label_text(detail), label_text(tooltip or detail)
        changed = hold_back(self.button, refused)
        if (self._text.value, self._detail.value, self.control.tooltip) != (text, detail, tooltip or None):
            self._text.value, self._detail.value = text, detail
            self._detail.visible = bool(detail)
            self.control.visible, self.control.tooltip = bool(text), tooltip or None
            return [self.control]
        return changed
