"""A heat map: a row of cells for each name, stronger where there is more, marked where something failed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft
import flet.canvas as cv

from ui.base.theme import HOVER, INK, QUIET_INK, Tone, text_style

NAMES_WIDTH: Final = 118
ROW_HEIGHT: Final = 15
HEAD_HEIGHT: Final = 18
HEAD_WIDTH: Final = 24
"""What the word over a column takes, with some room beside it."""
SCROLLBAR: Final = 12
"""Room beside the cells."""
LEVELS: Final = 5
"""Shades of a cell; more cannot be told apart."""
_GAP: Final = 1.5
_OPACITIES: Final = (0.0, 0.16, 0.34, 0.52, 0.72, 0.95)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One cell: its shade from 0 (nothing) to ``LEVELS``, and which part of it failed."""

    level: int
    failed: float
    text: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row of cells, and where a click on it leads."""

    name: str
    cells: tuple[HeatCell, ...]
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class HeatPlot:
    """Rows under a head of words, one for some columns."""

    rows: tuple[HeatRow, ...]
    columns: int
    heads: tuple[tuple[int, str], ...]
    summary: str


def level_of(value: float, greatest: float) -> int:
    """Return the shade of a value: 0 only for nothing."""
    if value <= 0 or greatest <= 0:
        return 0
    return min(LEVELS, 1 + int(value / greatest * (LEVELS - 1e-9)))


def cell_at(x: float, y: float, width: float, plot: HeatPlot) -> tuple[int, int] | None:
    """Return row and column below the pointer, None beside all cells."""
    place = (width - NAMES_WIDTH) / plot.columns if plot.columns else 0.0
    if place <= 0 or x < NAMES_WIDTH or y < 0:
        return None
    row, column = int(y // ROW_HEIGHT), int((x - NAMES_WIDTH) // place)
    return (row, column) if row < len(plot.rows) and column < plot.columns else None


class HeatMap(ft.Semantics):
    """Rows that scroll under a head; says what is below the pointer through ``on_look``."""

    def __init__(
        self, *, on_look: Callable[[str], None], on_open: Callable[[str], None] | None = None
    ) -> None:
        self._on_look, self._on_open = on_look, on_open
        self._plot: HeatPlot | None = None
        self._width = 0.0
        self._looked: tuple[int, int] | None = None
        self._mark = cv.Rect(
            0, 0, 0, 0, paint=ft.Paint(color=INK, style=ft.PaintingStyle.STROKE, stroke_width=1.2)
        )
        self._head = cv.Canvas([], height=HEAD_HEIGHT)
        self._cells = cv.Canvas([])
        self._height = 0.0
        self._hand = ft.GestureDetector(
            content=self._cells,
            exclude_from_semantics=True,  # a click on a node of that tree has no place, and means its middle
            hover_interval=40,
            on_hover=self._on_hover,
            on_exit=lambda _: self._look(None),
            on_tap_up=self._on_tap,
        )
        self._rows = ft.Column([self._hand], scroll=ft.ScrollMode.AUTO, spacing=0)
        super().__init__(
            content=ft.Container(
                ft.Column([self._head, self._rows], spacing=0),
                on_size_change=self._on_size_change,
                size_change_interval=0,  # else the last of several changes is lost
            ),
            label="",
            container=True,
        )

    def show(self, plot: HeatPlot) -> bool:
        """Take what is to be drawn; return whether anything changed, so that the owner touches it."""
        if plot == self._plot:
            return False
        self._plot = plot
        self.label = plot.summary
        self._draw()
        return True

    def _draw(self) -> None:
        plot, width = self._plot, self._width
        self._looked, self._mark.width, self._mark.height = None, 0, 0
        if plot is None or width <= NAMES_WIDTH:
            return
        place = (width - NAMES_WIDTH) / plot.columns
        self._head.width = self._cells.width = width
        self._rows.width = width + SCROLLBAR
        self._cells.height = ROW_HEIGHT * len(plot.rows)
        # As high as whole rows are, so that none is cut; a scrollbar says that there are more.
        fitting = max(1, int((self._height - HEAD_HEIGHT) // ROW_HEIGHT))
        self._rows.height = ROW_HEIGHT * min(fitting, len(plot.rows))
        self._rows.scroll = ft.ScrollMode.ALWAYS if len(plot.rows) > fitting else ft.ScrollMode.AUTO
        self._head.shapes = [
            cv.Text(NAMES_WIDTH + place * column + 1, 2, text, style=text_style(size=10.5, color=QUIET_INK))
            for column, text in thinned(plot.heads, place)
        ]
        self._cells.shapes = [
            *(
                shape
                for i, row in enumerate(plot.rows)
                for shape in _row_shapes(row, ROW_HEIGHT * i, place, plot.columns)
            ),
            self._mark,
        ]

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        width, height = event.width - SCROLLBAR, event.height
        if (width, height) != (self._width, self._height):
            self._width, self._height = width, height
            self._draw()
            self.update()

    def _on_hover(self, event: ft.HoverEvent[ft.GestureDetector]) -> None:
        if self._plot is not None:
            self._look(cell_at(event.local_position.x, event.local_position.y, self._width, self._plot))

    def _look(self, cell: tuple[int, int] | None) -> None:
        plot = self._plot
        if plot is None or cell == self._looked:
            return
        self._looked = cell
        mark = self._mark
        if cell is None:
            mark.width = mark.height = 0
        else:
            row, column = cell
            place = (self._width - NAMES_WIDTH) / plot.columns
            mark.x, mark.y = NAMES_WIDTH + place * column, ROW_HEIGHT * row
            mark.width, mark.height = place - _GAP, ROW_HEIGHT - _GAP
        mark.update()
        self._on_look(plot.rows[cell[0]].cells[cell[1]].text if cell is not None else "")

    def _on_tap(self, event: ft.TapEvent[ft.GestureDetector]) -> None:
        plot, at = self._plot, event.local_position
        if plot is None or at is None or self._on_open is None:
            return
        row = int(at.y // ROW_HEIGHT)
        if 0 <= row < len(plot.rows) and plot.rows[row].leads_to:
            self._on_open(plot.rows[row].leads_to)


def thinned(heads: Sequence[tuple[int, str]], place: float) -> Sequence[tuple[int, str]]:
    """Return so many of the heads, evenly, that none lies over the next where a column is ``place`` wide."""
    if len(heads) < 2:
        return heads
    between = (heads[1][0] - heads[0][0]) * place
    return heads[:: max(1, math.ceil(HEAD_WIDTH / between))] if between > 0 else heads[:1]


def _row_shapes(row: HeatRow, top: float, place: float, columns: int) -> Sequence[cv.Shape]:
    shapes: list[cv.Shape] = [
        cv.Text(
            0,
            top,
            row.name,
            style=text_style(size=11, color=INK),
            max_width=NAMES_WIDTH - 8,
            max_lines=1,
            ellipsis="\N{HORIZONTAL ELLIPSIS}",
        ),
        cv.Rect(
            NAMES_WIDTH,
            top,
            place * columns - _GAP,
            ROW_HEIGHT - _GAP,
            border_radius=2,
            paint=ft.Paint(color=HOVER, style=ft.PaintingStyle.FILL),
        ),
    ]
    for column, cell in enumerate(row.cells):
        left = NAMES_WIDTH + place * column
        if cell.level:
            color = ft.Colors.with_opacity(_OPACITIES[cell.level], ft.Colors.PRIMARY)
            shapes.append(_rect(left, top, place - _GAP, ROW_HEIGHT - _GAP, color))
        if cell.failed > 0:
            height = max(3.0, (ROW_HEIGHT - _GAP) * cell.failed)
            shapes.append(_rect(left, top + ROW_HEIGHT - _GAP - height, place - _GAP, height, Tone.BAD.color))
    return shapes


def _rect(left: float, top: float, width: float, height: float, color: ft.ColorValue) -> cv.Rect:
    paint = ft.Paint(color=color, style=ft.PaintingStyle.FILL)
    return cv.Rect(left, top, width, height, border_radius=2, paint=paint)


def legend() -> ft.Control:
    """Return what the shades and the mark mean."""

    def sample(color: ft.ColorValue, height: float = 9) -> ft.Control:
        return ft.Container(width=9, height=height, bgcolor=color, border_radius=2)

    def word(text: str) -> ft.Text:
        return ft.Text(text, size=10.5, color=QUIET_INK, no_wrap=True)

    shades = [sample(ft.Colors.with_opacity(opacity, ft.Colors.PRIMARY)) for opacity in _OPACITIES[1:]]
    return ft.Row([word("few"), *shades, word("many"), sample(Tone.BAD.color, 4), word("failed")], spacing=3)
