"""The edge of a column's head: dragged it makes the column wider or narrower, clicked twice as it was."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from ui.base.theme import LINE
from ui.components.data_table.row import GAP

HEAD_HEIGHT = 34
DRAG_INTERVAL_MS = 33
"""Moves of the pointer within this time are told together."""


@dataclass(frozen=True, slots=True)
class EdgeHand:
    """What happens at an edge; each is called with the key of the column at its left."""

    on_start: Callable[[str, float], None]
    """With where the pointer is."""
    on_move: Callable[[str, float], None]
    on_end: Callable[[], None]
    on_reset: Callable[[str], None]


class HeadEdge:
    """The gap after a column, as wide as the gaps between the cells below it."""

    def __init__(self, key: str, hand: EdgeHand) -> None:
        self._line = ft.Container(width=1, height=16, bgcolor=LINE)
        self._handle = ft.GestureDetector(
            content=ft.Container(self._line, width=GAP, height=HEAD_HEIGHT, alignment=ft.Alignment.CENTER),
            mouse_cursor=ft.MouseCursor.RESIZE_COLUMN,
            drag_interval=DRAG_INTERVAL_MS,
            exclude_from_semantics=True,
            on_horizontal_drag_start=lambda event: hand.on_start(key, event.global_position.x),
            on_horizontal_drag_update=lambda event: hand.on_move(key, event.global_position.x),
            on_horizontal_drag_end=lambda _event: hand.on_end(),
            on_double_tap=lambda _event: hand.on_reset(key),
        )
        self.control = ft.Container(self._handle, width=GAP, height=HEAD_HEIGHT)

    def show(self, *, there: bool, last: bool) -> None:
        """Show the edge with its column; that of the last one is the table's and stays where it is."""
        self.control.visible = there
        self._handle.disabled = last
        self._handle.visible = not last
