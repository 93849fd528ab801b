"""A table of keyed records: a pool of row controls, re-bound to the data as it scrolls and changes.

There is never a control for each record: a thousand clients cost as many controls as fit on the screen,
and a changed value costs one small message for its cell.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

import flet as ft

from ui.base.theme import Density
from ui.components.data_table.columns import Column, RowAction
from ui.components.data_table.keys import Act, Keys, Move, act_of, move_of
from ui.components.data_table.layout import kept_choice
from ui.components.data_table.menu import RowMenu
from ui.components.data_table.row import RowHand
from ui.components.data_table.view import K, R, TableView

FRAME_S = 1 / 30
"""Turns of the wheel within this time are drawn together."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableEvents(Generic[K]):
    """What a table tells its view."""

    on_open: Callable[[K], None] | None = None
    """A row was clicked, or Enter was pressed on it."""
    on_current: Callable[[K], None] | None = None
    """The keys walked to another row."""
    on_selection: Callable[[frozenset[K]], None] | None = None
    on_sort: Callable[[str, bool], None] | None = None
    """Column key and whether it descends; the table has sorted already unless it shows pages."""
    on_cancel: Callable[[], bool] | None = None
    """Escape; returns whether there was something to close, else the selection is cleared."""
    on_columns: Callable[[dict[str, object]], None] | None = None
    """The user chose or resized columns; what is given brings that back as ``columns_kept``."""


class DataTable(TableView[K, R]):
    """Sortable, selectable, live table; ``control`` goes into the page.

    ``paged`` leaves sorting and filtering to whoever calls ``show_page``; else the table does both in memory.
    """

    def __init__(
        self,
        columns: Sequence[Column[R]],
        *,
        name: Callable[[R], str],
        actions: Callable[[R], Sequence[RowAction]] | None = None,
        events: TableEvents[K] | None = None,
        sort: str | None = None,
        descending: bool = False,
        paged: bool = False,
        density: Density = Density.STANDARD,
        label: str = "Table",
        columns_kept: object = None,
    ) -> None:
        events = events or TableEvents()
        super().__init__(
            columns,
            name=name,
            sort=sort,
            descending=descending,
            paged=paged,
            density=density,
            hand=RowHand(self._on_click, self._on_check, self._on_menu if actions is not None else None),
            on_sort=self._on_sort,
            on_check_all=self._on_check_all,
            choice=kept_choice(columns_kept),
            on_columns=events.on_columns,
        )
        self._actions = actions
        self._events = events
        self._keys = Keys()
        self._left: K | None = None
        """The row that was let go of: the keys go on from there."""
        self._menu = RowMenu(self._body.control)
        # Behind the rows, not around them: a key that presses a button of a row or of the head is not for it.
        self._listener = ft.KeyboardListener(ft.Container(expand=True), on_key_down=self._on_key)
        # Around them: a click lends the keyboard to a row, and a modifier may be let go of just then.
        self._around = ft.KeyboardListener(
            ft.Stack([self._listener, self._assemble()], fit=ft.StackFit.EXPAND),
            on_key_down=lambda event: self._keys.down(event.key),
            on_key_repeat=self._on_repeat,
            on_key_up=lambda event: self._keys.up(event.key),
        )
        rows = ft.Container(self._around, expand=True)
        self.control.content = ft.Semantics(
            label=f"{label}, table", container=True, content=ft.Column([self._head.control, rows], spacing=0)
        )

    def _assemble(self) -> ft.Control:
        pointer = ft.GestureDetector(
            content=self._menu.control,
            expand=True,
            on_scroll=self._on_wheel,
            on_enter=self._on_enter,
            on_exit=self._on_exit,
            on_hover=self._on_enter,
            hover_interval=2000,
            on_secondary_tap_down=self._on_secondary,
        )
        return ft.Row(
            [pointer, self._body.scrollbar.control],
            spacing=0,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            size_change_interval=0,  # else the last of several changes is lost
            on_size_change=self._on_size,
        )

    async def focus(self) -> None:
        """Take the keyboard, so that arrow keys walk the rows."""
        try:
            await self._listener.focus()
        except (RuntimeError, TimeoutError) as error:
            _log.debug("the table could not take the keyboard: %s", error)

    # -- selection

    def clear_selection(self) -> None:
        """Select nothing."""
        self.selection.clear()
        self._selection_changed()

    def deselect(self, keys: Iterable[K]) -> None:
        """Select these rows no longer, because they are about to go."""
        if self.selection.drop(keys):
            self._selection_changed()

    def _selection_changed(self) -> None:
        self.refresh()
        self._tell_selection()

    def _tell_selection(self) -> None:
        if self._events.on_selection is not None:
            self._events.on_selection(frozenset(self.selection.keys))

    def _on_check_all(self) -> None:
        if self.selection.covers(self._order.order) is True:
            self.selection.drop(list(self._order.order))
        else:
            self.selection.select_all(self._order.order)
        self._selection_changed()

    async def _on_check(self, slot: int) -> None:
        key = self._key_at(slot)
        if key is None:
            return
        self._check(key, extend=self._keys.shift)
        self._body.rows[slot].forget_marks()
        self._selection_changed()
        await self.focus()

    def _check(self, key: K, *, extend: bool) -> None:
        if extend:
            self.selection.extend(self._order.order, key)
        else:
            self.selection.toggle(key)

    # -- pointer

    def _key_at(self, slot: int) -> K | None:
        place = self._window.offset + slot
        return self._order.order[place] if 0 <= place < len(self._order) else None

    async def _on_click(self, slot: int) -> None:
        key = self._key_at(slot)
        if key is None:
            return
        if self._keys.shift or self._keys.control:
            self._check(key, extend=self._keys.shift)
            self._selection_changed()
        else:
            self.selection.anchor = key
            self.set_current(key)
            if self._events.on_open is not None:
                self._events.on_open(key)
        await self.focus()

    async def _on_menu(self, slot: int) -> None:
        await self._open_menu(slot, self._body.place_of(slot))

    async def _on_secondary(self, event: ft.TapEvent[ft.GestureDetector]) -> None:
        if event.local_position is not None:
            await self._open_menu(self._body.slot_at(event.local_position), event.local_position)

    async def open_menu(self) -> None:
        """Open the menu of the current row; nothing where there is none, or it is not on the screen."""
        slot = self._slots.get(self.current) if self.current is not None else None
        if slot is not None:
            await self.focus()  # to which the keyboard comes back from the menu
            await self._on_menu(slot)

    async def _open_menu(self, slot: int, at: ft.Offset) -> None:
        key = self._key_at(slot)
        record = self._order.rows.get(key) if key is not None else None
        if record is None or self._actions is None or key not in self._slots:
            return
        await self._menu.open(self._actions(record), at)

    def _on_wheel(self, event: ft.ScrollEvent[ft.GestureDetector]) -> None:
        if self._window.scroll(event.scroll_delta.y, self._body.row_height):
            self._reorder_delay.once("scroll", FRAME_S, self.refresh)

    def _on_enter(self) -> None:
        self._reorder_delay.hold()

    def _on_exit(self) -> None:
        self._reorder_delay.let_go()
        if self._waiting_page is not None:
            self.show_page(self._waiting_page, fresh=False)
        elif self._order.unsettled:
            self._reorder_delay.settle_later(anew=True)

    # -- keyboard

    def take_key(self, event: ft.KeyboardEvent) -> bool:
        """Walk the rows, select all with Ctrl+A, go a step back with Escape; whatever has the keyboard."""
        self._keys.shift, self._keys.control = event.shift, event.ctrl or event.meta
        move = move_of(event.key)
        if event.key == "Escape":
            return self._step_back()
        if self._keys.control and event.key.upper() == "A":
            self.selection.select_all(self._order.order)
            self._selection_changed()
        elif move is not None:
            self._walk(move)
        else:
            return False
        return True

    def _step_back(self) -> bool:
        """Close what belongs to the current row, or else clear the selection."""
        self._left = self.current
        if self._events.on_cancel is not None and self._events.on_cancel():
            return True
        chosen = bool(len(self.selection))
        if chosen:
            self.clear_selection()
        return chosen

    def _on_key(self, event: ft.KeyDownEvent) -> None:
        """Take a key that was pressed while nothing but the table had the keyboard."""
        what = act_of(event.key)
        if what is Act.OPEN and self.current is not None and self._events.on_open is not None:
            self._events.on_open(self.current)
        elif what is Act.TOGGLE and self.current is not None:
            self.selection.toggle(self.current)
            self._selection_changed()

    def _on_repeat(self, event: ft.KeyRepeatEvent) -> None:
        """Walk on while a key is held, which the frame is not told."""
        move = move_of(event.key)
        if move is not None:
            self._walk(move)

    def _on_sort(self, key: str) -> None:
        self.sort_by(key, not self.descending if key == self.sort else False)
        if self._events.on_sort is not None:
            self._events.on_sort(key, self.descending)

    def _place(self, key: K | None) -> int | None:
        return self._order.index_of(key) if key is not None else None

    def _walk(self, move: Move) -> None:
        if not len(self._order):
            return
        at = self._place(self.current)
        lane = self._body.per_lane if self._body.lanes > 1 else 0
        first = self._place(self._left) if at is None else None
        index = move.target(
            at,
            self._window.visible,
            len(self._order),
            lane,
            self._window.offset if first is None else first,
        )
        key = self._order.order[index]
        if self._keys.shift:
            if self.selection.anchor is None:
                self.selection.anchor = self.current
            self.selection.extend(self._order.order, key)
            self._tell_selection()
        self.current = key
        self._window.reveal(index)
        self.refresh()
        if self._events.on_current is not None:
            self._events.on_current(key)
