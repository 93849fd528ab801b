"""The head of a table: labels that sort when clicked, and the checkbox that selects all."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.components.data_table_cells import place
from ui.components.data_table_columns import Column
from ui.components.data_table_row import ACCENT_WIDTH, GAP, MENU_WIDTH, check_box
from ui.components.data_table_scrollbar import WIDTH as SCROLLBAR_WIDTH
from ui.theme import LINE, QUIET_INK

HEAD_HEIGHT = 34
LANE_GAP = 13
"""A line and its margin between two lanes of rows."""


class TableHead:
    """Column labels with the arrow of the sorted one."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        on_sort: Callable[[str], None],
        on_check: Callable[[], None],
        menu: bool,
    ) -> None:
        self._columns = columns
        self._arrows = {
            column.key: ft.Icon(ft.Icons.ARROW_UPWARD, size=13, visible=False) for column in columns
        }
        self._cells = {column.key: self._cell(column, on_sort) for column in columns}
        self.check = check_box(
            value=False, semantics_label="Select all rows", on_change=lambda _event: on_check()
        )
        tail: list[ft.Control] = [ft.Container(width=MENU_WIDTH)] if menu else []
        self.control = ft.Container(
            ft.Row(
                [ft.Container(width=ACCENT_WIDTH), self.check, *self._cells.values(), *tail],
                spacing=GAP,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            height=HEAD_HEIGHT,
            expand=True,
        )

    def _cell(self, column: Column[Any], on_sort: Callable[[str], None]) -> ft.LayoutControl:
        label = ft.Text(
            column.label,
            size=12,
            weight=ft.FontWeight.W_600,
            color=QUIET_INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
        arrow = self._arrows[column.key]
        arrow.color = QUIET_INK
        parts: list[ft.Control] = [arrow, label] if column.numeric else [label, arrow]
        end = ft.MainAxisAlignment.END if column.numeric else ft.MainAxisAlignment.START
        head = ft.Container(
            ft.Row(parts, spacing=2, alignment=end),
            height=HEAD_HEIGHT,
            tooltip=column.tooltip or None,
            ink=column.sortable,
            border_radius=4,
            on_click=(lambda _event: on_sort(column.key)) if column.sortable else None,
        )
        return place(head, column)

    def show_sort(self, key: str | None, descending: bool) -> None:
        """Draw the arrow at the sorted column."""
        for name, arrow in self._arrows.items():
            arrow.visible = name == key
            arrow.icon = ft.Icons.ARROW_DOWNWARD if descending else ft.Icons.ARROW_UPWARD
            arrow.semantics_label = (
                ("sorted descending" if descending else "sorted ascending") if name == key else None
            )

    def show_columns(self, shown: frozenset[str]) -> None:
        """Show only these columns."""
        for column in self._columns:
            self._cells[column.key].visible = column.key in shown

    def set_checked(self, covered: bool | None) -> bool:
        """Set the state of "all"; return whether the checkbox must be updated."""
        if self.check.value == covered:
            return False
        # With three states it would show False as "some": False is its default and is not sent.
        self.check.tristate = covered is None
        self.check.value = covered
        return True


class TableHeads:
    """The heads of all lanes: each lane has its own labels, they say and do the same."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        on_sort: Callable[[str], None],
        on_check: Callable[[], None],
        menu: bool,
    ) -> None:
        self._make = lambda: TableHead(columns, on_sort=on_sort, on_check=on_check, menu=menu)
        self._sort: tuple[str | None, bool] = (None, False)
        self._shown = frozenset(column.key for column in columns)
        self._covered: bool | None = False
        self.heads: list[TableHead] = []
        self._row = ft.Row([], spacing=0)
        self.control = ft.Container(
            self._row,
            height=HEAD_HEIGHT,
            padding=ft.Padding.only(right=SCROLLBAR_WIDTH),
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )
        self.set_lanes(1)

    def set_lanes(self, lanes: int) -> None:
        """Have a head for each lane."""
        if len(self.heads) == lanes:
            return
        del self.heads[lanes:]
        while len(self.heads) < lanes:
            head = self._make()
            head.show_sort(*self._sort)
            head.show_columns(self._shown)
            head.set_checked(self._covered)
            self.heads.append(head)
        parts: list[ft.Control] = []
        for head in self.heads:
            if parts:
                parts.append(lane_divider(HEAD_HEIGHT))
            parts.append(head.control)
        self._row.controls = parts

    def show_sort(self, key: str | None, descending: bool) -> None:
        """Draw the arrow at the sorted column."""
        self._sort = (key, descending)
        for head in self.heads:
            head.show_sort(key, descending)

    def show_columns(self, shown: frozenset[str]) -> None:
        """Show only these columns."""
        self._shown = shown
        for head in self.heads:
            head.show_columns(shown)

    def set_checked(self, covered: bool | None) -> list[ft.Control]:
        """Set the state of "all"; return the checkboxes to update."""
        self._covered = covered
        return [head.check for head in self.heads if head.set_checked(covered)]


def lane_divider(height: float) -> ft.Container:
    """Return the line between two lanes."""
    line = ft.Container(width=1, height=height, bgcolor=LINE)
    return ft.Container(line, width=LANE_GAP, height=height, alignment=ft.Alignment.CENTER)
