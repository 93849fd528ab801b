"""The scrollbar of a windowed table: a thumb in a track, dragged or clicked beside."""

from collections.abc import Callable

import flet as ft

from ui.components.data_table.viewport import Window

WIDTH = 10


class Scrollbar:
    """Draws where a window stands in its list and moves it when dragged."""

    def __init__(self, window: Window, on_move: Callable[[int], None]) -> None:
        self._window, self._on_move = window, on_move
        self._height = 0.0
        self._top = 0.0
        self._thumb = ft.Container(
            width=6,
            left=2,
            top=0,
            height=0,
            border_radius=3,
            bgcolor=ft.Colors.with_opacity(0.35, ft.Colors.ON_SURFACE),
            visible=False,
        )
        self._stack = ft.Stack([self._thumb], width=WIDTH, expand=True)
        self.control = ft.GestureDetector(
            content=ft.Container(self._stack, width=WIDTH),
            drag_interval=30,
            exclude_from_semantics=True,
            on_tap_down=self._on_tap,
            on_vertical_drag_start=self._on_drag_start,
            on_vertical_drag_update=self._on_drag,
            width=WIDTH,
        )

    def place(self, height: float) -> bool:
        """Put the thumb where the window is, in a track of ``height``; return whether anything changed."""
        self._height = height
        shape = self._window.thumb(height)
        before = (self._thumb.visible, self._thumb.top, self._thumb.height)
        self._thumb.visible = shape is not None
        if shape is not None:
            self._thumb.top, self._thumb.height = round(shape[0], 1), round(shape[1], 1)
        return before != (self._thumb.visible, self._thumb.top, self._thumb.height)

    @property
    def leaf(self) -> ft.Control:
        """What must be updated after ``place``; the thumb itself may just have become visible."""
        return self._stack

    def _on_tap(self, event: ft.TapEvent[ft.GestureDetector]) -> None:
        shape = self._window.thumb(self._height)
        if shape is None or event.local_position is None:
            return
        top, length = shape
        y = event.local_position.y
        if not top <= y <= top + length:
            page = self._window.visible if y > top else -self._window.visible
            self._on_move(self._window.offset + page)

    def _on_drag_start(self, _event: ft.DragStartEvent[ft.GestureDetector]) -> None:
        self._top = float(self._thumb.top or 0)

    def _on_drag(self, event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        self._top += event.primary_delta or 0.0
        self._on_move(self._window.offset_at(self._top, self._height))
