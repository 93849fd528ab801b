"""What is wrong with the database: over the data that is still shown, or in the place of everything."""

from collections.abc import Callable

import flet as ft

from streams.failures import Failure
from ui.components.frame import framed
from ui.theme import INK, QUIET_INK, RADIUS, SIZE_BODY, Tone, small_text
from ui.views.database_present import present_trouble, trouble_words


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
    """In the place of everything: why no database can be shown, and what to do."""

    def __init__(self, on_retry: Callable[[], None]) -> None:
        self._icon = ft.Icon(ft.Icons.ERROR_OUTLINE, size=40, color=QUIET_INK)
        self._title = ft.Text("", size=16, weight=ft.FontWeight.W_600, color=INK)
        self._why = ft.Text("", size=SIZE_BODY, color=INK, selectable=True, text_align=ft.TextAlign.CENTER)
        self._hint = small_text("")
        self._hint.no_wrap, self._hint.text_align = False, ft.TextAlign.CENTER
        content = ft.Container(
            ft.Column(
                [
                    self._icon,
                    self._title,
                    self._why,
                    self._hint,
                    ft.OutlinedButton("Try again", on_click=lambda _event: on_retry()),
                ],
                alignment=ft.MainAxisAlignment.CENTER,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
                spacing=10,
            ),
            padding=41,
        )
        self.control = framed(content, visible=False)

    def show(self, failure: Failure | None) -> bool:
        """Show or hide it; return whether anything changed."""
        if failure is None:
            changed, self.control.visible = bool(self.control.visible), False
            return changed
        trouble = present_trouble(failure)
        words = (trouble.title, failure.message, trouble_words(failure))
        changed = not self.control.visible or words != (self._title.value, self._why.value, self._hint.value)
        self._icon.icon = trouble.icon
        self._title.value, self._why.value, self._hint.value = words
        self.control.visible = True
        return changed
