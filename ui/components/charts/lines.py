"""A chart of lines over time: reused points, labels at the lines' ends, words under the pointer."""

from typing import Final

import flet as ft
import flet_charts as fc

from ui.base.theme import SIZE_SMALL
from ui.components.charts.axes import BOTTOM_HEIGHT, NO_ANIMATION, Axis, grid, tip_of
from ui.components.charts.model import Line, LinePlot, Spot, Stroke, pieces, spread

ENDS_WIDTH: Final = 58
_LABEL_HEIGHT: Final = 14
_EDGE: Final = 0.04
"""Share of the width, at the right, where a time's words would stick out of the chart."""
_NO_DOT: Final = fc.ChartCirclePoint(radius=0)
_DOT: Final = fc.ChartCirclePoint(radius=3.5, stroke_width=0)


class LineChart(ft.Semantics):
    """Lines over one time axis; ``show`` redraws them in place."""

    def __init__(self) -> None:
        self._left, self._bottom = Axis(left=True), Axis(left=False)
        self._series: list[fc.LineChartData] = []
        self._plot: LinePlot | None = None
        self._height = 0.0
        self.chart = fc.LineChart(
            data_series=[],
            animation=NO_ANIMATION,
            interactive=True,
            horizontal_grid_lines=grid(),
            left_axis=self._left.control,
            bottom_axis=self._bottom.control,
            baseline_x=0,
            baseline_y=0,
            min_x=0,
            max_x=1,
            min_y=0,
            max_y=1,
            tooltip=tip_of(fc.LineChartTooltip),
            expand=True,
        )
        self._ends = ft.Stack([], width=ENDS_WIDTH, clip_behavior=ft.ClipBehavior.NONE)
        super().__init__(
            content=ft.Container(
                ft.Row([self.chart, self._ends], spacing=6, vertical_alignment=ft.CrossAxisAlignment.STRETCH),
                padding=ft.Padding.only(top=6),
                on_size_change=self._on_size_change,
                size_change_interval=0,  # else the last of several changes is lost
            ),
            label="",
            container=True,
        )

    def show(self, plot: LinePlot) -> bool:
        """Take what is to be drawn; return whether anything changed, so that the owner touches it."""
        if plot == self._plot:
            return False
        self._plot = plot
        times, scale = plot.times, plot.scale
        chart = self.chart
        chart.min_x, chart.max_x = times.place(plot.since), times.place(plot.until)
        chart.max_y = scale.steps
        beside = any(line.label for line in plot.lines)
        last = chart.max_x if beside else chart.max_x - _EDGE * (chart.max_x - chart.min_x)
        self._bottom.show([(float(i), text) for i, text in enumerate(times.labels) if i <= last])
        self._left.show([(float(i), text) for i, text in enumerate(plot.scale_labels)])
        drawn = [(line, spots) for line in plot.lines for spots in pieces(line)]
        while len(self._series) < len(drawn):
            self._series.append(fc.LineChartData(points=[], rounded_stroke_join=True))
        for series, (line, spots) in zip(self._series, drawn, strict=False):
            _style(series, line.stroke, alone=len(spots) == 1)
            self._place(series, spots, plot)
        chart.data_series = self._series[: len(drawn)]
        self.label = plot.summary
        self._place_ends()
        return True

    def _place(self, series: fc.LineChartData, spots: tuple[Spot, ...], plot: LinePlot) -> None:
        points = series.points
        del points[len(spots) :]
        for i, spot in enumerate(spots):
            x, y = plot.times.place(spot.at), plot.scale.place(spot.value)
            if i == len(points):
                points.append(
                    fc.LineChartDataPoint(x=x, y=y, tooltip=fc.LineChartDataPointTooltip(text=spot.text))
                )
                continue
            point = points[i]
            point.x, point.y = x, y
            tip = point.tooltip
            if isinstance(tip, fc.LineChartDataPointTooltip) and tip.text != spot.text:
                point.tooltip = fc.LineChartDataPointTooltip(text=spot.text)

    def _place_ends(self) -> None:
        plot, room = self._plot, self._height - BOTTOM_HEIGHT - 6
        if plot is None or room <= 0:
            return
        lines = [line for line in plot.lines if line.label and line.spots]
        wanted = [room * (1 - plot.scale.place(line.spots[-1].value) / plot.scale.steps) for line in lines]
        half = _LABEL_HEIGHT / 2
        places = spread([place - half for place in wanted], _LABEL_HEIGHT, room - half)
        self._ends.controls = [_end(line, top) for line, top in zip(lines, places, strict=True)]
        self._ends.visible = bool(lines)

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        if event.height != self._height:
            self._height = event.height
            self._place_ends()
            self._ends.update()


def _style(series: fc.LineChartData, stroke: Stroke, *, alone: bool) -> None:
    series.color = stroke.color
    series.stroke_width = stroke.width
    series.dash_pattern = list(stroke.dash) or None
    series.below_line_bgcolor = ft.Colors.with_opacity(0.08, stroke.color) if stroke.fill else None
    series.point = fc.ChartCirclePoint(radius=2, stroke_width=0) if alone else _NO_DOT
    series.selected_point = _DOT
    series.selected_below_line = fc.ChartPointLine(
        color=ft.Colors.with_opacity(0.35, ft.Colors.ON_SURFACE), width=1
    )


def _end(line: Line, top: float) -> ft.Text:
    return ft.Text(
        line.label,
        size=SIZE_SMALL,
        color=line.stroke.color,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        left=0,
        top=round(top, 1),
        width=ENDS_WIDTH,
    )
