"""Completion of the name before the caret, and the line that offers it.

The editor has a list of its own, but takes its first entry with Enter wherever a word can be longer: after
``files`` a new line became ``files_changed``. Hence this one, which takes nothing unasked.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import flet as ft

from ui.base.theme import FLOAT, INK, LINE, MONO, QUIET_INK, SELECTED

MAX: Final = 5
_MIN: Final = 2
_WORD: Final = re.compile(r"[^\W\d]\w*\Z")
_REACH: Final = 80


@dataclass(frozen=True, slots=True)
class Offer:
    """The words that may take the place of what stands between two places of a text."""

    start: int
    end: int
    words: tuple[str, ...]


def offer(text: str, caret: int, names: Sequence[str], keywords: Iterable[str]) -> Offer | None:
    """Return what completes the word before the caret; None within a word, and where it is a whole one."""
    found = _WORD.search(text[max(0, caret - _REACH) : caret])
    if found is None or len(found.group()) < _MIN or text[caret : caret + 1].isidentifier():
        return None
    typed = found.group()
    words = [*names, *(word.lower() if typed.islower() else word for word in keywords)]
    fitting = dict.fromkeys(word for word in words if word.casefold().startswith(typed.casefold()))
    if not fitting or any(word.casefold() == typed.casefold() for word in fitting):
        return None
    return Offer(caret - len(typed), caret, tuple(fitting)[:MAX])


class CompletionLine:
    """Shows an offer over the lower edge of the editor; ``control`` goes into a stack."""

    def __init__(self) -> None:
        self._shown: tuple[tuple[str, ...], int] = ((), -1)
        self._words = [_Word() for _ in range(MAX)]
        hint = ft.Text("Ctrl+Space", size=11, color=QUIET_INK, no_wrap=True)
        self.control = ft.Container(
            ft.Row([*(word.control for word in self._words), hint], spacing=2, tight=True),
            right=8,
            bottom=6,
            height=28,
            padding=ft.Padding.only(left=3, right=10),
            bgcolor=FLOAT,
            border=ft.Border.all(1, LINE),
            border_radius=8,
            visible=False,
        )

    def show(self, words: tuple[str, ...], chosen: int = -1) -> list[ft.Control]:
        """Show these words, one of them as chosen; return the controls to update."""
        if (words, chosen) == self._shown:
            return []
        self._shown = (words, chosen)
        self.control.visible = bool(words)
        for number, word in enumerate(self._words):
            word.show(words[number] if number < len(words) else "", number == chosen)
        return [self.control]


class _Word:
    def __init__(self) -> None:
        self._text = ft.Text("", size=12, font_family=MONO, color=INK, no_wrap=True)
        self.control = ft.Container(
            self._text, padding=ft.Padding.symmetric(vertical=2, horizontal=7), border_radius=6
        )

    def show(self, word: str, chosen: bool) -> None:
        self._text.value = word if len(word) <= 24 else f"{word[:23]}…"
        self.control.visible = bool(word)
        self.control.bgcolor = SELECTED if chosen else None
