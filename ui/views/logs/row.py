"""One row of the log: time, level, source, message with fields, and a button that copies the line."""

import math
from collections.abc import Callable
from typing import Any

import flet as ft

from streams.model.log_match import Search
from streams.model.logs import LogLine
from streams.model.safe_text import label_text
from ui.base.format import Formatter
from ui.base.theme import HOVER, INK, LINE, MONO, QUIET_INK, SELECTED, Tone
from ui.components.icon_button import IconButton
from ui.views.logs.present import LEVEL_LOOKS, SOURCE_WORDS, Piece, clock_text, cut_pieces, present_pieces

TEXT_SIZE = 12
_COLUMN = 7.3
"""Pixels of a sign of the monospace face in that size, as they are drawn."""
_TIME, _ICON, _LEVEL, _SOURCE, _COPY = 96, 14, 60, 66, 26
_GAP, _LEFT, _RIGHT = 8, 14, 6
_TAKEN = _LEFT + _TIME + _ICON + _LEVEL + _SOURCE + _COPY + 5 * _GAP + _RIGHT
"""Pixels of a row that are not for its message."""
_QUIET = ft.TextStyle(color=QUIET_INK)
_FOUND = ft.TextStyle(bgcolor=ft.Colors.with_opacity(0.32, Tone.WARNING.color), color=INK)


class Marking:
    """What is searched for now; rows ask it when they are bound."""

    def __init__(self) -> None:
        self.search = Search("")


def _text(width: int | None = None, **settings: Any) -> ft.Text:
    return ft.Text(
        "",
        size=TEXT_SIZE,
        font_family=MONO,
        color=INK,
        no_wrap=True,
        max_lines=1,
        overflow=ft.TextOverflow.ELLIPSIS,
        width=width,
        **settings,
    )


class LogRow:
    """The controls of one visible line."""

    def __init__(
        self,
        formatter: Formatter,
        marking: Marking,
        *,
        on_open: Callable[[Any], Any],
        on_copy: Callable[[Any], Any],
    ) -> None:
        self._format, self._marking = formatter, marking
        self._time = _text(_TIME)
        self._time.color = QUIET_INK
        self._icon = ft.Icon(ft.Icons.INFO_OUTLINE, size=_ICON)
        self._level = _text(_LEVEL)
        self._source = _text(_SOURCE)
        self._source.color = QUIET_INK
        self._message = _text(expand=True)
        copy = IconButton(
            ft.Icons.CONTENT_COPY,
            icon_size=13,
            width=_COPY,
            height=22,
            tooltip="Copy line",
            style=ft.ButtonStyle(padding=ft.Padding.all(0), icon_color=QUIET_INK),
            on_click=on_copy,
        )
        self.control = ft.Container(
            ft.Row(
                [self._time, self._icon, self._level, self._source, self._message, copy],
                spacing=_GAP,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            padding=ft.Padding.only(left=_LEFT, right=_RIGHT),
            border=ft.Border.only(bottom=ft.BorderSide(1, ft.Colors.with_opacity(0.5, LINE))),
            ink=True,
            ink_color=HOVER,
            on_click=on_open,
        )
        self._shown: tuple[LogLine, Search] | None = None
        self._current = False
        self._columns = math.inf

    def fit(self, width: float) -> None:
        """Take the width there is; what is bound next fits into it."""
        columns = (width - _TAKEN) // _COLUMN
        if columns != self._columns:
            self._columns, self._shown = columns, None

    def show(self, line: LogLine) -> list[ft.Control]:
        """Bind to a line; return the leaves that changed."""
        search = self._marking.search
        before = self._shown
        if before is not None and before[0] is line and before[1] is search:
            return []
        self._shown = (line, search)
        changed: list[ft.Control] = []
        look = LEVEL_LOOKS[line.level]
        if before is None or before[0].level is not line.level:
            self._icon.icon, self._icon.color = look.icon, look.tone.color
            self._level.value, self._level.color = look.word, look.tone.color
            changed += [self._icon, self._level]
        if before is None or before[0].source is not line.source:
            self._source.value = SOURCE_WORDS[line.source]
            changed.append(self._source)
        time = clock_text(line.at, self._format)
        if time != self._time.value:
            self._time.value = time
            self._time.tooltip = self._format.exact_time(line.at)
            changed.append(self._time)
        self._show_pieces(cut_pieces(present_pieces(line, search), self._columns))
        changed.append(self._message)
        return changed

    def _show_pieces(self, pieces: tuple[Piece, ...]) -> None:
        first = pieces[0] if pieces else Piece("")
        plain = not (first.quiet or first.found)
        self._message.value = label_text(first.text) if plain else ""
        self._message.spans = [
            ft.TextSpan(
                label_text(piece.text), style=_FOUND if piece.found else _QUIET if piece.quiet else None
            )
            for piece in pieces[1 if plain else 0 :]
        ]

    def mark(self, *, current: bool) -> bool:
        """Draw whether its details are open; return whether anything changed."""
        if current == self._current:
            return False
        self._current = current
        self.control.bgcolor = SELECTED if current else None
        return True
