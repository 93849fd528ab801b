"""A text field for what draws a frame around it."""

from typing import Any

import flet as ft

from ui.base.theme import INK, QUIET_INK, SIZE_BODY, text_style


def bare_field(hint: str, *, size: int = SIZE_BODY, dense: bool = True, **more: Any) -> ft.TextField:
    """Return a text field that has no frame of its own."""
    return ft.TextField(
        hint_text=hint,
        text_size=size,
        color=INK,
        hint_style=text_style(size=size, color=QUIET_INK),
        dense=dense,
        border=ft.NoInputBorder(),
        **more,
    )


def named(field: ft.Control, name: str, *, expand: bool = False) -> ft.MergeSemantics:
    """Give a text field a name for screen readers: its hint is none, since it goes as one types."""
    return ft.MergeSemantics(content=ft.Semantics(content=field, label=name), expand=expand)
