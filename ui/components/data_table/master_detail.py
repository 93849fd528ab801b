"""A table with a panel for one of its rows: the table gives way to it, and takes its room back."""

from collections.abc import Callable
from typing import Any, Generic

import flet as ft

from ui.base.bound_view import BoundView
from ui.base.theme import GAP
from ui.components.data_table.table import DataTable
from ui.components.data_table.table_surface import table_surface
from ui.components.data_table.view import K
from ui.components.side_panel import WIDTH


class MasterDetail(Generic[K]):
    """A table on its surface with the panel of its current row; ``control`` goes into the page.

    ``on_closed`` has the panel forget what it showed, ``touch`` gets what is to be updated.
    """

    def __init__(
        self,
        table: DataTable[K, Any],
        body: ft.Control,
        panel: BoundView,
        *,
        on_closed: Callable[[], None],
        touch: Callable[..., None],
    ) -> None:
        self._table, self._panel, self._on_closed, self._touch = table, panel, on_closed, touch
        self.control = ft.Row(
            [table_surface([body]), panel],
            expand=True,
            spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )

    def open(self, key: K) -> None:
        """Make room for the panel, and mark the row that it is about."""
        if not self._panel.visible:
            self._table.expect(-(WIDTH + GAP))
            self._panel.set_visible(True)
            self._touch(self.control)
        self._table.set_current(key)

    def close(self) -> bool:
        """Take the panel away; return whether it was there."""
        if not self._panel.visible:
            return False
        self._on_closed()
        self._panel.set_visible(False)
        self._table.expect(WIDTH + GAP)
        self._table.set_current(None)
        self._touch(self.control)
        return True
