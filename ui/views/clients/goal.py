"""The goal in the details of a client: how old its last good backup may be, and a menu that changes it."""

from collections.abc import Callable

import flet as ft

from ui.base.theme import INK, QUIET_INK
from ui.components.menus import minded
from ui.components.orders import hold_back
from ui.views.clients.details_present import GOALS_S
from ui.views.clients.present import present_goal


class GoalPart:
    """The goal in words with a pencil; ``on_goal`` is told what is chosen of its menu."""

    def __init__(self, on_goal: Callable[[float], None]) -> None:
        self._words = ft.Text("", size=13, color=INK)
        self.pencil = ft.Icon(ft.Icons.EDIT, size=14, color=QUIET_INK)
        self._on_goal = on_goal
        self.menu = minded(
            ft.PopupMenuButton(
                content=ft.Row([self._words, self.pencil], spacing=6, tight=True),
                items=[self._item(seconds) for seconds in GOALS_S],
                menu_position=ft.PopupMenuPosition.UNDER,
            )
        )

    def _item(self, seconds: float) -> ft.PopupMenuItem:
        return ft.PopupMenuItem(
            content=ft.Text(present_goal(seconds), size=13, color=INK),
            height=34,
            on_click=lambda _event: self._on_goal(seconds),
        )

    def show(self, seconds: float, *, refused: str) -> list[ft.Control]:
        """Show the goal, and whether it can be changed now; return the controls to update."""
        tooltip = "Change how old the last good backup may be"
        changed = hold_back(self.menu, refused, tooltip=tooltip)
        # What can only be read is read as well as before.
        changed += hold_back(self.pencil, refused, own_ink=True)
        text = f"A good backup {present_goal(seconds)}"
        if self._words.value != text:
            self._words.value = text
            for item, choice in zip(self.menu.items, GOALS_S, strict=True):
                item.checked = choice == seconds
            return [self.menu]
        return changed
