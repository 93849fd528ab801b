"""The lines of the palette: an entry, the head of a group, and that nothing is found."""

from collections.abc import Callable
from typing import Final

import flet as ft

from ui.base.palette import PaletteEntry
from ui.base.theme import (
    QUIET_INK,
    SELECTED,
    SIZE_BODY,
    SIZE_SMALL,
    STRONG,
    STRONG_FACE,
    body_text,
    small_text,
)

ROW_HEIGHT: Final = 34
TITLE_HEIGHT: Final = 26


def entry_row(entry: PaletteEntry, *, chosen: bool, on_click: Callable[[PaletteEntry], None]) -> ft.Container:
    """Return the row of an entry."""
    detail = small_text(entry.refused or entry.detail)
    detail.expand = True
    parts: list[ft.Control] = [
        ft.Icon(ft.Icons.BLOCK if entry.refused else entry.icon, size=18, color=QUIET_INK),
        body_text(entry.label, quiet=bool(entry.refused)),
        detail,
    ]
    if entry.keys:
        parts.append(small_text(entry.keys))
    return ft.Container(
        ft.Row(parts, spacing=10),
        height=ROW_HEIGHT,
        padding=ft.Padding.symmetric(horizontal=8),
        border_radius=6,
        bgcolor=SELECTED if chosen else None,
        ink=not entry.refused,
        on_click=lambda _event: on_click(entry),
    )


def group_title(title: str) -> ft.Control:
    """Return the head of the entries of a group."""
    return ft.Container(
        ft.Text(title, size=SIZE_SMALL, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK),
        height=TITLE_HEIGHT,
        padding=ft.Padding.only(left=8, top=6, bottom=2),
    )


def nothing_called(query: str) -> ft.Control:
    """Return what is listed where nothing is."""
    return ft.Container(
        ft.Text(f"Nothing is called “{query}”.", size=SIZE_BODY, color=QUIET_INK),
        padding=ft.Padding.symmetric(horizontal=8, vertical=14),
    )
