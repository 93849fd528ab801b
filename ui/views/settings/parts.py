"""Parts of the settings view: the list of sections, and the words over settings that could not be saved."""

from collections.abc import Callable

import flet as ft

from ui.base.theme import INK, QUIET_INK, RADIUS, SELECTED, SIZE_BODY, STRONG, STRONG_FACE, Tone
from ui.views.settings.present import present_section


def section_entry(name: str, *, chosen: bool, on_choose: Callable[[str], None]) -> ft.Control:
    """Return the entry of a section in the list at the left."""
    look = present_section(name)
    return ft.Semantics(
        content=ft.Container(
            ft.Row(
                [
                    ft.Icon(look.icon, size=18, color=INK if chosen else QUIET_INK),
                    ft.Text(
                        look.title,
                        size=SIZE_BODY,
                        color=INK,
                        weight=STRONG if chosen else ft.FontWeight.W_400,
                        font_family=STRONG_FACE if chosen else None,
                    ),
                ],
                spacing=10,
            ),
            height=36,
            padding=ft.Padding.symmetric(horizontal=12),
            border_radius=8,
            bgcolor=SELECTED if chosen else None,
            ink=True,
            on_click=lambda _: on_choose(name),
        ),
        selected=chosen,
    )


class NotSaved:
    """Says why what was typed is not in force, and what can be done; not there while all is saved."""

    def __init__(self, *, on_discard: Callable[[], None], on_again: Callable[[], None]) -> None:
        self._text = ft.Text("", size=SIZE_BODY, color=INK, expand=True)
        self.control = ft.Container(
            ft.Row(
                [
                    ft.Icon(ft.Icons.WARNING_AMBER, size=18, color=Tone.WARNING.color),
                    self._text,
                    ft.TextButton("Discard", on_click=lambda _: on_discard()),
                    ft.TextButton("Save again", on_click=lambda _: on_again()),
                ],
                spacing=10,
            ),
            bgcolor=Tone.WARNING.tint(),
            border_radius=RADIUS,
            padding=ft.Padding.symmetric(vertical=4, horizontal=14),
            visible=False,
        )

    def show(self, text: str) -> list[ft.Control]:
        """Show why, or nothing for an empty text; return the controls to update."""
        if (self._text.value, self.control.visible) == (text, bool(text)):
            return []
        self._text.value, self.control.visible = text, bool(text)
        return [self.control]
