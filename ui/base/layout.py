"""The size of the frame around the views, and the breakpoints of the window's width."""

from typing import Final

import flet as ft

MIN_WIDTH: Final = 640
MIN_HEIGHT: Final = 400
"""The smallest window, and what 1280x800 is at 200 %: all can be reached there."""
NARROW_BELOW: Final = 1080
"""Below this width of the window cards stand in fewer columns."""
SLIM_BELOW: Final = 560
"""Below this one they stand one below the other."""
LOW_BELOW: Final = 560
"""Below this height of the window the rail has icons alone."""
BREAKPOINTS: Final[dict[ft.ResponsiveRowBreakpoint | str, ft.Number]] = {
    "xs": 0,
    "md": SLIM_BELOW,
    "lg": NARROW_BELOW,
}
"""Of all rows whose cards go below each other; the toolkit goes by the width of the window."""
WIDE_FROM: Final = 1440
"""From this width of the window on the rail has labels beside its icons, and rows have room side by side."""
RAIL_WIDTH: Final = 72
WIDE_RAIL_WIDTH: Final = 200
TOPBAR_HEIGHT: Final = 48
FOOT_HEIGHT: Final = 20
"""Kept free below the views: with their padding it is where new messages are, which so cover nothing.

A view that scrolls as a whole goes down to the edge of the window, and has this below its last part.
"""
