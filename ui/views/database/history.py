"""Beside the editor: the statements that were run and those that were saved, kept between starts."""

from collections.abc import Callable
from typing import Any, Final, cast

import flet as ft

from ui.base.context import UiContext
from ui.base.theme import HOVER, INK, MONO, QUIET_INK, STRONG, STRONG_FACE, small_text
from ui.components.frame import edge_to_edge
from ui.components.icon_button import IconButton

WIDTH: Final = 240
MAX: Final = 60
_HISTORY, _SAVED = "database.history", "database.saved"


class QueryLists:
    """History and saved statements; ``control`` goes into the page."""

    def __init__(self, context: UiContext, on_pick: Callable[[str], None]) -> None:
        self._prefs, self._on_pick = context.prefs, on_pick
        self.history: list[str] = _texts(context.prefs.get(_HISTORY))
        self.saved: list[str] = _texts(context.prefs.get(_SAVED))
        self._list = ft.ListView([], expand=True, spacing=0, padding=6)
        self.control = edge_to_edge(self._list, width=WIDTH)
        self._draw()

    def ran(self, sql: str) -> list[ft.Control]:
        """Put a statement on top of the history; return the controls to update."""
        self.history = [sql, *(text for text in self.history if text != sql)][:MAX]
        self._prefs.put(_HISTORY, list(self.history))
        return self._draw()

    def toggle_saved(self, sql: str) -> list[ft.Control]:
        """Save a statement, or forget it if it is saved; return the controls to update."""
        if sql in self.saved:
            self.saved.remove(sql)
        else:
            self.saved.insert(0, sql)
        self._prefs.put(_SAVED, list(self.saved))
        return self._draw()

    def _draw(self) -> list[ft.Control]:
        lines: list[ft.Control] = [_head("Saved")]
        lines += [self._line(sql, saved=True) for sql in self.saved] or [
            _hint("Save a statement with the star to find it here.")
        ]
        lines.append(_head("History"))
        lines += [self._line(sql, saved=False) for sql in self.history] or [
            _hint("What you run is kept here between starts.")
        ]
        self._list.controls = lines
        return [self._list]

    def _line(self, sql: str, *, saved: bool) -> ft.Control:
        text = ft.Text(
            " ".join(sql.split()),
            size=11.5,
            font_family=MONO,
            color=INK,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
            expand=True,
        )
        parts: list[ft.Control] = [text]
        if saved:
            parts.append(
                IconButton(
                    ft.Icons.CLOSE,
                    icon_size=14,
                    width=24,
                    height=24,
                    tooltip="Forget this saved statement",
                    style=ft.ButtonStyle(padding=ft.Padding.all(0)),
                    on_click=lambda _event: self._forget(sql),
                )
            )
        return ft.Container(
            ft.Row(parts, spacing=4),
            padding=ft.Padding.symmetric(horizontal=10, vertical=6),
            border_radius=6,
            ink=True,
            ink_color=HOVER,
            tooltip=ft.Tooltip(message=sql[:600], wait_duration=ft.Duration(milliseconds=700)),
            on_click=lambda _event: self._on_pick(sql),
        )

    def _forget(self, sql: str) -> None:
        if sql in self.saved:
            for control in self.toggle_saved(sql):
                control.update()


def _head(text: str) -> ft.Control:
    return ft.Container(
        ft.Text(text, size=12, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK),
        padding=ft.Padding.only(left=10, top=8, bottom=4),
    )


def _hint(text: str) -> ft.Control:
    hint = small_text(text)
    hint.no_wrap, hint.max_lines = False, 3
    return ft.Container(hint, padding=ft.Padding.symmetric(horizontal=10, vertical=4))


def _texts(kept: object) -> list[str]:
    if not isinstance(kept, list):
        return []
    return [text for text in cast(list[Any], kept) if isinstance(text, str)][:MAX]
