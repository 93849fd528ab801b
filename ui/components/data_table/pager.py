"""Below a table of pages: where one is, and the way to the first, previous, next and last page."""

from collections.abc import Callable
from enum import Enum

import flet as ft

from ui.base.theme import LINE, QUIET_INK, SIZE_BODY
from ui.components.icon_button import IconButton

HEIGHT = 38


class Turn(Enum):
    """Which page to go to."""

    FIRST = "First page"
    PREVIOUS = "Previous page"
    NEXT = "Next page"
    LAST = "Last page"


_ICONS = {
    Turn.FIRST: ft.Icons.FIRST_PAGE,
    Turn.PREVIOUS: ft.Icons.CHEVRON_LEFT,
    Turn.NEXT: ft.Icons.CHEVRON_RIGHT,
    Turn.LAST: ft.Icons.LAST_PAGE,
}


class Pager:
    """Words at the left, four buttons at the right; ``control`` goes below the table."""

    def __init__(self, on_turn: Callable[[Turn], None]) -> None:
        self._place = ft.Text("", size=SIZE_BODY, color=QUIET_INK, expand=True, no_wrap=True)
        self._buttons = {turn: self._button(turn, on_turn) for turn in Turn}
        self.control = ft.Container(
            ft.Row([self._place, *self._buttons.values()], spacing=2),
            height=HEIGHT,
            padding=ft.Padding.only(left=16, right=8),
            border=ft.Border.only(top=ft.BorderSide(1, LINE)),
        )

    def show(self, place: str, ways: set[Turn]) -> list[ft.Control]:
        """Show where one is and which ways are open; return the controls to update."""
        before = (self._place.value, {turn for turn, button in self._buttons.items() if not button.disabled})
        if before == (place, ways):
            return []
        self._place.value = place
        for turn, button in self._buttons.items():
            button.disabled = turn not in ways
        return [self.control]

    def _button(self, turn: Turn, on_turn: Callable[[Turn], None]) -> IconButton:
        return IconButton(
            _ICONS[turn],
            icon_size=19,
            width=32,
            height=32,
            tooltip=turn.value,
            disabled=True,
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: on_turn(turn),
        )
