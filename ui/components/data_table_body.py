"""The body of a table: a pool of rows that fills the room there is, and what is laid over it."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.components.data_table_columns import Column, columns_that_fit
from ui.components.data_table_head import TableHead
from ui.components.data_table_row import ACCENT_WIDTH, CHECK_WIDTH, GAP, MENU_WIDTH, RowHand, TableRow
from ui.components.data_table_scrollbar import WIDTH as SCROLLBAR_WIDTH
from ui.components.data_table_scrollbar import Scrollbar
from ui.components.data_table_window import Window
from ui.theme import CARD, Density

FIRST_ROWS = 12
"""Rows in the pool before the client has told how much room there is."""
MANY = 24
"""From this many changed leaves on, one message for the whole body is cheaper than one for each."""


class TableBody:
    """Rows, scrollbar and overlay; knows controls, not records' order or selection."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        head: TableHead,
        window: Window,
        *,
        density: Density,
        hand: RowHand,
        on_move: Callable[[int], None],
    ) -> None:
        self._columns, self._head, self._window, self._hand = columns, head, window, hand
        self._height = 0.0
        self.width = 0.0
        self.row_height = density.row_height
        self.rows: list[TableRow] = []
        self.columns_shown = frozenset(column.key for column in columns)
        self.scrollbar = Scrollbar(window, on_move)
        self.list = ft.Column([], spacing=0)
        self.overlay = ft.Container(bgcolor=CARD, visible=False, left=0, top=0, right=0, bottom=0)
        self.control = ft.Stack(
            [self.list, self.overlay], expand=True, clip_behavior=ft.ClipBehavior.HARD_EDGE
        )
        self.grow(FIRST_ROWS)

    def grow(self, count: int) -> None:
        """Have ``count`` rows in the pool."""
        while len(self.rows) < count:
            row = TableRow(len(self.rows), self._columns, self.row_height, self._hand)
            row.set_columns(self.columns_shown)
            row.control.visible = False
            self.rows.append(row)
        self.list.controls = [row.control for row in self.rows[:count]]
        self._window.resize(self._window.total, count)

    def resize(self, width: float, height: float) -> bool:
        """Take the room there is; return whether rows or columns changed."""
        self._height = height
        changed = False
        count = max(1, int(height // self.row_height))
        if count != self._window.visible:
            self.grow(count)
            changed = True
        return self.fit(width) or changed

    def fit(self, width: float) -> bool:
        """Take the width; return whether columns came or went."""
        if width == self.width:
            return False
        self.width = width
        return self._fit_columns()

    def set_density(self, density: Density) -> None:
        """Take another row height."""
        self.row_height = density.row_height
        for row in self.rows:
            row.set_height(self.row_height)
        if self._height:
            self.resize(self.width, self._height)

    def _fit_columns(self) -> bool:
        fixed = ACCENT_WIDTH + CHECK_WIDTH + MENU_WIDTH + SCROLLBAR_WIDTH + 2 * GAP
        shown = columns_that_fit(self._columns, self.width, GAP, fixed)
        if shown == self.columns_shown:
            return False
        self.columns_shown = shown
        self._head.show_columns(shown)
        for row in self.rows:
            row.set_columns(shown)
        return True

    def place_scrollbar(self) -> list[ft.Control]:
        """Put the thumb in its place; return what must be updated."""
        return [self.scrollbar.leaf] if self.scrollbar.place(self._height) else []
