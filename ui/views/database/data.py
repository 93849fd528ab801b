"""The Data tab: a table page by page, following what others write to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft
import msgspec
import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.subject import BehaviorSubject

from streams.model.database import ColumnFilter, Direction, Edge, Key, PageQuery, TableInfo, TablePage
from streams.model.snapshot import Snapshot
from streams.sources.registry import DatabaseStreams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import counted
from ui.base.keymap import RowNavigator
from ui.base.theme import GAP, QUIET_INK, SIZE_BODY, Tone, small_text
from ui.components.asking import Asking
from ui.components.data_table.pager import Pager, Turn
from ui.components.data_table.table_surface import nothing_found, table_box, table_surface
from ui.components.loading_states import Empty
from ui.components.toolbar import toolbar
from ui.views.database.copy_rows import Ask
from ui.views.database.count import RowCount
from ui.views.database.filter import RowFilter
from ui.views.database.grid import Grid, columns_of
from ui.views.database.present import GridRow, mark_changes, present_place
from ui.views.database.row import RowPanel, ask_cell

MARK_S: Final = 6.0
"""How long what has changed is marked."""


@dataclass(frozen=True, slots=True)
class _Asked:
    query: PageQuery
    page: TablePage


class DataTab(BoundView):
    """Rows of the chosen table; sorting, filtering and turning pages is done by the database."""

    def __init__(self, *, streams: DatabaseStreams, context: UiContext) -> None:
        self._streams = streams
        self._table: TableInfo | None = None
        self._query: PageQuery | None = None
        self._fresh_for: PageQuery | None = None
        self._page: TablePage | None = None
        self._shown_query: PageQuery | None = None
        self._number: int | None = 0
        self._marks: dict[Key, frozenset[int]] = {}
        self._new_table = False
        """The next page is the first of its table: the widths of the columns follow it."""
        self._filter = RowFilter(self._on_filter)
        self._grid = Grid(
            context,
            label="Rows",
            streams=streams,
            ask_of=self._ask_of,
            on_open=self._on_open,
            on_sort=self._on_sort,
            on_cancel=self._on_close,
        )
        self._asking = Asking(
            self._grid.control, context=context, key="rows.asking", word="Reading", on_stop=self._on_stop
        )
        self._box = table_box(self._asking, Empty("This table has no rows.", ft.Icons.TABLE_ROWS_OUTLINED))
        self._box.on_failure = self._asking.end
        self._pager = Pager(self._on_turn)
        self._panel = RowPanel(streams=streams, context=context, on_close=self._on_close)
        self._count = RowCount(streams, self._on_count)
        self._masked = small_text()
        self._secret = ft.Row(
            [ft.Icon(ft.Icons.LOCK_OUTLINE, size=16, color=QUIET_INK), self._masked], spacing=6, visible=False
        )
        self._live = ft.Text("", size=SIZE_BODY, color=Tone.BUSY.color, no_wrap=True)
        self._bar = toolbar(
            [self._filter.control, self._live, self._secret], [self._box.note, *self._count.controls]
        )
        self._main = ft.Row(
            [table_surface([self._box, self._pager.control]), self._panel],
            expand=True,
            spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        super().__init__(
            context=context,
            key="database.data",
            content=ft.Column([self._bar, self._main], spacing=GAP, expand=True),
            expand=True,
        )
        self.adopt(self._panel)
        self.adopt(self._asking)
        self._queries: BehaviorSubject[PageQuery | None] = BehaviorSubject(None)
        self.bind_snapshot(self._pages(), self._box, self._show_page, is_empty=self._is_empty)

    @property
    def row_navigator(self) -> RowNavigator | None:
        """The rows."""
        return self._grid.table

    # -- what is shown

    def open(self, table: TableInfo) -> None:
        """Show a table; the one that is shown already keeps its page and learns new counts."""
        before, self._table = self._table, table
        if before is not None and before.name == table.name and before.columns == table.columns:
            self._show_counts()
            self._show_count()
            return
        self._number, self._page, self._marks = 0, None, {}
        self._on_close()
        self.touch(*self._filter.open(table))
        self._new_table = True
        self._secret.visible = bool(table.masked)
        self._masked.value = f"Secret, read as NULL: {', '.join(table.masked)}"
        self._query = None
        self._show_counts()
        self._ask(PageQuery(table=table.name))

    def _pages(self) -> Observable[Snapshot[_Asked]]:
        def ask(query: PageQuery) -> Observable[Snapshot[_Asked]]:
            def tag(snapshot: Snapshot[TablePage]) -> Snapshot[_Asked]:
                value = None if snapshot.value is None else _Asked(query, snapshot.value)
                return Snapshot(value, snapshot.health, snapshot.at, snapshot.cadence_s, snapshot.failure)

            return self._streams.page(query).pipe(ops.map(tag))

        return self._queries.pipe(
            ops.map(lambda query: rx.never() if query is None else ask(query)),
            ops.switch_latest(),
            # While another page is on its way the former stays, but never under the name of another table.
            ops.filter(
                lambda snapshot: self._new_table or snapshot.value is not None or snapshot.failure is not None
            ),
        )

    def _ask(self, query: PageQuery) -> None:
        self._query = self._fresh_for = query
        self._queries.on_next(query)
        self._asking.begin()

    def _on_stop(self) -> None:
        self._queries.on_next(None)
        self._asking.stopped(self._ask_again)

    def _ask_again(self) -> None:
        if self._query is not None:
            self._ask(self._query)

    def _is_empty(self, asked: _Asked) -> bool:
        query = asked.query
        return not asked.page.rows and query.filter is None and query.direction is Direction.FIRST

    def _show_page(self, asked: _Asked) -> None:
        if asked.query is not self._query:
            return
        self._asking.end()
        fresh, self._fresh_for = self._fresh_for is asked.query, None
        before = self._page if not fresh and self._shown_query is asked.query else None
        self._page, self._shown_query = asked.page, asked.query
        if not asked.page.has_before:
            self._number = 0
        if self._new_table and self._table is not None:
            self._new_table = False
            columns = columns_of(self._table, asked.page, self.context.format)
            self.touch(*self._grid.show_columns(columns, new=True))
        self._marks = mark_changes(asked.page, before)
        self._show_rows(fresh=fresh)
        self._show_live()
        if self._marks:
            self.context.scheduler.schedule_relative(MARK_S, self._unmark(asked.page))
        self._show_ways(asked.page)

    def _show_rows(self, *, fresh: bool) -> None:
        page = self._page
        if page is None:
            return
        rows = [
            GridRow(key, row, self._marks.get(key, frozenset()))
            for key, row in zip(page.keys, page.rows, strict=True)
        ]
        self._grid.show_rows(rows, fresh=fresh)
        table = self._grid.table
        if table is not None:
            table.show_overlay(
                None if rows else nothing_found("No row matches this filter.", self._clear_button())
            )
        open_row = self._panel.row
        if open_row is not None and self._table is not None:
            again = next((row for row in rows if row.key == open_row.key), None)
            if again is not None:
                self._panel.open(self._table, again)

    def _clear_button(self) -> ft.Control:
        return ft.TextButton("Clear filter", on_click=lambda _event: self._on_clear())

    def _unmark(self, page: TablePage) -> Callable[..., None]:
        def unmark(_scheduler: object, _state: object = None) -> None:
            if self._page is page and self._marks:
                self._marks = {}
                self._show_rows(fresh=False)
                self._show_live()

        return unmark

    def _show_live(self) -> None:
        count = len(self._marks)
        self._live.value = f"{counted(count, 'row')} just changed" if count else ""
        self.touch(self._live)

    def _show_ways(self, page: TablePage) -> None:
        ways = {
            turn
            for turn, open_ in (
                (Turn.FIRST, page.has_before),
                (Turn.PREVIOUS, page.has_before),
                (Turn.NEXT, page.has_after),
                (Turn.LAST, page.has_after),
            )
            if open_
        }
        limit = self._query.limit if self._query else len(page.rows)
        parts = (
            present_place(page, self._number, self._table, limit, self._count.exact),
            self._grid.left_out,
        )
        self.touch(*self._pager.show("  ·  ".join(part for part in parts if part), ways))

    def _show_counts(self) -> None:
        if self._table is not None:
            self._count.open(self._table, self._query.filter if self._query else None)
            self.touch(self._bar)

    # -- asking

    def _on_sort(self, column: str, descending: bool) -> None:
        if self._query is not None:
            self._number = 0
            self._ask(
                PageQuery(
                    table=self._query.table, sort=column, descending=descending, filter=self._query.filter
                )
            )

    def _on_filter(self, wanted: ColumnFilter | None) -> None:
        if self._query is not None:
            self._number = 0
            self._ask(
                PageQuery(
                    table=self._query.table,
                    sort=self._query.sort,
                    descending=self._query.descending,
                    filter=wanted,
                )
            )
            self._show_counts()

    def _on_clear(self) -> None:
        self.touch(*self._filter.clear())
        self._on_filter(None)

    def _on_turn(self, turn: Turn) -> None:
        page, query = self._page, self._query
        if page is None or query is None:
            return
        number = self._number
        direction, edge = Direction.FIRST, None
        if turn is Turn.FIRST:
            self._number = 0
        elif turn is Turn.LAST:
            self._number, direction = None, Direction.LAST
        elif turn is Turn.NEXT:
            self._number = None if number is None else number + 1
            direction, edge = Direction.AFTER, page.last
        else:
            self._number = None if number is None else max(0, number - 1)
            direction, edge = Direction.BEFORE, page.first
        self._ask(_turned(query, direction, edge))

    def _on_count(self) -> None:
        if self._table is not None:
            self.act(f"Count {self._table.name}", self._count.count(self._show_count))

    def _show_count(self) -> None:
        self.touch(self._bar)
        if self._page is not None:
            self._show_ways(self._page)

    # -- the panel

    def _on_open(self, row: GridRow) -> None:
        if self._table is None:
            return
        if not self._panel.visible:
            self._panel.set_visible(True)
            self.touch(self._main)
        self._panel.open(self._table, row)

    def _ask_of(self, row: GridRow) -> Ask | None:
        return None if self._table is None else ask_cell(self._table, row)

    def _on_close(self) -> bool:
        if not self._panel.visible:
            return False
        self._panel.close()
        self._panel.set_visible(False)
        if self._grid.table is not None:
            self._grid.table.set_current(None)
        self.touch(self._main)
        return True

    def search(self) -> None:
        """Put the keyboard into the filter."""
        self.act("Find", self._filter.focus())


def _turned(query: PageQuery, direction: Direction, edge: Edge | None) -> PageQuery:
    return msgspec.structs.replace(query, direction=direction, edge=edge)
