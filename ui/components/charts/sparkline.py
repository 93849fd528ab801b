"""A small line of the recent past: one reused path, redrawn only when it looks different."""

from collections.abc import Sequence
from typing import Any, Final

import flet as ft
import flet.canvas as cv

from streams.model.server import SeriesPoint

MAX_POINTS: Final = 60
"""More than this cannot be told apart at this size; peaks are kept."""


def thin_out(points: Sequence[SeriesPoint], most: int = MAX_POINTS) -> list[float]:
    """Return at most ``most`` values, the greatest of each group, so that no peak is lost."""
    if len(points) <= most:
        return [point.mean for point in points]
    size = len(points) / most
    return [
        max(point.greatest for point in points[int(i * size) : max(int(i * size) + 1, int((i + 1) * size))])
        for i in range(most)
    ]


def present_line(
    values: Sequence[float], width: float, height: float, *, floor: float | None = 0.0
) -> list[tuple[float, float]]:
    """Return the corners of a line in a box of this size; a value that never changes lies at its foot.

    ``floor`` is the least value the foot stands for, None for the least of ``values``.
    """
    if len(values) < 2 or width <= 0 or height <= 0:
        return []
    low = min(values) if floor is None else min(floor, *values)
    span = max(values) - low
    step = width / (len(values) - 1)
    room = height - 3
    return [
        (round(i * step, 1), round(height - 1.5 - (room * (value - low) / span if span > 0 else 0.0), 1))
        for i, value in enumerate(values)
    ]


class Sparkline(cv.Canvas):
    """A line with a faint area below it; ``show`` redraws it in place."""

    def __init__(
        self, *, color: ft.ColorValue = ft.Colors.PRIMARY, floor: float | None = 0.0, **canvas: Any
    ) -> None:
        self._floor = floor
        self._heights: list[float] = []
        self._corners: list[tuple[float, float]] = []
        self._size = (0.0, 0.0)
        self._line = cv.Path(
            [],
            paint=ft.Paint(
                color=color,
                stroke_width=1.5,
                style=ft.PaintingStyle.STROKE,
                anti_alias=True,
            ),
        )
        self._area = cv.Path(
            [], paint=ft.Paint(color=ft.Colors.with_opacity(0.10, color), style=ft.PaintingStyle.FILL)
        )
        super().__init__([self._area, self._line], on_resize=self._on_resize, resize_interval=0, **canvas)

    def show(self, values: Sequence[float]) -> bool:
        """Take new values, oldest first; return whether the picture changed, so that the owner touches it."""
        self._heights = list(values)
        return self._draw()

    def _on_resize(self, event: cv.CanvasResizeEvent) -> None:
        self._size = (event.width, event.height)
        if self._draw():
            self.update()

    def _draw(self) -> bool:
        width, height = self._size
        corners = present_line(self._heights, width, height, floor=self._floor)
        if corners == self._corners:
            return False
        self._corners = corners
        if not corners:
            self._line.elements, self._area.elements = [], []
            return True
        line: list[cv.Path.PathElement] = [cv.Path.MoveTo(*corners[0])]
        line.extend(cv.Path.LineTo(x, y) for x, y in corners[1:])
        self._line.elements = line
        self._area.elements = [
            *line,
            cv.Path.LineTo(corners[-1][0], height),
            cv.Path.LineTo(corners[0][0], height),
            cv.Path.Close(),
        ]
        return True
