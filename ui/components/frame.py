"""The rounded frame that cards and tables stand on, put together so that drawing it costs next to nothing.

A box with a colour, a border and round corners is drawn by shaders that visit all of its points. Where there
is no graphics processor, a large one takes more time than all that stands on it. Here only the corners are
drawn so; the rest are plain rectangles.
"""

from typing import Any

import flet as ft

from ui.base.theme import CARD, LINE, RADIUS

_BESIDE = RADIUS - 1
"""Where what lies beside a corner begins: one point under it, so that no seam can be seen."""


class Frame(ft.Stack):
    """A surface with a border, as large as the stack that it is put into."""

    def __init__(self) -> None:
        self._middle = ft.Container(left=1, right=1, top=_BESIDE, bottom=_BESIDE)
        self._sides = [
            ft.Container(width=1, left=0, top=_BESIDE, bottom=_BESIDE),
            ft.Container(width=1, right=0, top=_BESIDE, bottom=_BESIDE),
        ]
        corners = [
            _corner(ft.BorderRadius.only(top_left=RADIUS), left=0, top=0),
            _corner(ft.BorderRadius.only(top_right=RADIUS), right=0, top=0),
            _corner(ft.BorderRadius.only(bottom_left=RADIUS), left=0, bottom=0),
            _corner(ft.BorderRadius.only(bottom_right=RADIUS), right=0, bottom=0),
        ]
        strips = [
            ft.Container(height=RADIUS, left=_BESIDE, right=_BESIDE, top=0),
            ft.Container(height=RADIUS, left=_BESIDE, right=_BESIDE, bottom=0),
        ]
        self._bordered = [*corners, *strips]
        # Between two points of the screen a corner has faint edges: what lies beside it goes over them.
        parts: list[ft.Control] = [*corners, self._middle, *strips, *self._sides]
        super().__init__(parts, left=0, right=0, top=0, bottom=0)
        self.paint(CARD, LINE)

    def paint(self, fill: ft.ColorValue, line: ft.ColorValue) -> None:
        """Take the colours of the surface and of its border."""
        side, none = ft.BorderSide(1, line), ft.BorderSide.none()
        self._middle.bgcolor = fill
        for part in self._sides:
            part.bgcolor = line
        for part in self._bordered:
            part.bgcolor = fill
            part.border = ft.Border(
                left=side if part.left == 0 else none,
                top=side if part.top == 0 else none,
                right=side if part.right == 0 else none,
                bottom=side if part.bottom == 0 else none,
            )


def _corner(radius: ft.BorderRadius, **place: Any) -> ft.Container:
    return ft.Container(width=RADIUS, height=RADIUS, border_radius=radius, **place)


def framed(content: ft.Control, **stack: Any) -> ft.Stack:
    """Return a frame with ``content`` on it; the border lies under the outermost point of that."""
    return ft.Stack([Frame(), content], fit=ft.StackFit.PASS_THROUGH, **stack)


def edge_to_edge(content: ft.Control, **stack: Any) -> ft.Stack:
    """Return a frame that is filled by ``content`` up to its border, and cuts off its corners."""
    clipped = ft.Container(content, padding=1, border_radius=RADIUS, clip_behavior=ft.ClipBehavior.ANTI_ALIAS)
    return framed(clipped, **stack)
