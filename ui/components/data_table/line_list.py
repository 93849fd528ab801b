"""A long list of lines in a pool of rows: as many controls as fit, re-bound as it scrolls or grows.

Unlike a table it has no head, no selection and no order of its own: whoever holds the lines keeps them.
"""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import flet as ft

from ui.base.theme import CARD
from ui.components.data_table.keys import Move, move_of
from ui.components.data_table.root import TableRoot
from ui.components.data_table.scrollbar import WIDTH as SCROLLBAR_WIDTH
from ui.components.data_table.scrollbar import Scrollbar
from ui.components.data_table.viewport import Window

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

FIRST_ROWS = 12
"""Rows in the pool before the client has told how much room there is."""
MANY = 24
"""From this many changed leaves on, one message for all rows is cheaper: what lines say are lists of spans,
each of which is a message of its own."""

_log = logging.getLogger(__name__)


class LineRow(Protocol[T_contra]):
    """A row of the pool."""

    control: ft.Container

    def show(self, line: T_contra) -> list[ft.Control]:
        """Bind to a line; return the leaves that changed."""
        ...

    def mark(self, *, current: bool) -> bool:
        """Draw whether it is the current one; return whether anything changed."""
        ...

    def fit(self, width: float) -> None:
        """Take the width there is; what is bound next fits into it."""
        ...


class LineList(Generic[T]):
    """Shows a part of ``lines``; ``on_scroll`` hears when the user moved it, ``on_cancel`` closes what
    belongs to the current line and says whether there was anything.

    ``make_row`` gets the place of a row on the screen, and what is to be called when it is clicked.
    """

    def __init__(
        self,
        make_row: Callable[[int, Callable[[Any], None]], LineRow[T]],
        *,
        row_height: float,
        on_scroll: Callable[[], None],
        on_open: Callable[[int], None],
        on_cancel: Callable[[], bool],
        label: str,
    ) -> None:
        self._make_row, self._row_height, self._least_height = make_row, row_height, row_height
        self._on_scroll, self._on_open, self._on_cancel = on_scroll, on_open, on_cancel
        self.lines: Sequence[T] = ()
        self.current: T | None = None
        self.window = Window()
        self._height, self._width = 0.0, math.inf
        self.rows: list[LineRow[T]] = []
        self._column = ft.Column([], spacing=0)
        self._scrollbar = Scrollbar(self.window, self._go)
        self.overlay = ft.Container(bgcolor=CARD, visible=False, left=0, top=0, right=0, bottom=0)
        self._body = ft.Stack(
            [self._column, self.overlay], expand=True, clip_behavior=ft.ClipBehavior.HARD_EDGE
        )
        self._all_later = False
        self._grow(FIRST_ROWS)
        pointer = ft.GestureDetector(content=self._body, expand=True, on_scroll=self._on_wheel)
        sized = ft.Row(
            [pointer, self._scrollbar.control],
            expand=True,
            spacing=0,
            vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            size_change_interval=0,  # else the last of several changes is lost
            on_size_change=lambda event: self.resize(event.height, event.width),
        )
        self._listener = ft.KeyboardListener(
            content=ft.Semantics(label=label, container=True, content=sized),
            on_key_repeat=lambda event: self._walk(event.key),
        )
        self.control = TableRoot(content=self._listener, expand=True)

    @property
    def at_end(self) -> bool:
        """Whether the last line is on the screen."""
        return self.window.offset >= self.window.last_offset

    @property
    def near_start(self) -> bool:
        """Whether the first line is on the screen or one page away."""
        return self.window.offset <= self.window.visible

    def show(self, *, offset: int | None = None) -> None:
        """Bind the rows to the lines from ``offset`` on, or from the last one that fits for None."""
        self.window.resize(len(self.lines), self.window.visible)
        self.window.go(self.window.last_offset if offset is None else offset)
        self._bind()

    def show_overlay(self, content: ft.Control | None) -> None:
        """Lay something over the rows, or take it away."""
        if content is None and not self.overlay.visible:
            return
        self.overlay.visible, self.overlay.content = content is not None, content
        self._push([self._body])

    def set_current(self, line: T | None) -> None:
        """Mark a line."""
        self.current = line
        self._bind()

    def resize(self, height: float, width: float = math.inf) -> None:
        """Take the room there is."""
        follow = self.at_end
        self._height, self._width = height, width - SCROLLBAR_WIDTH
        for row in self.rows:
            row.fit(self._width)
        visible = max(1, int(height // self._least_height))
        self._fit(height / visible if height > 0 else self._row_height)
        self._grow(visible)
        self.show(offset=None if follow else self.window.offset)

    async def focus(self) -> None:
        """Take the keyboard, so that arrow keys walk the lines."""
        try:
            await self._listener.focus()
        except (RuntimeError, TimeoutError) as error:
            _log.debug("the lines could not take the keyboard: %s", error)

    def _fit(self, row_height: float) -> None:
        """Make rows a little higher, so that they fill the room and the last line stands at its foot."""
        fitted = round(max(self._least_height, row_height), 2)
        if fitted != self._row_height:
            self._row_height = fitted
            for row in self.rows:
                row.control.height = fitted
            self._all_later = True

    def _grow(self, visible: int) -> None:
        while len(self.rows) < visible:
            row = self._make_row(len(self.rows), self._opener(len(self.rows)))
            row.control.height = self._row_height
            row.control.visible = False
            row.fit(self._width)
            self.rows.append(row)
            self._column.controls.append(row.control)
            self._all_later = True
        self.window.resize(len(self.lines), visible)

    def _bind(self) -> None:
        window, lines = self.window, self.lines
        leaves: list[ft.Control] = []
        for slot, row in enumerate(self.rows):
            index = window.offset + slot
            here = slot < window.visible and index < len(lines)
            if row.control.visible != here:
                row.control.visible = here
                leaves.append(row.control)
            if here:
                line = lines[index]
                leaves += row.show(line)
                if row.mark(current=line is self.current):
                    leaves.append(row.control)
        if self._scrollbar.place(self._height):
            leaves.append(self._scrollbar.leaf)
        self._push(leaves)

    def _push(self, leaves: list[ft.Control]) -> None:
        if not self.control.mounted:
            self._all_later = self._all_later or bool(leaves)
        elif len(leaves) > MANY or (self._all_later and leaves):
            self._all_later = False
            self.control.update()
        else:
            for leaf in leaves:
                leaf.update()

    def _go(self, offset: int) -> None:
        if self.window.go(offset):
            self._bind()
            self._on_scroll()

    def _on_wheel(self, event: ft.ScrollEvent[ft.GestureDetector]) -> None:
        if self.window.scroll(event.scroll_delta.y, self._row_height):
            self._bind()
            self._on_scroll()
        elif event.scroll_delta.y < 0:
            self._on_scroll()  # at the start already: there may be more

    def take_key(self, event: ft.KeyboardEvent) -> bool:
        """Walk the lines, and close with Escape what belongs to the current one."""
        return self._on_cancel() if event.key == "Escape" else self._walk(event.key)

    def _walk(self, key: str) -> bool:
        """Make another line the current one; return whether this is a key for that."""
        move, window = move_of(key), self.window
        if move is None or move in (Move.LEFT, Move.RIGHT):
            return False
        if self.lines:
            at = next((i for i in range(len(self.lines)) if self.lines[i] is self.current), None)
            up = move in (Move.UP, Move.PAGE_UP)
            first = min(window.offset + window.visible, len(self.lines)) - 1 if up else window.offset
            index = move.target(at, window.visible, len(self.lines), first=first)
            if window.reveal(index):
                self._on_scroll()
            self._on_open(index)
        return True

    def _opener(self, slot: int) -> Callable[[Any], None]:
        def on_click(_event: Any) -> None:
            index = self.window.offset + slot
            if index < len(self.lines):
                self._on_open(index)

        return on_click
