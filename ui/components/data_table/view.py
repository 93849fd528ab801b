"""The showing half of a table: keyed records in their order, bound to the rows on the screen."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import flet as ft

from ui.base.theme import Density
from ui.components.data_table.body import TableBody
from ui.components.data_table.column_arrangement import Arranging
from ui.components.data_table.columns import Column
from ui.components.data_table.head import HEAD_HEIGHT, TableHeads
from ui.components.data_table.layout import ColumnChoice
from ui.components.data_table.order import KeyedOrder, SortKey
from ui.components.data_table.reorder_delay import ReorderDelay
from ui.components.data_table.root import TableRoot
from ui.components.data_table.row import RowHand
from ui.components.data_table.selection import Selection
from ui.components.data_table.viewport import Window

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class TableView(Generic[K, R]):
    """Takes records, keeps them in order and binds those in the window to the pool of rows.

    What the user does with it is the business of ``DataTable``.
    """

    def __init__(
        self,
        columns: Sequence[Column[R]],
        *,
        name: Callable[[R], str],
        sort: str | None,
        descending: bool,
        paged: bool,
        density: Density,
        hand: RowHand,
        on_sort: Callable[[str], None],
        on_check_all: Callable[[], None],
        choice: ColumnChoice,
        on_columns: Callable[[dict[str, object]], None] | None,
    ) -> None:
        self._columns = {column.key: column for column in columns}
        self._name, self._paged = name, paged
        self.sort, self.descending = sort, descending
        self.selection: Selection[K] = Selection()
        self.current: K | None = None
        self._order: KeyedOrder[K, R] = KeyedOrder(tie=None if paged else columns[0].sort_key)
        self._window = Window()
        self._slots: dict[K, int] = {}
        self._reorder_delay = ReorderDelay(self._settle)
        self._waiting_page: list[tuple[K, R]] | None = None
        self._screens: int | None = None
        self._arranging = Arranging(columns, choice, redraw=self._rearrange, tell=on_columns)
        self._head = TableHeads(
            columns,
            on_sort=on_sort,
            on_check=on_check_all,
            edges=self._arranging.edges,
            chooser=self._arranging.chooser.control,
            menu=hand.on_menu is not None,
        )
        self._head.show_sort(sort, descending)
        self._head.show_layout(self._arranging.layout)
        self._body = TableBody(
            columns,
            self._arranging,
            self._head,
            self._window,
            density=density,
            hand=hand,
            on_move=self._go,
        )
        self.control = TableRoot(expand=True)
        self.control.on_unmount = self._reorder_delay.end
        if not paged:
            self._order.sort_by(self._sort_key(), descending)

    # -- data

    def apply(self, changed: Mapping[K, R], removed: Iterable[K] = (), *, full: bool = False) -> None:
        """Take a keyed change; only the cells that show something new are sent."""
        removed = list(self._order.rows.keys() - changed.keys() if full else removed)
        before = len(self._order.rows)
        shape = self._order.apply(changed, removed)
        # One live row may come before all the others: what is mostly new has no order that must hold still.
        first = not before or len(self._order.rows) > 2 * before
        if self.selection.drop(removed):
            self._tell_selection()
        if first:
            self._order.settle()
        elif self._order.unsettled:
            self._reorder_delay.settle_later()
        if first or shape:
            self.refresh()
            return
        slots = self._slots
        keys = [key for key in slots if key in changed] if len(changed) > len(slots) else changed
        leaves: list[ft.Control] = []
        for key in keys:
            slot = slots.get(key)
            if slot is not None:
                leaves += self._bind(slot, key)
        self._push(leaves)

    def show_page(self, rows: Sequence[tuple[K, R]], *, fresh: bool) -> None:
        """Show one page in the order given.

        A page that the user asked for (``fresh``) is shown at once; one that came by itself and would move
        rows waits until the pointer has left the table.
        """
        if not fresh and self._reorder_delay.held and [key for key, _ in rows] != self._order.order:
            self._waiting_page = list(rows)
            here = {key: row for key, row in rows if self._order.index_of(key) is not None}
            self._order.apply(here, self._missing(here))
        else:
            self._waiting_page = None
            self._order.replace(rows)
            if fresh:
                self._window.offset = 0
        self.refresh()

    def _missing(self, here: Mapping[K, R]) -> list[K]:
        """Return the rows that went from between those still here; others have moved to another page."""
        places = [place for place, key in enumerate(self._order.order) if key in here]
        if not places:
            return []
        return [key for key in self._order.order[places[0] : places[-1]] if key not in here]

    def filter_by(self, keep: Callable[[R], bool] | None) -> None:
        """Show only the records that ``keep`` accepts, from the top."""
        self._order.filter_by(keep)
        self._window.offset = 0
        self.refresh()

    def get(self, key: K) -> R | None:
        """Return the record of a key."""
        return self._order.rows.get(key)

    def keys(self) -> Sequence[K]:
        """Return the keys shown, in their order."""
        return self._order.order

    def values(self) -> Iterable[R]:
        """Return all records, also those the filter hides."""
        return self._order.rows.values()

    def __len__(self) -> int:
        return len(self._order)

    # -- drawing

    def refresh(self) -> None:
        """Bind all visible rows anew: after scrolling, sorting, or when time has changed what they say."""
        order = self._order
        self._body.hold(len(order.rows), self._screens)
        self._window.resize(len(order), self._window.visible)
        offset = self._window.offset
        keys = order.order[offset : offset + self._window.visible]
        self._slots = {key: slot for slot, key in enumerate(keys)}
        leaves: list[ft.Control] = []
        for slot, row in enumerate(self._body.rows[: self._window.visible]):
            here = slot < len(keys)
            if row.control.visible != here:
                row.control.visible = here
                leaves.append(row.control)
            if here:
                leaves += self._bind(slot, keys[slot])
        leaves += self._body.place_scrollbar()
        leaves += self._head.set_checked(self.selection.covers(order.order))
        self._push(leaves)

    def _bind(self, slot: int, key: K) -> list[ft.Control]:
        row, record = self._body.rows[slot], self._order.rows.get(key)
        gone = record is None
        leaves = [] if record is None else row.show(record, self._body.columns_shown, self._name(record))
        if row.mark(selected=key in self.selection, current=key == self.current, gone=gone):
            leaves.append(row.control)
        return leaves

    def _push(self, leaves: Sequence[ft.Control]) -> None:
        if not self.control.mounted or not (leaves or self._body.reshaped):
            return
        if self._body.reshaped:
            self._redraw()
            return
        for leaf in leaves:
            leaf.update()

    def _redraw(self) -> None:
        self._body.reshaped = False
        self.control.update()

    def show_overlay(self, content: ft.Control | None) -> None:
        """Lay something over the rows, such as why none is there, or take it away; the size stays."""
        overlay = self._body.overlay
        if content is None and not overlay.visible:
            return
        overlay.visible, overlay.content = content is not None, content
        self._push([self._body.control])

    def set_screens(self, screens: int | None) -> None:
        """Stand rows side by side, as far as there is room, until all fit on so many screens; None: never."""
        self._screens = screens
        self.refresh()

    def set_density(self, density: Density) -> None:
        """Take another row height."""
        self._body.set_density(density)
        self.refresh()

    def _on_size(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        self._body.measured = True
        if self._body.resize(event.width, event.height):
            self.refresh()
        else:
            self._push(self._body.place_scrollbar())

    def guess(self, width: float, height: float) -> None:
        """Take the size that the table will probably have, so that its first picture is whole."""
        if not self._body.measured and self._body.resize(width, height - HEAD_HEIGHT):
            self.refresh()

    def expect(self, wider: float) -> None:
        """Fit the columns to a width that is about to change, before the client reports it."""
        if self._body.width and self._body.fit(self._body.width + wider):
            self.refresh()

    def _rearrange(self) -> None:
        self._body.fit_columns()
        self._body.reshaped = True  # what the chooser says may be new though the columns stand as before
        self.refresh()

    def _go(self, offset: int) -> None:
        if self._window.go(offset):
            self.refresh()

    # -- order

    def _sort_key(self) -> SortKey | None:
        column = self._columns.get(self.sort or "")
        return column.sort_key if column is not None else None

    def sort_by(self, key: str, descending: bool) -> None:
        """Sort by a column, as a click on its label does; a paged table only shows the arrow."""
        self.sort, self.descending = key, descending
        self._head.show_sort(key, descending)
        self._push([self._head.control])
        if not self._paged:
            self._order.sort_by(self._sort_key(), descending)
            self._window.offset = 0
            self.refresh()

    def _settle(self) -> None:
        if self._paged:
            return
        shown = self.current is not None and self.current in self._slots
        if self._order.settle() and shown:
            self._reveal_current()
        self.refresh()

    def _reveal_current(self) -> None:
        index = self._order.index_of(self.current) if self.current is not None else None
        self._window.resize(len(self._order), self._window.visible)
        if index is not None:
            self._window.reveal(index)

    def set_current(self, key: K | None, *, reveal: bool = False) -> None:
        """Mark a row as the one whose details are open; ``reveal`` scrolls to it."""
        self.current = key
        if reveal:
            self._reveal_current()
        self.refresh()

    def _tell_selection(self) -> None:
        """Say that the selection changed; nobody listens here."""
