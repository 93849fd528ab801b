"""The number of log lines over time, by level: bars above the list; a click leads to the lines."""

from collections.abc import Callable
from datetime import datetime

import flet as ft
import flet.canvas as cv

from ui.base.format import Formatter, counted
from ui.base.theme import Tone, small_text
from ui.views.logs.present import Volume

HEIGHT = 40
GAP = 1.5
MIN = 2.0
"""A bar with anything in it is at least so high, so that one error among thousands is seen."""


class VolumeBars:
    """The bars, and the times of their two ends."""

    def __init__(self, formatter: Formatter, on_jump: Callable[[datetime], None]) -> None:
        self._format, self._on_jump = formatter, on_jump
        self._volume: Volume | None = None
        self._size = (0.0, 0.0)
        self._paths = [_path(tone, opacity) for tone, opacity in _LOOKS]
        self._canvas = cv.Canvas(
            list(self._paths), on_resize=self._on_resize, resize_interval=0, height=HEIGHT, expand=True
        )
        self._since, self._until = small_text(), small_text()
        self._area = ft.GestureDetector(
            content=ft.Container(self._canvas, height=HEIGHT),
            on_tap_down=self._on_tap,
            mouse_cursor=ft.MouseCursor.CLICK,
        )
        self._named = ft.Semantics(content=self._area, container=True, label="Volume of lines over time")
        self.control = ft.Column(
            [
                self._named,
                ft.Row([self._since, ft.Container(expand=True), self._until], height=16),
            ],
            spacing=0,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )

    def show(self, volume: Volume | None) -> list[ft.Control]:
        """Take other counts; return the controls to update."""
        if volume == self._volume:
            return []
        self._volume = volume
        self._draw()
        if volume is None:
            self._since.value = self._until.value = self._named.value = ""
        else:
            self._since.value = self._format.clock(volume.since)
            self._until.value = self._format.clock(volume.until)
            errors = sum(count[2] for count in volume.counts)
            warnings = sum(count[1] for count in volume.counts)
            total = sum(map(sum, volume.counts))
            self._named.value = (
                f"{counted(total, 'line')}, {counted(warnings, 'warning')}, {counted(errors, 'error')}"
            )
        return [self.control]

    def _draw(self) -> None:
        rects: tuple[list[cv.Path.PathElement], ...] = ([], [], [])
        width, height = self._size
        if self._volume is not None and width > 0:
            counts = self._volume.counts
            most = max(1, *map(sum, counts))
            step = width / len(counts)
            for i, levels in enumerate(counts):
                foot = height
                for which in (2, 1, 0):  # errors at the foot, where they are seen first
                    if levels[which]:
                        tall = max(MIN, levels[which] / most * (height - 2 * MIN))
                        foot -= tall
                        rects[which].append(
                            cv.Path.Rect(
                                x=round(i * step, 1),
                                y=round(foot, 1),
                                width=round(max(1.0, step - GAP), 1),
                                height=round(tall, 1),
                            )
                        )
        for path, elements in zip(self._paths, rects, strict=True):
            path.elements = elements

    def _on_resize(self, event: cv.CanvasResizeEvent) -> None:
        self._size = (event.width, event.height)
        self._draw()
        self._canvas.update()

    def _on_tap(self, event: ft.TapEvent[ft.GestureDetector]) -> None:
        if self._volume is not None and event.local_position is not None and self._size[0] > 0:
            self._on_jump(self._volume.moment(event.local_position.x / self._size[0]))


_LOOKS = ((Tone.QUIET, 0.45), (Tone.WARNING, 1.0), (Tone.BAD, 1.0))


def _path(tone: Tone, opacity: float) -> cv.Path:
    color = ft.Colors.with_opacity(opacity, tone.color) if opacity < 1 else tone.color
    return cv.Path([], paint=ft.Paint(color=color, style=ft.PaintingStyle.FILL))
