"""The filter of a table's rows: a column, a comparison, a value."""

from collections.abc import Callable
from typing import Final

import flet as ft

from streams.model.database import ColumnFilter, FilterKind, TableInfo
from ui.components.toolbar import Choice, FilterMenu, SearchField

_ANY: Final = ""
_WITHOUT_TEXT = (FilterKind.NULL, FilterKind.NOT_NULL)


class RowFilter:
    """Two menus and a field; tells a filter once it says something."""

    def __init__(self, on_filter: Callable[[ColumnFilter | None], None]) -> None:
        self._on_filter = on_filter
        self._told: ColumnFilter | None = None
        self._columns = FilterMenu("Column", [Choice(_ANY, "Any column")], lambda _key: self._tell())
        self._kinds = FilterMenu(
            "Compare", [Choice(kind.value, kind.value) for kind in FilterKind], lambda _key: self._tell()
        )
        self._text = SearchField("Value", lambda _text: self._tell(), wait_s=0.35, width=180)
        self.control = ft.Row(
            [self._columns.control, self._kinds.control, self._text.control], spacing=8, tight=True
        )

    def open(self, table: TableInfo) -> list[ft.Control]:
        """Offer the columns of another table; nothing is filtered then."""
        names = [column.name for column in table.columns if not column.secret]
        self._told = None
        changed = self._columns.set_choices([Choice(_ANY, "No filter"), *(Choice(n, n) for n in names)])
        return [*changed, *self._columns.set(_ANY), *self._text.set("")]

    def clear(self) -> list[ft.Control]:
        """Filter nothing, without telling it."""
        self._told = None
        return [*self._columns.set(_ANY), *self._text.set("")]

    async def focus(self) -> None:
        """Take the keyboard."""
        await self._text.focus()

    def _tell(self) -> None:
        kind = FilterKind(self._kinds.value)
        column, text = self._columns.value, self._text.value
        wanted = None
        if column != _ANY and (text or kind in _WITHOUT_TEXT):
            wanted = ColumnFilter(column=column, kind=kind, text="" if kind in _WITHOUT_TEXT else text)
        if wanted != self._told:
            self._told = wanted
            self._on_filter(wanted)
