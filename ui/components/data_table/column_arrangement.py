"""The user's arrangement of a table's columns: hide, show, drag, reset."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ui.components.data_table.column_menu import ColumnChooser
from ui.components.data_table.columns import Column
from ui.components.data_table.layout import ColumnChoice, drag_edge, lay_out
from ui.components.data_table.resize_handle import EdgeHand
from ui.components.data_table.row import ACCENT_WIDTH, CHECK_WIDTH, GAP, MENU_WIDTH

_FIXED = ACCENT_WIDTH + CHECK_WIDTH + MENU_WIDTH + 2 * GAP
"""What a row needs beside its columns and the gaps after them."""


class Arranging:
    """The layout of a table's columns; ``redraw`` is called when the user changed it, ``tell`` to keep it."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        choice: ColumnChoice,
        *,
        redraw: Callable[[], None],
        tell: Callable[[dict[str, object]], None] | None,
    ) -> None:
        self._columns, self._redraw, self._tell = columns, redraw, tell
        self.choice = choice
        self._width = math.inf  # there is room for all before the size is known
        self.layout = lay_out(columns, choice, self._width, gap=GAP, fixed=_FIXED)
        self._began_at = 0.0
        self._began: dict[str, float] = {}
        self.edges = EdgeHand(self._on_start, self._on_move, self._on_end, self._on_reset)
        self.chooser = ColumnChooser(columns, on_toggle=self.toggle, on_reset=self.reset)
        self.chooser.show(self.layout, choice)

    def fit(self, width: float) -> bool:
        """Let the columns stand in so many pixels; return whether any stands otherwise now."""
        self._width = width
        before, self.layout = self.layout, lay_out(self._columns, self.choice, width, gap=GAP, fixed=_FIXED)
        self.chooser.show(self.layout, self.choice)
        return before != self.layout

    def _choose(self, choice: ColumnChoice) -> None:
        self.choice = choice
        self._redraw()

    def _keep(self, choice: ColumnChoice) -> None:
        self._choose(choice)
        if self._tell is not None:
            self._tell(choice.kept())

    def toggle(self, key: str) -> None:
        """Hide a column that is shown; show one that is not, if need be in place of others."""
        shown = key in self.layout.shown
        in_vain = not shown and key in self.choice.wanted
        self._keep(self.choice.hide(key) if shown or in_vain else self.choice.want(key))

    def reset(self) -> None:
        """Show all columns as they were made."""
        self._keep(ColumnChoice())

    def _on_start(self, _key: str, at: float) -> None:
        self._began_at = at
        self._began = {key: self.layout.pixels(key, self._width, GAP, _FIXED) for key in self.layout.shown}

    def _on_move(self, key: str, at: float) -> None:
        if self._began:
            widths = drag_edge(self._columns, self.layout, key, self._began, at - self._began_at)
            self._choose(self.choice.resize(widths))

    def _on_end(self) -> None:
        self._began = {}
        self._keep(self.choice)

    def _on_reset(self, key: str) -> None:
        order = [column.key for column in self._columns if column.key in self.layout.shown]
        place = order.index(key)
        self._keep(self.choice.resize(dict.fromkeys(order[place : place + 2])))
