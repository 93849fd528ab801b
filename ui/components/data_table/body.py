"""The body of a table: a pool of rows that fills the room there is, and what is laid over it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.base.theme import CARD, Density
from ui.components.data_table.column_arrangement import Arranging
from ui.components.data_table.columns import Column, lanes_that_fit
from ui.components.data_table.head import LANE_GAP, TableHeads, lane_divider
from ui.components.data_table.row import RowHand, TableRow
from ui.components.data_table.scrollbar import WIDTH as SCROLLBAR_WIDTH
from ui.components.data_table.scrollbar import Scrollbar
from ui.components.data_table.viewport import Window

FIRST_ROWS = 12
"""Rows in the pool before the client has told how much room there is."""


class TableBody:
    """Rows, scrollbar and overlay; knows controls, not records' order or selection."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        arranging: Arranging,
        head: TableHeads,
        window: Window,
        *,
        density: Density,
        hand: RowHand,
        on_move: Callable[[int], None],
    ) -> None:
        self._columns, self._arranging, self._head = columns, arranging, head
        self._window, self._hand = window, hand
        self._height = 0.0
        self.reshaped = False
        """Rows, lanes or columns changed: they must be sent together, new ones cannot be updated yet."""
        self.measured = False
        """Whether the client has told the size."""
        self.width = 0.0
        self.row_height: float = density.row_height
        """What a row has on average: they share the room there is, so that the last one ends at its foot."""
        self._least_height = density.row_height
        self.rows: list[TableRow] = []
        self.columns_shown = arranging.layout.shown
        self.scrollbar = Scrollbar(window, on_move)
        self.lanes = 1
        self.per_lane = FIRST_ROWS
        self._screens: int | None = None
        self._records = 0
        self.lists = ft.Row([], spacing=0, vertical_alignment=ft.CrossAxisAlignment.START)
        self.overlay = ft.Container(bgcolor=CARD, visible=False, left=0, top=0, right=0, bottom=0)
        # A stack clips only what it placed too far out, not a column that is longer than its room.
        clipped = ft.Container(self.lists, clip_behavior=ft.ClipBehavior.HARD_EDGE)
        self.control = ft.Stack([clipped, self.overlay], expand=True)
        self._lay_out()

    def _lay_out(self) -> None:
        """Have as many rows in the pool as fit, and stand them in their lanes."""
        count = self.per_lane * self.lanes
        while len(self.rows) < count:
            row = TableRow(len(self.rows), self._columns, self.row_height, self._hand)
            row.set_layout(self._arranging.layout)
            row.control.visible = False
            self.rows.append(row)
        self._set_heights()
        parts: list[ft.Control] = []
        for lane in range(self.lanes):
            if lane:
                parts.append(lane_divider(round(self.per_lane * self.row_height)))
            rows = self.rows[lane * self.per_lane : (lane + 1) * self.per_lane]
            parts.append(ft.Column([row.control for row in rows], spacing=0, expand=True))
        self.lists.controls = parts
        self._head.set_lanes(self.lanes)
        self._window.resize(self._window.total, count)
        self.reshaped = True

    def _set_heights(self) -> None:
        """Give each row whole pixels, or their lines would not be equally sharp."""
        for slot, row in enumerate(self.rows):
            line = slot % self.per_lane
            row.set_height(round((line + 1) * self.row_height) - round(line * self.row_height))

    def resize(self, width: float, height: float) -> bool:
        """Take the room there is; return whether rows, lanes or columns changed."""
        self._height = height
        return self._arrange(width)

    def fit(self, width: float) -> bool:
        """Take the width; return whether lanes or columns changed."""
        return width != self.width and self._arrange(width)

    def hold(self, records: int, screens: int | None) -> bool:
        """Take how many records there are and on how many screens they should fit, None for one lane."""
        if (records, screens) == (self._records, self._screens):
            return False
        self._records, self._screens = records, screens
        return bool(self._height) and self._arrange(self.width)

    def _arrange(self, width: float) -> bool:
        self.width = width
        shape = (self.per_lane, self.lanes, self.row_height)
        if self._height:
            self.per_lane = max(1, int(self._height // self._least_height))
            # The line under the last row would stand beside that of the card, hence one more.
            self.row_height = max(self._least_height, (self._height + 1) / self.per_lane)
        self.lanes = lanes_that_fit(self._records, self.per_lane, width, self._screens)
        changed = shape != (self.per_lane, self.lanes, self.row_height)
        if changed:
            self._lay_out()
        return self.fit_columns() or changed

    @property
    def lane_width(self) -> float:
        """The width of one lane."""
        return (self.width - SCROLLBAR_WIDTH - (self.lanes - 1) * LANE_GAP) / self.lanes

    def set_density(self, density: Density) -> None:
        """Take another row height."""
        self.row_height = self._least_height = density.row_height
        self._set_heights()
        self.reshaped = True
        if self._height:
            self._arrange(self.width)

    def place_of(self, slot: int) -> ft.Offset:
        """Return where the menu button of a row stands."""
        lane, line = divmod(slot, self.per_lane)
        x = lane * (self.lane_width + LANE_GAP) + self.lane_width - 24
        return ft.Offset(x, (line + 0.5) * self.row_height)

    def slot_at(self, place: ft.Offset) -> int:
        """Return the row at a point of the body."""
        lane = min(self.lanes - 1, int(place.x // (self.lane_width + LANE_GAP)))
        return lane * self.per_lane + min(self.per_lane - 1, int(place.y // self.row_height))

    def fit_columns(self) -> bool:
        """Let the columns stand in the room there is; return whether any stands otherwise now."""
        if not self._arranging.fit(self.lane_width if self.width else math.inf):
            return False
        layout = self._arranging.layout
        self.columns_shown = layout.shown
        self.reshaped = True
        self._head.show_layout(layout)
        for row in self.rows:
            row.set_layout(layout)
        return True

    def place_scrollbar(self) -> list[ft.Control]:
        """Put the thumb in its place; return what must be updated."""
        return [self.scrollbar.leaf] if self.scrollbar.place(self._height) else []
