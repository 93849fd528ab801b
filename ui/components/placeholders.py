"""The layers of a box besides its body: the skeleton, the sentence when it is empty, the error."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import flet as ft

from streams.model.failures import Failure
from ui.base.format import rough_duration_text
from ui.base.theme import FADE_MS, INK, QUIET_INK, SIZE_BODY, Tone, small_text


@dataclass(frozen=True, slots=True)
class Empty:
    """What an empty part says: an icon, one sentence why, and one thing to do."""

    text: str
    icon: ft.IconData = ft.Icons.INBOX
    action_label: str = ""
    on_action: Callable[[], Any] | None = None


def _bar(width: int, height: int) -> ft.Container:
    return ft.Container(
        width=width,
        height=height,
        border_radius=4,
        bgcolor=ft.Colors.with_opacity(0.08, ft.Colors.ON_SURFACE),
    )


def skeleton(rows: int, height: int, compact: bool) -> ft.Container:
    """Return lines that stand where words will be."""
    widths = (280, 360, 220, 320, 260)
    bars: list[ft.Control] = [_bar(96 if compact else widths[i % len(widths)], height) for i in range(rows)]
    return ft.Container(
        ft.Semantics(content=ft.Column(bars, spacing=12, tight=True), label="Loading", container=True),
        visible=False,
        clip_behavior=ft.ClipBehavior.HARD_EDGE,
        alignment=ft.Alignment.TOP_LEFT,
        padding=ft.Padding.only(top=4),
        animate_opacity=FADE_MS,
    )


def empty_layer(empty: Empty, compact: bool) -> ft.Container:
    """Return what says that there is nothing, and why."""
    words = ft.Text(
        empty.text, size=SIZE_BODY, color=QUIET_INK, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS
    )
    icon = ft.Icon(empty.icon, size=18 if compact else 22, color=QUIET_INK)
    parts: list[ft.Control] = [icon, words]
    if empty.on_action is not None:
        parts.append(
            ft.TextButton(empty.action_label, on_click=lambda _: empty.on_action and empty.on_action())
        )
    return ft.Container(
        ft.Row(
            parts,
            alignment=ft.MainAxisAlignment.START if compact else ft.MainAxisAlignment.CENTER,
            spacing=10,
        ),
        visible=False,
    )


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
