"""A progress bar that never pretends to know more than it does."""

from typing import Any

import flet as ft

from ui.base.theme import Tone


class ProgressLine(ft.ProgressBar):
    """A slim bar; an unknown fraction is an empty one, not an animation that says nothing."""

    def __init__(self, *, tone: Tone = Tone.BUSY, **bar: Any) -> None:
        super().__init__(
            value=0,
            bar_height=6,
            border_radius=3,
            color=tone.color,
            bgcolor=ft.Colors.with_opacity(0.10, ft.Colors.ON_SURFACE),
            year_2023=True,
            **bar,
        )

    def set(self, ratio: float | None, *, tone: Tone | None = None) -> bool:
        """Show a fraction; return whether it changed. Steps below 0.2 % are not worth a message."""
        shown = 0.0 if ratio is None else round(min(1.0, max(0.0, ratio)) * 500) / 500
        changed = shown != self.value
        self.value = shown
        if tone is not None and self.color != tone.color:
            self.color = tone.color
            changed = True
        return changed
