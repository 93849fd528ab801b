"""The Statistics tab: where the room of the database goes, drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft
import flet.canvas as cv

from streams.model.database import COUNT_CAP, Outline, TableInfo
from streams.model.database_state import SizePoint, Statistics
from streams.sources.registry import DatabaseStreams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import Formatter, count_text, duration_text, ratio_text
from ui.base.theme import GAP, INK, QUIET_INK, SIZE_BODY, body_text, small_text
from ui.components.card import card
from ui.components.charts.sparkline import present_line
from ui.components.loading_states import StateBox
from ui.views.database.present import present_count

MAX_BARS: Final = 16
_STEPS: Final = 1000


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: its parts are fractions of the whole width."""

    name: str
    value: str
    ratio: float
    second: float = 0.0
    """A further part in the other colour, such as the indexes of a table."""
    tooltip: str = ""


def size_bars(statistics: Statistics, words: Formatter, most: int = MAX_BARS) -> list[Bar]:
    """Return a bar for each table with its data and its indexes, the largest first."""
    tables: dict[str, list[int]] = {}
    for part in statistics.parts:
        sums = tables.setdefault(part.table, [0, 0])
        sums[part.is_index] += part.size_bytes
    ordered = sorted(tables.items(), key=lambda item: -sum(item[1]))
    if not ordered:
        return []
    largest = max(1, sum(ordered[0][1]))
    bars = [
        Bar(
            name,
            words.size(data + index),
            data / largest,
            index / largest,
            f"{name}: {words.size(data)} of rows, {words.size(index)} of indexes",
        )
        for name, (data, index) in ordered[:most]
    ]
    return [*bars, *_left_out(ordered[most:], words.size(sum(sum(sums) for _, sums in ordered[most:])))]


def index_bars(statistics: Statistics, words: Formatter, most: int = MAX_BARS) -> list[Bar]:
    """Return a bar for each index, the largest first."""
    found = sorted((part for part in statistics.parts if part.is_index), key=lambda part: -part.size_bytes)
    shown, rest = found[:most], found[most:]
    largest = max((part.size_bytes for part in shown), default=1)
    bars = [
        Bar(
            part.name,
            words.size(part.size_bytes),
            0.0,
            part.size_bytes / largest,
            f"{part.name}, an index of {part.table}",
        )
        for part in shown
    ]
    return [*bars, *_left_out(rest, words.size(sum(part.size_bytes for part in rest)))]


def row_bars(tables: Sequence[TableInfo], most: int = MAX_BARS) -> list[Bar]:
    """Return a bar for each table by its rows, as far as they are counted."""
    counted = sorted((t for t in tables if t.rows is not None), key=lambda t: (-(t.rows or 0), t.name))
    shown, rest = counted[:most], counted[most:]
    largest = max((t.rows or 0 for t in shown), default=1) or 1
    bars = [
        Bar(
            t.name,
            present_count(t.rows, t.capped),
            (t.rows or 0) / largest,
            0.0,
            f"{t.name}, counted up to {COUNT_CAP:,}" if t.capped else t.name,
        )
        for t in shown
    ]
    left = present_count(sum(t.rows or 0 for t in rest), any(t.capped for t in rest))
    return [*bars, *_left_out(rest, left)]


def _left_out(rest: Sequence[object], value: str) -> list[Bar]:
    """Return what stands below the bars: a sum has none of its own, as it would be the longest of all."""
    return [Bar(f"{len(rest)} more", value, 0.0)] if rest else []


class StatisticsTab(BoundView):
    """Bars by table and index, and how the file has grown since the console looks."""

    def __init__(self, *, streams: DatabaseStreams, context: UiContext) -> None:
        self._streams = streams
        self._sizes, self._indexes, self._rows = (_bars_column() for _ in range(3))
        self._summary = ft.Text("", size=SIZE_BODY, color=QUIET_INK, expand=True)
        self._line = cv.Path(
            [], paint=ft.Paint(color=ft.Colors.PRIMARY, stroke_width=1.5, style=ft.PaintingStyle.STROKE)
        )
        self._growth = cv.Canvas([self._line], height=70, expand=True, on_resize=self._on_resize)
        self._grown = small_text("")
        self._points: tuple[SizePoint, ...] = ()
        self._width = 600.0
        self._measure = ft.TextButton(
            content="Measure thoroughly",
            icon=ft.Icons.STRAIGHTEN,
            tooltip="Read every page of the file, however long that takes",
            on_click=lambda _event: self._on_measure(),
        )
        self._body = ft.Column(
            [
                ft.Row([self._summary, self._measure], height=36),
                ft.Row(
                    [
                        card("Size by table  ·  rows and indexes", self._sizes, expand=1),
                        card("Rows by table", self._rows, expand=1),
                    ],
                    spacing=GAP,
                    intrinsic_height=True,
                    vertical_alignment=ft.CrossAxisAlignment.STRETCH,
                ),
                ft.Row(
                    [
                        card("Size by index", self._indexes, expand=1),
                        card(
                            "Size since the console was opened",
                            ft.Column([self._growth, self._grown]),
                            expand=1,
                        ),
                    ],
                    spacing=GAP,
                    vertical_alignment=ft.CrossAxisAlignment.START,
                ),
            ],
            spacing=GAP,
            scroll=ft.ScrollMode.AUTO,
            expand=True,
        )
        self._box = StateBox(self._body, skeleton_rows=12, skeleton_height=18, expand=True)
        super().__init__(context=context, key="database.statistics", content=self._box, expand=True)
        self.bind_snapshot(streams.statistics, self._box, self._show)
        self.bind(streams.outline, lambda snapshot: self._show_rows(snapshot.value), name="show_rows")

    def _show(self, statistics: Statistics) -> None:
        words = self.context.format
        self._sizes.controls = bar_rows(size_bars(statistics, words)) or [_why(statistics)]
        self._indexes.controls = bar_rows(index_bars(statistics, words)) or [
            small_text("No index." if statistics.parts else "–")
        ]
        size = statistics.page_bytes * statistics.page_count
        free = statistics.free_count * statistics.page_bytes
        self._summary.value = (
            f"{words.size(size)} in {count_text(statistics.page_count)} pages"
            f" of {words.size(statistics.page_bytes)}"
            f"  ·  {words.size(free)} free ({ratio_text(free / size if size else None)})"
            f"  ·  measured in {duration_text(statistics.took_s)}"
        )
        self._points = statistics.growth
        self._draw_growth()
        self.touch(self._body)

    def _show_rows(self, outline: Outline | None) -> None:
        if outline is not None:
            self._rows.controls = bar_rows(row_bars(outline.tables))
            self.touch(self._rows)

    def _draw_growth(self) -> None:
        points = self._points
        words = self.context.format
        if len(points) < 2:
            self._line.elements = []
            self._grown.value = (
                f"{words.size(points[0].size_bytes)}, and no change yet" if points else "No change yet"
            )
            return
        corners = present_line([point.size_bytes for point in points], self._width, 66, floor=None)
        self._line.elements = [
            cv.Path.MoveTo(x, y) if i == 0 else cv.Path.LineTo(x, y) for i, (x, y) in enumerate(corners)
        ]
        change = points[-1].size_bytes - points[0].size_bytes
        self._grown.value = (
            f"{'+' if change >= 0 else ''}{words.size(change)}"
            f" in {duration_text(points[-1].at_s - points[0].at_s)}"
            f", now {words.size(points[-1].size_bytes)}"
        )

    def _on_resize(self, event: cv.CanvasResizeEvent) -> None:
        self._width = event.width
        self._draw_growth()
        self.touch(self._growth)

    def _on_measure(self) -> None:
        async def measure() -> None:
            self._measure.disabled, self._measure.content = True, "Measuring…"
            self.touch(self._measure)
            try:
                self._show(await self._streams.measure())
            finally:
                self._measure.disabled, self._measure.content = False, "Measure thoroughly"
                self.touch(self._measure)

        self.act("Measure the database", measure())


def _why(statistics: Statistics) -> ft.Control:
    why = (
        "This SQLite cannot measure tables; only the whole file is known."
        if statistics.measured
        else "Measuring took too long. Measure thoroughly to have it all the same."
    )
    return small_text(why)


def _bars_column() -> ft.Column:
    return ft.Column([], spacing=2, tight=True)


def bar_rows(bars: Sequence[Bar]) -> list[ft.Control]:
    """Return the controls of bars: name, bar, value."""
    return [_bar_row(bar) for bar in bars]


def _bar_row(bar: Bar) -> ft.Control:
    first, second = round(bar.ratio * _STEPS), round(bar.second * _STEPS)
    if bar.ratio and not first:
        first = 4
    if bar.second and not second:
        second = 4
    parts: list[ft.Control] = []
    for steps, color in (
        (first, ft.Colors.PRIMARY),
        (second, ft.Colors.with_opacity(0.45, ft.Colors.PRIMARY)),
        (max(0, _STEPS - first - second), None),
    ):
        if steps:
            parts.append(ft.Container(height=10, bgcolor=color, expand=steps, border_radius=2))
    name, value = body_text(bar.name, width=150), body_text(bar.value, right=True, width=84)
    name.color = INK
    return ft.Container(
        ft.Row(
            [name, ft.Row(parts, spacing=0, expand=True), value],
            spacing=10,
            height=24,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        ),
        tooltip=bar.tooltip or None,
    )
