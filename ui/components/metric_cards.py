"""Cards with one number each, described by a tuple of frozen descriptions; a new card is one more entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import flet as ft

from ui.base.format import UNKNOWN, Formatter
from ui.base.layout import BREAKPOINTS
from ui.base.theme import GAP, QUIET_INK, Tone, number_text, small_text
from ui.components.card import card
from ui.components.charts.sparkline import Sparkline
from ui.components.loading_states import StateBox
from ui.components.progress import ProgressLine

T = TypeVar("T")
_ALL: Final = 36
"""Columns of a row of cards."""


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """One card: its title, how its number is made, and what stands beside it."""

    name: str
    title: str
    value_fn: Callable[[T, Formatter], str]
    """The number with its unit, parted by a space: ``84.0 MiB/s``."""
    exact_fn: Callable[[T, Formatter], str] = lambda _value, _format: ""
    """The exact value and where it comes from, as tooltip."""
    ratio_fn: Callable[[T], float | None] | None = None
    """Draws a bar with this fraction."""
    tone_fn: Callable[[T], Tone | None] = lambda _value: None
    """Colours number and bar when the value is a reason to look."""
    series: str = ""
    """Draws a sparkline of this series."""
    floor: float | None = 0.0
    """The value at the foot of the sparkline; None for its least."""
    note: str = ""
    """A small line below the number."""
    leads_to: str = ""
    """Says where a click leads."""
    flex: int = 5
    """Its share of the row, of 36, where all cards stand side by side."""


def split_unit(text: str) -> tuple[str, str]:
    """Part ``84.0 MiB/s`` into the number and what is written small behind it."""
    number, _, unit = text.partition(" ")
    return number, unit


class MetricCard(Generic[T]):
    """One card; ``control`` goes into the page, ``show`` returns what is to be updated."""

    def __init__(self, metric: Metric[T], on_open: Callable[[Metric[T]], None] | None) -> None:
        self.metric = metric
        self._number = number_text(UNKNOWN)
        self._unit = ft.Text("", size=14, color=QUIET_INK, no_wrap=True)
        self.note = small_text(metric.note)
        self.line = Sparkline(floor=metric.floor, expand=True) if metric.series else None
        self.bar = ProgressLine(semantics_label=metric.title) if metric.ratio_fn else None
        value = ft.Row(
            [
                self._number,
                ft.Container(self._unit, padding=ft.Padding.only(bottom=5)),
            ],
            spacing=5,
            tight=True,
            vertical_alignment=ft.CrossAxisAlignment.END,
        )
        lines: list[ft.Control] = [ft.Row([value], height=34)]
        if self.line is not None:
            lines.append(ft.Container(self.line, height=26))
        if self.bar is not None:
            lines.extend((self.bar, self.note))
        self.body = ft.Column(lines, spacing=6, tight=True)
        self.box = StateBox(self.body, skeleton_rows=1, skeleton_height=26, compact=True, height=66)
        self.control = card(
            metric.title,
            self.box,
            trailing=[self.box.note],
            on_open=(lambda: on_open(metric)) if on_open else None,
            open_label=metric.leads_to,
            col={"xs": _ALL // 2, "md": _ALL // 3, "lg": metric.flex},
        )

    def show(self, value: T, words: Formatter) -> list[ft.Control]:
        """Copy the words of ``value`` into the card; return the controls that changed."""
        changed: list[ft.Control] = []
        number, unit = split_unit(self.metric.value_fn(value, words))
        tone = self.metric.tone_fn(value)
        color = tone.color if tone is not None else ft.Colors.ON_SURFACE
        if (number, color) != (self._number.value, self._number.color):
            self._number.value, self._number.color = number, color
            changed.append(self._number)
        tooltip = self.metric.exact_fn(value, words) or None
        if tooltip != self._unit.tooltip or unit != self._unit.value:
            self._unit.value, self._unit.tooltip = unit, tooltip
            changed.append(self._unit)
        if self.bar is not None and self.metric.ratio_fn is not None:
            ratio = self.metric.ratio_fn(value)
            if self.bar.set(ratio, tone=tone or Tone.BUSY):
                changed.append(self.bar)
        return changed

    def say(self, note: str, *, tooltip: str | None = None, tone: Tone = Tone.QUIET) -> list[ft.Control]:
        """Set the small line below the number."""
        if (note, tooltip, tone.color) == (self.note.value, self.note.tooltip, self.note.color):
            return []
        self.note.value, self.note.tooltip, self.note.color = note, tooltip, tone.color
        return [self.note]


def metric_cards(
    metrics: Sequence[Metric[T]], on_open: Callable[[Metric[T]], None] | None = None
) -> tuple[ft.ResponsiveRow, dict[str, MetricCard[T]]]:
    """Return a row of cards, of several lines where it is narrow, and each card by the name of its metric."""
    cards = {metric.name: MetricCard(metric, on_open) for metric in metrics}
    row = ft.ResponsiveRow(
        [c.control for c in cards.values()],
        columns=_ALL,
        spacing=GAP,
        run_spacing=GAP,
        breakpoints=BREAKPOINTS,
    )
    return row, cards
