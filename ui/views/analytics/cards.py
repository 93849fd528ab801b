"""One card of the analytics view: a chart with its title, its number and its choices."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import flet as ft
from reactivex import Observable

from streams.model.snapshot import Snapshot
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import Formatter
from ui.base.theme import card_title, small_text
from ui.components.card import card
from ui.components.charts.bars import BarChart
from ui.components.charts.heat import HeatMap, HeatPlot
from ui.components.charts.lines import LineChart
from ui.components.charts.model import BarPlot, LinePlot
from ui.components.choice_row import ChoiceRow
from ui.components.loading_states import Empty, StateBox
from ui.views.analytics.present import Drawn

T = TypeVar("T")

Chart = BarChart | LineChart | HeatMap


class ChartPart(BoundView, Generic[T]):
    """A card with one chart over one stream; another choice redraws what is known already."""

    def __init__(
        self,
        stream: Observable[Snapshot[T]],
        *,
        context: UiContext,
        key: str,
        title: str,
        chart: Chart,
        present: Callable[[T, str, Formatter], Drawn],
        is_empty: Callable[[T, str], bool],
        empty: Empty,
        choices: Sequence[str] = (),
        footer: Sequence[ft.Control] = (),
        expand: int | bool = True,
    ) -> None:
        self._present, self._chart = present, chart
        self._value: T | None = None
        self._pref = f"analytics.{key}"
        kept = str(context.prefs.get(self._pref, ""))
        self.choice = kept if kept in choices else (choices[0] if choices else "")
        self._title = card_title(title)
        self._head = small_text()
        chart.expand = True
        body = ft.Column(
            [chart, *footer], spacing=4, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        )  # what explains a chart comes and goes with it
        self.box = StateBox(body, empty=empty, skeleton_rows=4, stacked=True, expand=True)
        row: list[ft.Control] = [self.box.note]
        if choices:
            row.append(ChoiceRow(choices, self.choice, self._on_choose, small=True, label=title))
        # The number beside the title gives way where there is not enough room.
        number = ft.Container(self._head, expand=True, alignment=ft.Alignment.CENTER_RIGHT)
        head = ft.Row([self._title, number], spacing=8)
        surface = card(head, self.box, trailing=row, spacing=4, expand=True)
        super().__init__(context=context, key=key, content=surface, expand=expand)
        self._is_empty = is_empty
        self._binding = self.bind_snapshot(
            stream, self.box, self._show, is_empty=lambda value: is_empty(value, self.choice)
        )

    def look_at(self, stream: Observable[Snapshot[T]]) -> None:
        """Draw another stream from now on."""
        self._value = None
        self._say_head("", "")
        self._binding.switch(stream)

    def _on_choose(self, choice: str) -> None:
        self.choice = choice
        self.context.prefs.put(self._pref, choice)
        if self._value is not None:
            self._show(self._value)
            self.box.show_empty(self._is_empty(self._value, choice))
            self.touch_box(self.box)

    def _show(self, value: T) -> None:
        self._value = value
        drawn = self._present(value, self.choice, self.context.format)
        if drawn.title != self._title.value:
            self._title.value = drawn.title
            self.touch(self._title)
        self._say_head(drawn.head, drawn.head_exact)
        if _draw(self._chart, drawn.plot):
            self.touch(self._chart)

    def _say_head(self, text: str, exact: str) -> None:
        if (text, exact or None) != (self._head.value, self._head.tooltip):
            self._head.value, self._head.tooltip = text, exact or None
            self.touch(self._head)


def _draw(chart: Chart, plot: BarPlot | LinePlot | HeatPlot) -> bool:
    """Put a plot into the chart for its kind; return whether anything changed."""
    match chart, plot:
        case BarChart(), BarPlot():
            return chart.show(plot)
        case LineChart(), LinePlot():
            return chart.show(plot)
        case HeatMap(), HeatPlot():
            return chart.show(plot)
        case _:
            raise TypeError(f"{type(chart).__name__} cannot draw a {type(plot).__name__}")
