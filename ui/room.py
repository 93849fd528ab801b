"""How much room the frame around the views takes, and from which width of the window on there is plenty."""

from typing import Final

WIDE_FROM: Final = 1440
"""From this width of the window on the rail has labels beside its icons, and rows have room side by side."""
RAIL_WIDTH: Final = 72
WIDE_RAIL_WIDTH: Final = 200
TOPBAR_HEIGHT: Final = 48
FOOT_HEIGHT: Final = 20
"""Kept free below the views: with their padding it is where new messages are, which so cover nothing."""
