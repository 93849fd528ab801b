"""Charts as plain values: lines over time, or bars for intervals, with their axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import flet as ft

from ui.base.theme import QUIET_INK, Tone
from ui.components.charts.scale import Scale, TimeTicks

MAIN: Final = ft.Colors.PRIMARY
SECOND: Final = Tone.WARNING.color
BEFORE: Final = QUIET_INK
LIGHTER: Final = 0.45
"""Opacity of an interval that has not ended."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn; told apart by width and dashes too, not by colour alone."""

    color: ft.ColorValue = MAIN
    width: float = 2.0
    dash: tuple[int, ...] = ()
    fill: bool = False
    """Whether the area below is faintly filled."""


PLAIN: Final = Stroke(fill=True)
BARE: Final = Stroke()
"""For axes that do not begin at nothing, where an area would mislead."""
PEAK: Final = Stroke(width=0.8)
OTHER: Final = Stroke(color=SECOND, width=1.6, dash=(6, 3))
EARLIER: Final = Stroke(color=BEFORE, width=1.2, dash=(2, 3))


@dataclass(frozen=True, slots=True)
class Spot:
    """One value of a line and what is said when the pointer is on it."""

    at: datetime
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line; a pause longer than ``gap_s`` between two spots is left open."""

    label: str
    """Written at the line's end; may be empty."""
    spots: tuple[Spot, ...]
    stroke: Stroke = PLAIN
    gap_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class LinePlot:
    """Lines over one time axis and one axis of values."""

    lines: tuple[Line, ...]
    since: datetime
    until: datetime
    times: TimeTicks
    scale: Scale
    scale_labels: tuple[str, ...]
    """One for each tick of the scale."""
    summary: str
    """What the chart says, in words, for who cannot see it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar, from the foot up."""

    value: float
    color: ft.ColorValue


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval: its parts, the bar of the period before, and what is said about both."""

    parts: tuple[Part, ...]
    text: str
    before: float | None = None
    before_text: str = ""
    open: bool = False
    """It has not ended: drawn lighter."""


@dataclass(frozen=True, slots=True)
class BarPlot:
    """Bars for intervals of equal length."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[int, str], ...]
    """Which bars have words below them."""
    scale: Scale
    scale_labels: tuple[str, ...]
    summary: str


def pieces(line: Line) -> list[tuple[Spot, ...]]:
    """Return the parts of a line that are drawn without a break."""
    parts: list[list[Spot]] = []
    for spot in line.spots:
        if parts and (spot.at - parts[-1][-1].at).total_seconds() <= line.gap_s:
            parts[-1].append(spot)
        else:
            parts.append([spot])
    return [tuple(part) for part in parts]


def spread(places: Sequence[float], distance: float, height: float) -> list[float]:
    """Return places for labels, as near to those wanted as can be, none closer than ``distance``.

    All lie between 0 and ``height`` if there is room for them.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = [0.0] * len(places)
    low = 0.0
    for i in order:
        found[i] = max(places[i], low)
        low = found[i] + distance
    high = height
    for i in reversed(order):
        found[i] = min(found[i], high)
        high = found[i] - distance
    return found
