"""Actions for the selected rows: a bar above the table, and the same in the palette."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import flet as ft

from streams.model.link import Link
from streams.model.vocabulary import Scope
from ui.base.format import counted
from ui.base.palette import PaletteEntry
from ui.base.permissions import Permissions
from ui.base.theme import INK, QUIET_INK, RADIUS, SELECTED, SIZE_BODY, STRONG, STRONG_FACE, Tone
from ui.components.data_table.columns import RowAction
from ui.components.icon_button import IconButton
from ui.components.orders import hold_back
from ui.components.toolbar import HEIGHT


@dataclass(frozen=True, slots=True)
class BarAction:
    """One thing to do with all that is selected."""

    label: str
    icon: ft.IconData
    run: Callable[[], object]
    needs: Scope
    """The scope that it takes."""
    destructive: bool = False
    applies: Callable[[], bool] = lambda: True
    """Whether any of what is selected is such that it can be done; else it is not offered."""


class SelectionBar:
    """Says how many rows are selected and what can be done with them; not there while none is."""

    def __init__(self, actions: Sequence[BarAction], on_clear: Callable[[], None]) -> None:
        self._shown = 0
        self._permissions = Permissions()
        self._count = ft.Text(
            "", size=SIZE_BODY, weight=STRONG, font_family=STRONG_FACE, color=INK, no_wrap=True
        )
        self._hidden = ft.Text("", size=SIZE_BODY, color=INK, no_wrap=True, visible=False)
        self._buttons = {action: _bar_button(action) for action in actions}
        clear = IconButton(
            ft.Icons.CLOSE,
            icon_size=17,
            width=32,
            height=32,
            tooltip="Clear selection",
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: on_clear(),
        )
        self.control = ft.Container(
            ft.Row([self._count, self._hidden, *self._buttons.values(), clear], spacing=4, tight=True),
            height=HEIGHT,
            padding=ft.Padding.only(left=14, right=2),
            bgcolor=SELECTED,
            border_radius=RADIUS,
            visible=False,
        )

    def show(self, count: int, hidden: int = 0) -> list[ft.Control]:
        """Show the number of selected rows and what can be done with them; return the controls to update.

        What is done is done to ``hidden`` of them too, which a filter or another page keeps from being seen.
        """
        text, unseen = f"{count:,} selected", f"{hidden:,} not shown" if hidden else ""
        offered = {action: count > 0 and action.applies() for action in self._buttons}
        same = all(button.visible == offered[action] for action, button in self._buttons.items())
        said = (self._count.value, self._hidden.value, self.control.visible)
        if same and said == (text, unseen, count > 0):
            return []
        self._count.value, self.control.visible = text, count > 0
        self._hidden.value, self._hidden.visible = unseen, bool(unseen)
        for action, button in self._buttons.items():
            button.visible = offered[action]
        self._shown = count
        return [self.control]

    def show_link(self, link: Link) -> list[ft.Control]:
        """Take back the offers that cannot be ordered now; return the controls to update."""
        permissions = Permissions.of(link)
        if permissions == self._permissions:
            return []
        self._permissions = permissions
        for action, button in self._buttons.items():
            hold_back(button, permissions.refusal(action.needs))
        return [self.control]

    def of_row(self, actions: Iterable[RowAction]) -> tuple[RowAction, ...]:
        """Return the menu of a row, with what cannot be ordered now held back."""
        return tuple(action.under(self._permissions) for action in actions)

    def offers(self, one: str) -> Iterator[PaletteEntry]:
        """Give the palette what can be done with what is selected; ``one`` names one of them."""
        if self._shown:
            for action, button in self._buttons.items():
                if button.visible:
                    label = f"{action.label} the {counted(self._shown, f'selected {one}')}"
                    # Before what is done with all, of which the words are much the same.
                    yield PaletteEntry(
                        "Selected", label, action.icon, action.run, weight=1.02, needs=action.needs
                    )


def _bar_button(action: BarAction) -> ft.TextButton:
    async def run(_event: Any) -> None:
        result = action.run()
        if asyncio.iscoroutine(result):
            await result

    color = Tone.BAD.color if action.destructive else ft.Colors.ON_SECONDARY_CONTAINER
    inks: dict[ft.ControlState, ft.ColorValue] = {
        ft.ControlState.DISABLED: QUIET_INK, ft.ControlState.DEFAULT: color,
    }  # fmt: skip
    return ft.TextButton(
        content=ft.Text(action.label, size=SIZE_BODY, no_wrap=True),
        icon=action.icon,
        style=ft.ButtonStyle(
            padding=ft.Padding.symmetric(horizontal=10), color=inks, icon_color=inks, icon_size=16
        ),
        height=32,
        on_click=run,
    )
