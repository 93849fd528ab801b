"""The rail at the left: a destination for each view, with labels beside the icons where there is room."""

from collections.abc import Callable, Sequence

import flet as ft

from ui.base.format import count_text
from ui.base.layout import LOW_BELOW, RAIL_WIDTH, WIDE_FROM, WIDE_RAIL_WIDTH
from ui.base.theme import CARD, INK, LINE, PAGE, QUIET_INK, SELECTED, Tone, text_style
from ui.shell.registry import ViewSpec


def _silent(icon: ft.Icon) -> ft.Control:
    """Return an icon without a word for screen readers: its badge would become part of the view's name."""
    return ft.Semantics(content=icon, exclude_semantics=True)


class Rail:
    """Shows which view is chosen and tells which one is wanted; ``control`` goes into the page."""

    def __init__(self, specs: Sequence[ViewSpec], chosen: int, on_choose: Callable[[int], object]) -> None:
        self._icons = [
            (
                ft.Icon(spec.icon, size=22),
                ft.Icon(spec.selected_icon, size=22, color=ft.Colors.PRIMARY),
            )
            for spec in specs
        ]
        self._rail = ft.NavigationRail(
            destinations=[
                ft.NavigationRailDestination(
                    icon=_silent(icons[0]),
                    selected_icon=_silent(icons[1]),
                    label=spec.label,
                )
                for spec, icons in zip(specs, self._icons, strict=True)
            ],
            selected_index=chosen,
            label_type=ft.NavigationRailLabelType.ALL,
            min_width=RAIL_WIDTH - 1,
            min_extended_width=WIDE_RAIL_WIDTH - 1,
            bgcolor=CARD,
            scrollable=True,
            indicator_color=SELECTED,
            selected_label_text_style=text_style(size=11, strong=True, color=INK),
            unselected_label_text_style=text_style(size=11, color=QUIET_INK),
            leading=ft.Container(
                ft.Icon(ft.Icons.WAVES, size=26, color=ft.Colors.PRIMARY, semantics_label="Tidewatch"),
                padding=ft.Padding.only(top=4, bottom=8),
            ),
            on_change=lambda event: on_choose(int(event.control.selected_index or 0)),
        )
        # The Tab key goes by height over all that is on the page, and would change between rail and view at
        # each destination. This is the one control of the toolkit that is walked through before the rest.
        together = ft.Semantics(content=ft.RadioGroup(content=self._rail), container=True, label="Views")
        self.control = ft.Container(
            together, width=RAIL_WIDTH, bgcolor=CARD, border=ft.Border.only(right=ft.BorderSide(1, LINE))
        )

    def choose(self, number: int) -> None:
        """Show that this view is shown."""
        self._rail.selected_index = number
        self._rail.update()

    def show_problems(self, count: int, *, grave: bool) -> None:
        """Put the number of problems on the first view, which lists them; none takes it away."""
        badge = None
        if count:
            badge = ft.Badge(
                label=count_text(count) if count < 100 else "99+",
                bgcolor=Tone.BAD.color if grave else Tone.WARNING.color,
                text_color=ft.Colors.ON_ERROR if grave else PAGE,
            )
        for icon in self._icons[0]:
            if icon.badge != badge:
                icon.badge = badge
                icon.update()

    def fit(self, width: float | None, height: float | None) -> bool:
        """Have labels beside the icons where the window is wide enough, below them where it is high enough.

        Returns whether that changed.
        """
        wide, low = (width or 0) >= WIDE_FROM, (height or LOW_BELOW) < LOW_BELOW
        kind = ft.NavigationRailLabelType.NONE if wide or low else ft.NavigationRailLabelType.ALL
        if wide == bool(self._rail.extended) and kind is self._rail.label_type:
            return False
        self._rail.label_type = kind
        self._rail.extended = wide
        self.control.width = WIDE_RAIL_WIDTH if wide else RAIL_WIDTH
        return True
