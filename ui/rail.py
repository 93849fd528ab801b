"""The rail at the left: a destination for each view, with labels beside the icons where there is room."""

from collections.abc import Callable, Sequence
from typing import Final

import flet as ft

from ui.theme import CARD, INK, LINE, QUIET_INK, SELECTED
from ui.views.registry import ViewSpec

WIDE_FROM: Final = 1440
"""From this width on the rail has room for labels beside its icons."""
_NARROW, _WIDE = 72, 200


class Rail:
    """Shows which view is chosen and tells which one is wanted; ``control`` goes into the page."""

    def __init__(self, specs: Sequence[ViewSpec], chosen: int, on_choose: Callable[[int], None]) -> None:
        self._rail = ft.NavigationRail(
            destinations=[
                ft.NavigationRailDestination(
                    icon=ft.Icon(spec.icon, size=22),
                    selected_icon=ft.Icon(spec.selected_icon, size=22, color=ft.Colors.PRIMARY),
                    label=spec.label,
                )
                for spec in specs
            ],
            selected_index=chosen,
            label_type=ft.NavigationRailLabelType.ALL,
            min_width=_NARROW - 1,
            min_extended_width=_WIDE - 1,
            bgcolor=CARD,
            indicator_color=SELECTED,
            selected_label_text_style=ft.TextStyle(size=11, weight=ft.FontWeight.W_600, color=INK),
            unselected_label_text_style=ft.TextStyle(size=11, color=QUIET_INK),
            leading=ft.Container(
                ft.Icon(ft.Icons.WAVES, size=26, color=ft.Colors.PRIMARY, semantics_label="Tidewatch"),
                padding=ft.Padding.only(top=4, bottom=8),
            ),
            on_change=lambda event: on_choose(int(event.control.selected_index or 0)),
        )
        self.control = ft.Container(
            self._rail, width=_NARROW, bgcolor=CARD, border=ft.Border.only(right=ft.BorderSide(1, LINE))
        )

    def choose(self, number: int) -> None:
        """Show that this view is shown."""
        self._rail.selected_index = number
        self._rail.update()

    def fit(self, width: float | None) -> bool:
        """Have labels beside the icons where the window is wide enough; return whether that changed."""
        wide = (width or 0) >= WIDE_FROM
        if wide == bool(self._rail.extended):
            return False
        self._rail.label_type = ft.NavigationRailLabelType.NONE if wide else ft.NavigationRailLabelType.ALL
        self._rail.extended = wide
        self.control.width = _WIDE if wide else _NARROW
        return True
