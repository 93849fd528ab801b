"""The menu that chooses the columns of a table, in the corner of its head, reached by the keyboard too."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.base.theme import INK, QUIET_INK, SIZE_BODY, SIZE_SMALL
from ui.components.data_table.columns import Column
from ui.components.data_table.layout import ColumnChoice, Layout
from ui.components.data_table.row import MENU_WIDTH
from ui.components.menus import minded

_ITEM_HEIGHT = 34
_ITEM_WIDTH = 190


class ColumnChooser:
    """Lists the columns with a mark at those that are shown; choosing one shows or hides it."""

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
        self._reset_words = ft.Text("Reset columns", size=SIZE_BODY, color=INK)
        self._reset = ft.PopupMenuItem(
            content=ft.Row(
                [ft.Icon(ft.Icons.RESTART_ALT, size=16, color=QUIET_INK), self._reset_words], spacing=8
            ),
            height=_ITEM_HEIGHT,
            on_click=lambda _event: on_reset(),
        )
        items = [self._item(column, on_toggle, first=number == 0) for number, column in enumerate(columns)]
        menu = ft.PopupMenuButton(
            content=ft.Container(
                ft.Icon(ft.Icons.TUNE, size=17, color=QUIET_INK),
                width=MENU_WIDTH,
                height=MENU_WIDTH,
                alignment=ft.Alignment.CENTER,
            ),
            items=[*items, ft.PopupMenuItem(), self._reset],
            menu_position=ft.PopupMenuPosition.UNDER,
            size_constraints=ft.BoxConstraints(max_height=460),
            tooltip="Choose columns",
        )
        self.control = ft.Semantics(content=minded(menu), container=True, label="Choose columns")

    def _item(
        self, column: Column[Any], on_toggle: Callable[[str], None], *, first: bool
    ) -> ft.PopupMenuItem:
        name = ft.Text(
            column.label,
            size=SIZE_BODY,
            color=QUIET_INK if first else INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
            expand=True,
        )
        return ft.PopupMenuItem(
            content=ft.Row(
                [self._marks[column.key], name, self._notes[column.key]], spacing=8, width=_ITEM_WIDTH
            ),
            height=_ITEM_HEIGHT,
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
        unchanged = choice == ColumnChoice()
        self._reset.disabled = unchanged
        self._reset_words.color = QUIET_INK if unchanged else INK
