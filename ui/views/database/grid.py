"""The one table of the database view: its columns change with what is shown, and it scrolls sideways."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import flet as ft

from streams.model.database import Key, TableInfo, TablePage, Value
from streams.sources.registry import DatabaseStreams
from ui.base.context import UiContext
from ui.base.format import Formatter, counted
from ui.components.data_table.columns import Column, RowAction, TextCell
from ui.components.data_table.table import DataTable, TableEvents
from ui.views.database.copy_rows import Ask, row_as_json
from ui.views.database.present import GridRow, is_numeric, key_text, present_value, shown_text
from ui.views.database.times import tells_times

MAX_COLUMNS = 60
"""Side by side; every cell is some controls, and nobody scrolls through hundreds."""
WIDTH_ROWS = 40
"""So many rows decide how wide the columns are."""
_MARGIN = 130
"""Room for the checkbox, the menu and the scrollbar of a table."""
_GAP = 12
_BAR = 10
"""Height of the bar that scrolls sideways."""
_NARROWEST, _WIDEST = 84, 300
_KEPT = "database.columns"
_MAX_KEPT = 50
"""So many tables and answers are remembered with the columns that were chosen."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column of the grid."""

    name: str
    tooltip: str = ""
    numeric: bool = False
    sortable: bool = True
    width: int = 150
    times: bool = False
    """Its numbers may be times."""


def room_for(name: str, values: Iterable[Value], words: Formatter, *, times: bool = False) -> int:
    """Return the pixels that a column needs, by its name and the values that it begins with."""
    longest = max((sum(map(len, shown_text(value, words, times=times))) for value in values), default=0)
    return max(_NARROWEST, min(_WIDEST, 8 * max(len(name) + 3, longest) + 22))


def columns_of(table: TableInfo, page: TablePage, words: Formatter) -> list[GridColumn]:
    """Return the columns of a table, as wide as its first rows need."""

    def tooltip(at: int) -> str:
        column = table.columns[at]
        parts = [column.type or "any type"]
        if column.key_place:
            parts.append("primary key")
        parts.append("secret" if column.secret else "indexed" if column.indexed else "no index")
        return ", ".join(parts)

    return [
        GridColumn(
            column.name,
            tooltip(i),
            is_numeric(column),
            not column.secret,
            room_for(
                column.name,
                (row[i] for row in page.rows[:WIDTH_ROWS]),
                words,
                times=tells_times(column.name, column.type),
            ),
            tells_times(column.name, column.type),
        )
        for i, column in enumerate(table.columns)
    ]


class Grid:
    """Holds a table and puts another one in its place when the columns change; ``control`` stays."""

    def __init__(
        self,
        context: UiContext,
        *,
        label: str,
        streams: DatabaseStreams,
        ask_of: Callable[[GridRow], Ask | None] | None = None,
        on_open: Callable[[GridRow], None] | None = None,
        on_sort: Callable[[str, bool], None] | None = None,
        on_cancel: Callable[[], bool] | None = None,
    ) -> None:
        self._context, self._label = context, label
        self._streams, self._ask_of = streams, ask_of
        self._on_open, self._on_sort, self._on_cancel = on_open, on_sort, on_cancel
        self._columns: tuple[GridColumn, ...] = ()
        self._room = 0.0
        self._clipboard: ft.Clipboard | None = None
        self.table: DataTable[Key, GridRow] | None = None
        self._inner = ft.Container(width=900)
        self.control = ft.Container(
            ft.Row(
                [self._inner],
                scroll=ft.ScrollMode.ALWAYS,  # so that one sees that there are more columns
                expand=True,
                spacing=0,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            expand=True,
            size_change_interval=0,  # else the last of several changes is lost
            on_size_change=self._on_size,
        )

    def show_columns(self, columns: Sequence[GridColumn], *, new: bool = False) -> list[ft.Control]:
        """Have a table of these columns, a ``new`` one if asked for; return the controls to update."""
        columns = tuple(columns)
        if columns == self._columns and self.table is not None and not new:
            return []
        self._columns = columns
        self.table = DataTable(
            [self._column(i, column) for i, column in enumerate(columns[:MAX_COLUMNS])],
            name=lambda row: f"row {key_text(row.key)}",
            actions=self._actions,
            events=TableEvents(
                on_open=self._open,
                on_current=self._walk,
                on_sort=self._on_sort,
                on_cancel=self._on_cancel,
                on_columns=self._keep_columns,
            ),
            columns_kept=self._all_kept().get(self._signature()),
            paged=True,
            density=self._context.density,
            label=self._label,
        )
        self.table.control.key = f"grid-{next(_numbers)}"
        self._inner.content = self.table.control
        self._fit()
        return [self._inner]

    @property
    def left_out(self) -> str:
        """What to say where there are more columns than are shown; empty where all are."""
        count = len(self._columns)
        return f"{MAX_COLUMNS} of {count:,} columns; a row opened has all" if count > MAX_COLUMNS else ""

    def show_rows(self, rows: Sequence[GridRow], *, fresh: bool) -> None:
        """Show a page."""
        if self.table is not None:
            self.table.show_page([(row.key, row) for row in rows], fresh=fresh)

    def _column(self, at: int, column: GridColumn) -> Column[GridRow]:
        words = self._context.format

        def cell(row: GridRow) -> TextCell:
            value = row.values[at] if at < len(row.values) else None
            return present_value(value, words, changed=at in row.changed, times=column.times)

        return Column(
            # Names of a result need not differ; the place does.
            key=column.name if column.sortable else f"{at}:{column.name}",
            label=column.name,
            cell=cell,
            min_width=column.width,
            flex=column.width,
            numeric=column.numeric,
            sortable=column.sortable,
            tooltip=column.tooltip,
        )

    def _signature(self) -> str:
        """Return what a table or an answer is known by: the names of its columns."""
        return "|".join(column.name for column in self._columns)

    def _all_kept(self) -> dict[str, object]:
        kept = self._context.prefs.get(_KEPT)
        return {str(name): value for name, value in kept.items()} if isinstance(kept, dict) else {}

    def _keep_columns(self, chosen: dict[str, object]) -> None:
        kept = self._all_kept()
        kept.pop(self._signature(), None)
        kept[self._signature()] = chosen
        self._context.prefs.put(_KEPT, dict(list(kept.items())[-_MAX_KEPT:]))

    def _actions(self, row: GridRow) -> Sequence[RowAction]:
        copy = RowAction("Copy row as JSON", ft.Icons.CONTENT_COPY, lambda: self._copy(row))
        if self._on_open is None:
            return (copy,)
        return (RowAction("Show row", ft.Icons.VERTICAL_SPLIT_OUTLINED, lambda: self._open(row.key)), copy)

    async def _copy(self, row: GridRow) -> None:
        names = [column.name for column in self._columns]
        text, cut = await row_as_json(names, row, self._ask_of(row) if self._ask_of else None, self._streams)
        if self._clipboard is None:
            self._clipboard = ft.Clipboard()
        await self._clipboard.set(text)
        detail = f"{counted(cut, 'long value')} not in full." if cut else ""
        self._context.messages.done("The row has been copied as JSON.", detail=detail)

    def _open(self, key: Key) -> None:
        row = self.table.get(key) if self.table is not None else None
        if row is not None and self._on_open is not None and self.table is not None:
            self.table.set_current(key)
            self._on_open(row)

    def _walk(self, key: Key) -> None:
        self._open(key)

    def _on_size(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        self._room = event.width
        before = (self._inner.width, self._inner.padding)
        self._fit()
        if (self._inner.width, self._inner.padding) != before:
            self._inner.update()

    def _fit(self) -> None:
        needed = _MARGIN + sum(column.width + _GAP for column in self._columns[:MAX_COLUMNS])
        self._inner.width = max(needed, self._room)
        # The bar that scrolls sideways would lie over the last row.
        self._inner.padding = ft.Padding.only(bottom=_BAR) if needed > self._room else None
