"""Above the settings of the connection: what production is, and whether the connection would work."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flet as ft

from streams.model.settings import CheckResult
from ui.base.theme import (
    HOVER,
    INK,
    LINE,
    MONO,
    QUIET_INK,
    RADIUS,
    SIZE_BODY,
    STRONG,
    STRONG_FACE,
    SelectableText,
    small_text,
)
from ui.views.settings.present import present_check, three_lines


class ConnectionCard:
    """Shows the three lines, and what each check of the connection says."""

    def __init__(self, on_test: Callable[[], Any], on_forget: Callable[[], Any]) -> None:
        self._lines = SelectableText("", size=12, font_family=MONO, color=INK)
        self._button = ft.FilledTonalButton(
            "Test connection", icon=ft.Icons.NETWORK_CHECK, on_click=lambda _: on_test()
        )
        self._results = ft.Column([], spacing=8, tight=True)
        self._kept = ft.Text("", size=SIZE_BODY, color=QUIET_INK, expand=True)
        self._access = ft.Row(
            [self._kept, ft.TextButton("Forget…", icon=ft.Icons.KEY_OFF, on_click=lambda _: on_forget())],
            spacing=12,
            visible=False,
        )
        self.control = ft.Container(
            ft.Column(
                [
                    ft.Text(
                        "In mock mode the console starts a server with a simulated fleet. Without it, it"
                        " connects to a real server and opens its database, or stops at once and says"
                        " which of the two failed. These lines of the file are all that takes:",
                        size=SIZE_BODY,
                        color=QUIET_INK,
                    ),
                    ft.Container(
                        self._lines,
                        padding=ft.Padding.symmetric(vertical=10, horizontal=14),
                        bgcolor=HOVER,
                        border=ft.Border.all(1, LINE),
                        border_radius=RADIUS,
                    ),
                    ft.Row(
                        [
                            self._button,
                            small_text("Tries what stands below, saved or not, as the start does."),
                        ],
                        spacing=12,
                    ),
                    self._results,
                    self._access,
                ],
                spacing=10,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            padding=ft.Padding.only(left=16, right=16, bottom=14),
        )

    def show_values(self, values: Mapping[str, str]) -> list[ft.Control]:
        """Show the three lines with these values; return the controls to update."""
        text = three_lines(values)
        if text == self._lines.value:
            return []
        self._lines.value = text
        return [self._lines]

    def show_kept(self, place: str) -> ft.Control:
        """Show where the token that a person gave is kept, nothing where none is; return what to update."""
        self._kept.value = f"The token that you gave is kept in {place}."
        self._access.visible = bool(place)
        return self._access

    def testing(self, on: bool) -> ft.Control:
        """Show that the checks are being made; return the control to update."""
        self._button.disabled = on
        self._button.content = "Testing…" if on else "Test connection"
        if on:
            self._results.controls = []
        return self.control

    def show_results(self, results: Sequence[CheckResult]) -> ft.Control:
        """Show what each check found; return the control to update."""
        self._results.controls = [_result(check) for check in results]
        return self.control


def _result(check: CheckResult) -> ft.Control:
    word, icon, tone = present_check(check)
    words: list[ft.Control] = [SelectableText(check.message, size=SIZE_BODY, color=INK)]
    if check.hint:
        words.append(SelectableText(check.hint, size=SIZE_BODY, color=QUIET_INK))
    return ft.Semantics(
        content=ft.Row(
            [
                ft.Icon(icon, size=18, color=tone.color),
                ft.Text(
                    check.name, size=SIZE_BODY, weight=STRONG, font_family=STRONG_FACE, color=INK, width=76
                ),
                ft.Text(word, size=SIZE_BODY, color=tone.color, width=90),
                ft.Column(words, spacing=2, tight=True, expand=True),
            ],
            spacing=8,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        container=True,
        live_region=True,
        label=f"{check.name}: {word}",
    )
