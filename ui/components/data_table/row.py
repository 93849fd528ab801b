"""One row of the pool: cells, checkbox and menu button, re-bound to a record as the table scrolls."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flet as ft

from ui.base.schemes import fade
from ui.base.theme import LINE, QUIET_INK, SELECTED
from ui.components.data_table.cells import cell_of, give_room
from ui.components.data_table.columns import Column
from ui.components.data_table.layout import Layout
from ui.components.icon_button import IconButton

GAP = 16
ACCENT_WIDTH = 3
CHECK_WIDTH = 28
MENU_WIDTH = 32

RowHandler = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RowHand:
    """What happens when a row is touched; each is called with the row's place on the screen."""

    on_click: RowHandler
    on_check: RowHandler
    on_menu: RowHandler | None = None


def check_box(**settings: Any) -> ft.Checkbox:
    """Return a checkbox no larger than a compact row."""
    return ft.Checkbox(
        visual_density=ft.VisualDensity.COMPACT,
        splash_radius=12,
        width=CHECK_WIDTH,
        border_side=ft.BorderSide(1.5, ft.Colors.OUTLINE),
        **settings,
    )


class TableRow:
    """The controls of one visible row; ``show`` binds them to a record."""

    def __init__(
        self,
        slot: int,
        columns: Sequence[Column[Any]],
        height: float,
        hand: RowHand,
    ) -> None:
        self.columns = columns
        self.cells = [cell_of(column) for column in columns]
        self.accent = ft.Container(width=ACCENT_WIDTH, bgcolor=ft.Colors.TRANSPARENT)
        self.check = check_box(value=False, on_change=_to(hand.on_check, slot))
        self._menu = IconButton(
            ft.Icons.MORE_HORIZ,
            icon_size=18,
            width=MENU_WIDTH,
            style=ft.ButtonStyle(padding=ft.Padding.all(0), icon_color=QUIET_INK),
            on_click=_to(hand.on_menu, slot) if hand.on_menu is not None else None,
        )
        tail: list[ft.Control] = (
            [ft.Semantics(content=self._menu, container=True)] if hand.on_menu is not None else []
        )
        self._content = ft.Row(
            [self.accent, self.check, *(cell.control for cell in self.cells), *tail],
            spacing=GAP,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        )
        self.control = ft.Container(
            self._content,
            height=height,
            ink=True,
            on_click=_to(hand.on_click, slot),
            border=ft.Border.only(bottom=ft.BorderSide(1, LINE)),
        )
        self._marks: tuple[bool, bool, bool] | None = None

    def set_height(self, height: float) -> None:
        """Take the height of a density."""
        self.control.height = height
        self.accent.height = height

    def set_layout(self, layout: Layout) -> None:
        """Let the cells stand as the columns do."""
        for column, cell in zip(self.columns, self.cells, strict=True):
            give_room(cell.control, layout, column.key)

    def show(self, record: Any, shown: frozenset[str], name: str) -> list[ft.Control]:
        """Bind the cells to a record; return the leaves that changed."""
        changed: list[ft.Control] = []
        for column, cell in zip(self.columns, self.cells, strict=True):
            if column.key in shown:
                changed += cell.show(column.cell(record))
        label = f"Select {name}"
        if self.check.semantics_label != label:
            self.check.semantics_label = label
            self._menu.tooltip = f"Actions for {name}"
            changed += [self.check, self._menu]
        return changed

    def mark(self, *, selected: bool, current: bool, gone: bool) -> bool:
        """Draw selection, current row, and a row no longer there; return whether anything changed."""
        marks = (selected, current, gone)
        if marks == self._marks:
            return False
        self._marks = marks
        self.check.value = selected
        self.control.bgcolor = SELECTED if selected or current else None
        self.accent.bgcolor = ft.Colors.PRIMARY if current else ft.Colors.TRANSPARENT
        if gone or self.control.theme is not None:  # few rows ever need a theme of their own
            fade(self.control, on=gone)
        self.control.disabled = gone
        return True

    def forget_marks(self) -> None:
        """Draw the marks again even if they did not change: the client has toggled the checkbox by itself."""
        self._marks = None


def _to(handler: RowHandler, slot: int) -> Callable[[Any], Awaitable[None]]:
    async def handle(_event: Any) -> None:
        await handler(slot)

    return handle
