"""Axes, grid and tooltips as all charts have them."""

import math
from collections.abc import Sequence
from typing import Any, Final

import flet as ft
import flet_charts as fc

from ui.base.theme import FLOAT, INK, LINE, QUIET_INK, text_style

AXIS_SIZE: Final = 10.5
LEFT_WIDTH: Final = 52
BOTTOM_HEIGHT: Final = 20
NO_ANIMATION: Final = ft.Animation(duration=ft.Duration(0))
TIP_STYLE: Final = text_style(size=12, color=INK)
_LETTER, _APART = 5.6, 5.0
"""Pixels of a letter of an axis, and what lies at least between two words."""
_GRID: Final = ft.Colors.with_opacity(0.8, LINE)


class Axis:
    """One axis with words at whole numbers; ``control`` goes into the chart."""

    def __init__(self, *, left: bool) -> None:
        self._left = left
        self._labels: list[tuple[float, str]] = []
        self.control = fc.ChartAxis(
            labels=[self._none()],
            label_spacing=1,
            label_size=LEFT_WIDTH if left else BOTTOM_HEIGHT,
            title_size=0,
        )

    def show(self, labels: Sequence[tuple[float, str]]) -> bool:
        """Take words and their places; return whether any changed."""
        if list(labels) == self._labels:
            return False
        self._labels = list(labels)
        self.control.labels = [self._label(*label) for label in labels] or [self._none()]
        return True

    def _none(self) -> fc.ChartAxisLabel:
        """Return a label that is never seen: a chart with none at all would make up its own."""
        return self._label(-1e9, "")

    def _label(self, value: float, text: str) -> fc.ChartAxisLabel:
        words = ft.Text(text, size=AXIS_SIZE, color=QUIET_INK, no_wrap=True)
        place = ft.Padding.only(right=6) if self._left else ft.Padding.only(top=5)
        side = ft.Alignment.CENTER_RIGHT if self._left else ft.Alignment.TOP_CENTER
        return fc.ChartAxisLabel(value=value, label=ft.Container(words, padding=place, alignment=side))


def apart(labels: Sequence[tuple[float, str]], room: float) -> Sequence[tuple[float, str]]:
    """Return the words that have room beside each other: all of them, or each second, each third…"""
    if room <= 0 or not labels:
        return labels
    widest = max(len(text) for _, text in labels) * _LETTER + _APART
    return labels[:: math.ceil(len(labels) * widest / room)]


def grid() -> fc.ChartGridLines:
    """Return the lines at the ticks of the values."""
    return fc.ChartGridLines(interval=1, color=_GRID, width=1)


def tip_of(kind: type[Any], **options: Any) -> Any:
    """Return how the words look that appear under the pointer."""
    return kind(
        bgcolor=FLOAT,
        border_side=ft.BorderSide(1, LINE),
        border_radius=6,
        padding=ft.Padding.symmetric(vertical=6, horizontal=10),
        max_width=260,
        fit_inside_horizontally=True,
        fit_inside_vertically=True,
        **options,
    )
