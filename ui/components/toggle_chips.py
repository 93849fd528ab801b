"""Chips that switch parts of what is shown on and off: several at a time, each with a word and an icon."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flet as ft

from ui.base.theme import CARD, FIELD_LINE, INK, QUIET_INK, SELECTED, SIZE_BODY

HEIGHT = 32


@dataclass(frozen=True, slots=True)
class Toggle:
    """One chip."""

    key: str
    label: str
    icon: ft.IconData | None = None
    color: ft.ColorValue = QUIET_INK


class ToggleChips:
    """A row of chips; ``on_change`` gets the keys that are on."""

    def __init__(
        self, name: str, toggles: Sequence[Toggle], on_change: Callable[[frozenset[str]], None]
    ) -> None:
        self._on_change = on_change
        self._on: frozenset[str] = frozenset(toggle.key for toggle in toggles)
        self._boxes: dict[str, ft.Container] = {}
        self._checks: dict[str, ft.Icon] = {}
        self._words: dict[str, ft.Text] = {}
        self._names: dict[str, ft.Semantics] = {}
        for toggle in toggles:
            self._make(name, toggle)
        self.control = ft.Row(list(self._names.values()), spacing=4, tight=True)

    def _make(self, name: str, toggle: Toggle) -> None:
        words: list[ft.Control] = []
        if toggle.icon is not None:
            words.append(ft.Icon(toggle.icon, size=15, color=toggle.color))
        word = self._words[toggle.key] = ft.Text(toggle.label, size=SIZE_BODY, color=INK, no_wrap=True)
        words.append(word)
        # Always there, so that a chip keeps its width; the colour alone would not say that it is on.
        check = self._checks[toggle.key] = ft.Icon(ft.Icons.CHECK, size=13)
        words.append(check)
        box = ft.Container(
            ft.Row(words, spacing=4, tight=True),
            height=HEIGHT,
            padding=ft.Padding.only(left=10, right=7),
            border_radius=HEIGHT / 2,
            ink=True,
            on_click=lambda _event: self._toggle(toggle.key),
        )
        self._boxes[toggle.key] = box
        self._names[toggle.key] = ft.Semantics(
            content=box, button=True, container=True, label=f"{name} {toggle.label}"
        )
        self._paint(toggle.key)

    @property
    def value(self) -> frozenset[str]:
        """The keys that are on."""
        return self._on

    def set(self, keys: frozenset[str]) -> list[ft.Control]:
        """Switch to these without telling; return the controls to update."""
        changed = keys ^ self._on
        self._on = keys
        for key in changed & self._boxes.keys():
            self._paint(key)
        return [self._names[key] for key in changed & self._names.keys()]

    def _paint(self, key: str) -> None:
        on = key in self._on
        box = self._boxes[key]
        box.bgcolor = SELECTED if on else CARD
        box.border = ft.Border.all(1, ft.Colors.PRIMARY if on else FIELD_LINE)
        self._words[key].color = INK if on else QUIET_INK
        self._checks[key].color = ft.Colors.PRIMARY if on else ft.Colors.TRANSPARENT
        self._names[key].checked = on

    def _toggle(self, key: str) -> None:
        for control in self.set(self._on ^ {key}):
            control.update()
        self._on_change(self._on)
