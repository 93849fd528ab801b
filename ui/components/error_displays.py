"""An error in the place of data: the cause, since when, a way to try again, and one to its log lines."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import flet as ft

from streams.model.failures import Failure
from ui.base.format import rough_duration_text
from ui.base.theme import INK, SIZE_BODY, Tone, small_text


class ErrorLayer(ft.Container):
    """What failed, why, since when, a way to try again, and one to its log lines."""

    def __init__(self, compact: bool, on_retry: Callable[[], Any], *, stacked: bool = False) -> None:
        self._log = ft.TextButton("Show log", visible=False)
        self._what = ft.Text("", size=SIZE_BODY, color=INK, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)
        self._why = small_text()
        self._why.no_wrap, self._why.max_lines = False, 2
        self._failure: Failure | None = None
        self._compact = compact
        icon = ft.Icon(ft.Icons.ERROR, size=18 if compact else 22, color=Tone.BAD.color)
        if compact:
            content = ft.Row([icon, ft.Container(self._what, expand=True)], spacing=8)
        else:
            again = ft.OutlinedButton("Try again", on_click=lambda _: on_retry())
            words = ft.Column([self._what, self._why], spacing=2, tight=True, expand=True)
            if stacked:  # where there is not enough room for words and buttons side by side
                content = ft.Column(
                    [
                        ft.Row([icon, words], spacing=12),
                        ft.Row([ft.Container(width=22), again, self._log], spacing=12),
                    ],
                    spacing=8,
                    alignment=ft.MainAxisAlignment.CENTER,
                )
            else:
                content = ft.Row([icon, words, self._log, again], spacing=12)
        super().__init__(content, visible=False)

    def show(self, failure: Failure, now: datetime, show_log: Callable[[], Any] | None) -> None:
        """Word ``failure``; ``show_log`` leads to its log lines, where there are any."""
        self._failure = failure
        self._log.visible = show_log is not None
        self._log.on_click = show_log
        self._what.value = "No data" if self._compact else failure.message
        self.tooltip = f"{failure.message} {failure.hint}".strip() if self._compact else None
        self.age(now)

    def age(self, now: datetime) -> bool:
        """Let its age grow; return whether that changed the words."""
        if self._failure is None:
            return False
        since = f"Failing for {rough_duration_text((now - self._failure.since).total_seconds())}."
        words = f"{since} {self._failure.hint}".strip()  # how long first: the hint may be cut
        changed = words != self._why.value
        self._why.value = words
        return changed
