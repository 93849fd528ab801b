"""The head of a table: labels that sort when clicked, and the checkbox that selects all."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.base.theme import LINE, QUIET_INK, STRONG, STRONG_FACE
from ui.components.data_table.cells import give_room, place
from ui.components.data_table.columns import Column
from ui.components.data_table.layout import Layout
from ui.components.data_table.resize_handle import HEAD_HEIGHT, EdgeHand, HeadEdge
from ui.components.data_table.row import ACCENT_WIDTH, GAP, MENU_WIDTH, check_box
from ui.components.data_table.scrollbar import WIDTH as SCROLLBAR_WIDTH

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
        edges: EdgeHand,
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
        self._edges = {column.key: HeadEdge(column.key, edges) for column in columns}
        before = ft.Container(width=ACCENT_WIDTH + GAP)
        parts: list[ft.Control] = [before, self.check, ft.Container(width=GAP)]
        for column in columns:
            parts += [self._cells[column.key], self._edges[column.key].control]
        self.control = ft.Container(
            ft.Row(
                [*parts, *([ft.Container(width=MENU_WIDTH)] if menu else [])],
                spacing=0,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            height=HEAD_HEIGHT,
            expand=True,
        )

    def _cell(self, column: Column[Any], on_sort: Callable[[str], None]) -> ft.LayoutControl:
        label = ft.Text(
            column.label,
            size=12,
            weight=STRONG,
            font_family=STRONG_FACE,
            color=QUIET_INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
            expand=True,
            expand_loose=True,
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
        """Draw the arrow at the sorted column: how what is seen there goes on, downwards."""
        for column in self._columns:
            arrow, here = self._arrows[column.key], column.key == key
            falls = descending is not column.ages
            arrow.visible = here
            arrow.icon = ft.Icons.ARROW_DOWNWARD if falls else ft.Icons.ARROW_UPWARD
            arrow.semantics_label = f"sorted {'descending' if falls else 'ascending'}" if here else None

    def show_layout(self, layout: Layout) -> None:
        """Let the labels stand as the columns do."""
        last = next((c.key for c in reversed(self._columns) if c.key in layout.shown), "")
        for column in self._columns:
            give_room(self._cells[column.key], layout, column.key)
            self._edges[column.key].show(there=column.key in layout.shown, last=column.key == last)

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
        edges: EdgeHand,
        chooser: ft.Control,
        menu: bool,
    ) -> None:
        self._make = lambda: TableHead(columns, on_sort=on_sort, on_check=on_check, edges=edges, menu=menu)
        self._sort: tuple[str | None, bool] = (None, False)
        self._layout: Layout | None = None
        self._covered: bool | None = False
        self.heads: list[TableHead] = []
        self._row = ft.Row([], spacing=0)
        # In the corner over the menus of the rows, once however many lanes there are.
        corner = ft.Container(chooser, right=0, top=0, width=MENU_WIDTH, height=HEAD_HEIGHT, visible=menu)
        self.control = ft.Container(
            ft.Stack([self._row, corner]),
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
            if self._layout is not None:
                head.show_layout(self._layout)
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

    def show_layout(self, layout: Layout) -> None:
        """Let the labels stand as the columns do."""
        self._layout = layout
        for head in self.heads:
            head.show_layout(layout)

    def set_checked(self, covered: bool | None) -> list[ft.Control]:
        """Set the state of "all"; return the checkboxes to update."""
        self._covered = covered
        return [head.check for head in self.heads if head.set_checked(covered)]


def lane_divider(height: float) -> ft.Container:
    """Return the line between two lanes."""
    line = ft.Container(width=1, height=height, bgcolor=LINE)
    return ft.Container(line, width=LANE_GAP, height=height, alignment=ft.Alignment.CENTER)
