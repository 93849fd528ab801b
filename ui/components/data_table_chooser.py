"""Which columns of a table are shown: a menu in the corner of its head, reached by the keyboard too."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.components.data_table_columns import Column
from ui.components.data_table_layout import ColumnChoice, Layout
from ui.components.data_table_row import MENU_WIDTH
from ui.theme import FLOAT, INK, QUIET_INK, SIZE_BODY, SIZE_SMALL

_SIDE = MENU_WIDTH


class ColumnChooser:
    """Lists the columns with a mark at those that are shown; a click shows or hides one, the menu stays."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        *,
        on_toggle: Callable[[str], None],
        on_reset: Callable[[], None],
    ) -> None:
        self._columns = columns
        self._marks = {column.key: ft.Icon(ft.Icons.CHECK, size=16) for column in columns}
        self._notes = {column.key: ft.Text("", size=SIZE_SMALL, color=QUIET_INK) for column in columns}
        items: list[ft.Control] = [
            self._item(column, on_toggle, first=number == 0) for number, column in enumerate(columns)
        ]
        self._reset = ft.MenuItemButton(
            content=ft.Text("Reset columns", size=SIZE_BODY),
            leading=ft.Icon(ft.Icons.RESTART_ALT, size=16),
            height=34,
            on_click=lambda _event: on_reset(),
        )
        self._menu = ft.SubmenuButton(
            content=ft.Container(
                ft.Icon(ft.Icons.TUNE, size=17, color=QUIET_INK),
                width=_SIDE,
                height=_SIDE,
                alignment=ft.Alignment.CENTER,
            ),
            controls=[*items, ft.Divider(height=1), self._reset],
            tooltip="Choose columns",
            width=_SIDE,
            style=ft.ButtonStyle(padding=ft.Padding.all(0), shape=ft.RoundedRectangleBorder(radius=6)),
            alignment_offset=ft.Offset(-190, 2),
            menu_style=ft.MenuStyle(bgcolor=FLOAT, padding=ft.Padding.symmetric(vertical=6)),
        )
        bar = ft.MenuBar(
            [self._menu],
            style=ft.MenuStyle(
                bgcolor=ft.Colors.TRANSPARENT,
                elevation=0,
                padding=ft.Padding.all(0),
                shadow_color=ft.Colors.TRANSPARENT,
            ),
        )
        self.control = ft.Semantics(content=bar, container=True, label="Choose columns")

    def _item(self, column: Column[Any], on_toggle: Callable[[str], None], *, first: bool) -> ft.Control:
        return ft.MenuItemButton(
            content=ft.Row(
                [
                    ft.Text(column.label, size=SIZE_BODY, color=QUIET_INK if first else INK),
                    self._notes[column.key],
                ],
                spacing=10,
                width=170,
                alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
            ),
            leading=self._marks[column.key],
            height=34,
            close_on_click=False,
            disabled=first,
            on_click=lambda _event: on_toggle(column.key),
        )

    def show(self, layout: Layout, choice: ColumnChoice) -> None:
        """Mark the columns that are shown, and say of which there is no room."""
        for column in self._columns:
            shown = column.key in layout.shown
            mark = ft.Colors.PRIMARY if column is not self._columns[0] else QUIET_INK
            self._marks[column.key].color = mark if shown else ft.Colors.TRANSPARENT
            self._notes[column.key].value = "" if shown or column.key in choice.hidden else "no room"
        self._reset.disabled = choice == ColumnChoice()
