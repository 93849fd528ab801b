"""The surface of a table: its card, and what stands there while there is no table to show."""

from collections.abc import Sequence

import flet as ft

from ui.base.layout import FOOT_HEIGHT, RAIL_WIDTH, TOPBAR_HEIGHT, WIDE_FROM, WIDE_RAIL_WIDTH
from ui.base.theme import PAGE_PADDING, QUIET_INK, SIZE_BODY
from ui.components.frame import edge_to_edge
from ui.components.loading_states import Empty, StateBox

_INSET = 16


def room_for_table(page: ft.Page, *, above: float, below: float = 0.0) -> tuple[float, float]:
    """Return the width and height that a table in a view will have, with so much above and below it."""
    width, height = page.width or 1280, page.height or 800
    rail = WIDE_RAIL_WIDTH if width >= WIDE_FROM else RAIL_WIDTH
    frame = 2 * PAGE_PADDING + 2
    return width - rail - frame, height - TOPBAR_HEIGHT - FOOT_HEIGHT - frame - above - below


def table_box(table: ft.Control, empty: Empty) -> StateBox:
    """Return the states of a table; all but the table itself stand a little away from the edge."""
    box = StateBox(table, empty=empty, skeleton_rows=14, skeleton_height=18, expand=True)
    for layer in box.controls[1:]:
        if isinstance(layer, ft.Container):
            layer.padding = _INSET
    return box


def table_surface(parts: Sequence[ft.Control]) -> ft.Stack:
    """Return the card that a table and its pager stand on, edge to edge."""
    return edge_to_edge(ft.Column(list(parts), spacing=0), expand=True)


def nothing_found(text: str, clear: ft.Control) -> ft.Control:
    """Return what lies over a table whose filters leave nothing."""
    return ft.Column(
        [
            ft.Icon(ft.Icons.FILTER_ALT_OFF, size=22, color=QUIET_INK),
            ft.Text(text, size=SIZE_BODY, color=QUIET_INK),
            clear,
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
        spacing=6,
    )
