"""A row of slim cards, each a number that filters the table below when clicked; described by a tuple."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import flet as ft

from ui.base.format import UNKNOWN
from ui.base.schemes import fade
from ui.base.theme import (
    CARD,
    GAP,
    INK,
    LINE,
    QUIET_INK,
    RADIUS,
    SELECTED,
    SIZE_CARD_TITLE,
    SIZE_TITLE,
    STRONG,
    STRONG_FACE,
    Tone,
)
from ui.components.frame import Frame

HEIGHT = 60


@dataclass(frozen=True, slots=True)
class FilterCard:
    """One card: the name of its filter, its title, and what it says it will do."""

    name: str
    title: str
    hint: str


@dataclass(frozen=True, slots=True)
class CardWords:
    """What a card shows: number, small words, exact value as tooltip, a tone that calls for a look."""

    number: str
    note: str = ""
    tooltip: str = ""
    tone: Tone | None = None


class _Card:
    def __init__(self, card: FilterCard, on_click: Callable[[str], None]) -> None:
        self._number = ft.Text(
            UNKNOWN, size=SIZE_TITLE, weight=STRONG, font_family=STRONG_FACE, color=INK, no_wrap=True
        )
        self._note = ft.Text(
            "", size=12, color=QUIET_INK, no_wrap=True, overflow=ft.TextOverflow.ELLIPSIS, expand=True
        )
        title = ft.Text(
            card.title,
            size=SIZE_CARD_TITLE,
            weight=STRONG,
            font_family=STRONG_FACE,
            color=QUIET_INK,
            no_wrap=True,
        )
        line = ft.Row(
            [self._number, self._note], spacing=8, vertical_alignment=ft.CrossAxisAlignment.END, height=26
        )
        self._frame = Frame()
        self.button = ft.Container(
            ft.Column([title, line], spacing=0, tight=True),
            padding=ft.Padding.symmetric(vertical=7, horizontal=15),
            border_radius=RADIUS,
            ink=True,
            tooltip=card.hint,
            on_click=lambda _event: on_click(card.name),
        )
        fade(self.button, on=False)
        self.control = ft.Stack(
            [self._frame, self.button], fit=ft.StackFit.EXPAND, height=HEIGHT, expand=True
        )
        self._hint = card.hint
        self._words: CardWords | None = None
        self._chosen = False

    def show(self, words: CardWords, chosen: bool) -> list[ft.Control]:
        """Take words and whether this filter is on; return the controls to update."""
        changed: list[ft.Control] = []
        if self._words != words:
            self._words = words
            self._number.value, self._note.value = words.number, words.note
            self._number.color = words.tone.color if words.tone is not None else INK
            self.button.tooltip = "\n".join(part for part in (words.tooltip, self._hint) if part)
            changed.append(self.button)
        if self._chosen != chosen:
            self._chosen = chosen
            self._frame.paint(SELECTED if chosen else CARD, ft.Colors.PRIMARY if chosen else LINE)
            changed.append(self._frame)
        return changed

    def dim(self, dimmed: bool) -> list[ft.Control]:
        """Show that the number may no longer be true, or that it is; return the controls to update."""
        return [self.button] if fade(self.button, on=dimmed) else []


class FilterCards:
    """The cards above a table; ``control`` goes into the page."""

    def __init__(self, cards: Sequence[FilterCard], on_click: Callable[[str], None]) -> None:
        self._cards = {card.name: _Card(card, on_click) for card in cards}
        self.control = ft.Row([card.control for card in self._cards.values()], spacing=GAP)

    def show(self, words: dict[str, CardWords], chosen: str | None) -> list[ft.Control]:
        """Show numbers and which filter is on; return the controls to update."""
        return [
            changed
            for name, card in self._cards.items()
            for changed in card.show(words[name], name == chosen)
        ]

    def dim(self, dimmed: bool) -> list[ft.Control]:
        """Show that the numbers may no longer be true, or that they are; return the controls to update."""
        return [changed for card in self._cards.values() for changed in card.dim(dimmed)]
