"""A chart of bars for intervals: stacked parts, the period before beside them, words under the pointer."""

from typing import Final

import flet as ft
import flet_charts as fc

from ui.components.charts.axes import LEFT_WIDTH, NO_ANIMATION, TIP_STYLE, Axis, apart, grid, tip_of
from ui.components.charts.model import BEFORE, LIGHTER, Bar, BarPlot

_FILLED: Final = 0.66
"""Which part of its place a bar takes."""
_BEFORE: Final = ft.Colors.with_opacity(0.5, BEFORE)
_MAX_WIDTH, _MIN_WIDTH = 26.0, 1.5


class BarChart(ft.Semantics):
    """Bars over intervals; ``show`` redraws them in place."""

    def __init__(self) -> None:
        self._left, self._bottom = Axis(left=True), Axis(left=False)
        self._groups: list[fc.BarChartGroup] = []
        self._plot: BarPlot | None = None
        self._width = 0.0
        self.chart = fc.BarChart(
            groups=[],
            animation=NO_ANIMATION,
            interactive=True,
            horizontal_grid_lines=grid(),
            left_axis=self._left.control,
            bottom_axis=self._bottom.control,
            group_alignment=ft.MainAxisAlignment.SPACE_AROUND,
            baseline_y=0,
            min_y=0,
            max_y=1,
            tooltip=tip_of(fc.BarChartTooltip),
            expand=True,
        )
        super().__init__(
            content=ft.Container(
                self.chart,
                padding=ft.Padding.only(top=6),
                on_size_change=self._on_size_change,
                size_change_interval=0,  # else the last of several changes is lost
            ),
            label="",
            container=True,
        )

    def show(self, plot: BarPlot) -> bool:
        """Take what is to be drawn; return whether anything changed, so that the owner touches it."""
        if plot == self._plot:
            return False
        self._plot = plot
        self.chart.max_y = plot.scale.steps
        self._show_labels(plot)
        self._left.show([(float(i), text) for i, text in enumerate(plot.scale_labels)])
        while len(self._groups) < len(plot.bars):
            self._groups.append(fc.BarChartGroup(x=len(self._groups), rods=[], spacing=1))
        for group, bar in zip(self._groups, plot.bars, strict=False):
            self._fill(group, bar, plot)
        self.chart.groups = self._groups[: len(plot.bars)]
        self.label = plot.summary
        return True

    def _show_labels(self, plot: BarPlot) -> None:
        self._bottom.show(apart([(float(i), text) for i, text in plot.labels], self._width - LEFT_WIDTH))

    def _fill(self, group: fc.BarChartGroup, bar: Bar, plot: BarPlot) -> None:
        width, thin = self._widths(plot)
        rods: list[tuple[list[fc.BarChartRodStackItem], float, float, str, str]] = []
        if bar.before is not None:
            rods.append(([], plot.scale.place(bar.before), thin, _BEFORE, bar.before_text))
        items: list[fc.BarChartRodStackItem] = []
        foot = 0.0
        for part in bar.parts:
            top = foot + part.value / plot.scale.step
            if part.value > 0:
                color = ft.Colors.with_opacity(LIGHTER, part.color) if bar.open else part.color
                items.append(fc.BarChartRodStackItem(from_y=foot, to_y=top, color=color))
            foot = top
        rods.append((items, foot, width, ft.Colors.TRANSPARENT, bar.text))
        del group.rods[len(rods) :]
        for i, (stack, to_y, rod_width, color, text) in enumerate(rods):
            if i == len(group.rods):
                group.rods.append(fc.BarChartRod(from_y=0))
            rod = group.rods[i]
            rod.stack_items, rod.to_y, rod.width, rod.color = stack, to_y, rod_width, color
            rod.border_radius = ft.BorderRadius.only(top_left=2, top_right=2)
            rod.tooltip = fc.BarChartRodTooltip(text=text, text_style=TIP_STYLE)

    def _widths(self, plot: BarPlot) -> tuple[float, float]:
        """Return how wide a bar and one of the period before are."""
        place = max(self._width - LEFT_WIDTH, 0.0) / max(len(plot.bars), 1)
        compared = any(bar.before is not None for bar in plot.bars)
        thin = max(1.0, min(place * 0.16, 4.0)) if compared else 0.0
        room = place * _FILLED - (thin + 1 if compared else 0.0)
        return max(_MIN_WIDTH, min(room, _MAX_WIDTH)), thin

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        if event.width == self._width:
            return
        self._width = event.width
        if self._plot is None:
            return
        width, thin = self._widths(self._plot)
        for group in self.chart.groups:
            for rod in group.rods[:-1]:
                rod.width = thin
            if group.rods:
                group.rods[-1].width = width
        self._show_labels(self._plot)
        self.chart.update()
