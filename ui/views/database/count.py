"""The number of rows of a table or of a filter; exact when asked for."""

from collections.abc import Callable

import flet as ft

from streams.model.database import ColumnFilter, TableInfo
from streams.sources.registry import DatabaseStreams
from ui.base.format import counted
from ui.base.theme import QUIET_INK, SIZE_BODY
from ui.views.database.present import present_count


class RowCount:
    """A count with the button that makes it exact; ``controls`` go into the page."""

    def __init__(self, streams: DatabaseStreams, on_count: Callable[[], None]) -> None:
        self._streams = streams
        self._table: TableInfo | None = None
        self._filter: ColumnFilter | None = None
        self._counted: TableInfo | None = None
        self.exact: int | None = None
        """How many rows there are, where all were counted."""
        self.button = ft.TextButton(
            content="Count exactly",
            icon=ft.Icons.FUNCTIONS,
            tooltip="Count every row; this reads the whole table or an index of it",
            visible=False,
            on_click=lambda _event: on_count(),
        )
        self._words = ft.Text("", size=SIZE_BODY, color=QUIET_INK, no_wrap=True)
        self.controls: tuple[ft.Control, ...] = (self._words, self.button)

    def open(self, table: TableInfo, wanted: ColumnFilter | None) -> None:
        """Show what the outline knows of a table; an exact count holds for the same rows only.

        Once the outline says something else, others have written: then it is told as what was counted.
        """
        same = self._table is not None and self._table.name == table.name and self._filter == wanted
        if not same or (wanted is None and table.rows is not None and not table.capped):
            self.exact = None
        self._table, self._filter = table, wanted
        self._show()

    async def count(self, tell: Callable[[], None]) -> None:
        """Count every row; ``tell`` is called when there is something else to see."""
        table, wanted = self._table, self._filter
        if table is None:
            return
        self._words.value, self.button.visible = "counting…", False
        tell()
        try:
            found = await self._streams.count(table.name, wanted)
            if self._table is not None and self._table.name == table.name and self._filter == wanted:
                self.exact, self._counted = found, table
        finally:
            self._show()
            tell()

    def _show(self) -> None:
        table = self._table
        if table is None:
            return
        old = self.exact is not None and table is not self._counted
        when = " when counted" if old else ""
        rows, capped = (self.exact, False) if self.exact is not None else (table.rows, table.capped)
        if self._filter is None:
            words = "1 row" if rows == 1 else f"{present_count(rows, capped)} rows"
            self._words.value = f"{words}{when}"
        else:
            self._words.value = (
                ""
                if self.exact is None
                else f"{counted(self.exact, 'row')} match{'es' if self.exact == 1 else ''}{when}"
            )
        unsure = capped or rows is None or self._filter is not None
        self.button.visible = old or (self.exact is None and unsure)
