"""A state as icon and word in its colour; never colour alone."""

from enum import StrEnum

import flet as ft

from ui.base.theme import SIZE_BODY, StateLook, look


class StatusBadge(ft.Row):
    """The word of a state behind its icon; ``set`` changes it in place."""

    def __init__(
        self, state: StateLook | StrEnum, *, size: float = SIZE_BODY, width: int | None = None
    ) -> None:
        shown = state if isinstance(state, StateLook) else look(state)
        self._shown = shown
        self._icon = ft.Icon(shown.icon, size=size + 3, color=shown.tone.color)
        self._word = ft.Text(
            shown.word, size=size, color=shown.tone.color, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS
        )
        super().__init__(
            [self._icon, self._word],
            spacing=6,
            tight=width is None,
            width=width,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        )

    @property
    def shown(self) -> StateLook:
        """What it shows."""
        return self._shown

    def set(self, state: StateLook | StrEnum, *, tooltip: str | None = None) -> bool:
        """Show another state; return whether anything changed, so that the owner touches the badge."""
        shown = state if isinstance(state, StateLook) else look(state)
        if shown == self._shown and tooltip == self.tooltip:
            return False
        self._shown = shown
        self._icon.icon, self._icon.color = shown.icon, shown.tone.color
        self._word.value, self._word.color = shown.word, shown.tone.color
        self.tooltip = tooltip
        return True
