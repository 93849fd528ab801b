"""The surface of the slim bars under the top bar that say on every view what is wrong; hidden at first."""

from collections.abc import Sequence

import flet as ft

from ui.base.theme import SIZE_BODY

ALERT_INK = ft.Colors.ON_ERROR_CONTAINER
"""The colour of all that stands on the bar."""


def alert_words() -> ft.Text:
    """Return the line that the bar says; what is too long for it is cut at its end."""
    return ft.Text(
        "", size=SIZE_BODY, color=ALERT_INK, expand=True, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS
    )


def alert_bar(parts: Sequence[ft.Control]) -> ft.Container:
    """Return a bar of these parts, which is read aloud when it changes."""
    row = ft.Row(list(parts), spacing=10)
    return ft.Container(
        ft.Semantics(content=row, live_region=True, container=True),
        height=38,
        padding=ft.Padding.only(left=20, right=12),
        bgcolor=ft.Colors.ERROR_CONTAINER,
        visible=False,
    )
