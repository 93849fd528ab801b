"""The menu of a row: one for all rows of a table, opened where it was asked for."""

import inspect
from collections.abc import Sequence
from typing import Any

import flet as ft

from ui.base.theme import INK, QUIET_INK, Tone
from ui.components.data_table.columns import RowAction
from ui.components.menus import note_menu


class RowMenu:
    """``control`` lies around the rows; nothing but ``open`` opens the menu."""

    def __init__(self, rows: ft.Control) -> None:
        self.control = ft.ContextMenu(
            content=rows,
            secondary_trigger=None,
            expand=True,
            on_select=lambda _event: note_menu(self.control, False),
            on_dismiss=lambda _event: note_menu(self.control, False),
        )

    async def open(self, actions: Sequence[RowAction], at: ft.Offset) -> None:
        """Offer these actions at a point of the rows."""
        self.control.items = [_item(action) for action in actions]
        self.control.update()
        note_menu(self.control, True)
        await self.control.open(local_position=at)


def _item(action: RowAction) -> ft.PopupMenuItem:
    async def run(_event: Any) -> None:
        result = action.run()
        if inspect.isawaitable(result):
            await result

    color = Tone.BAD.color if action.destructive and not action.refused else None
    return ft.PopupMenuItem(
        content=ft.Text(
            action.label,
            size=13,
            color=QUIET_INK if action.refused else color or INK,
            tooltip=action.refused or None,
        ),
        icon=ft.Icon(
            ft.Icons.BLOCK if action.refused else action.icon,
            size=18,
            color=QUIET_INK if action.refused else color,
        ),
        height=36,
        disabled=bool(action.refused),
        on_click=run,
    )
