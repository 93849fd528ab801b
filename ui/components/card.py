"""The surface that every part of a view stands on."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.theme import CARD, CARD_PADDING, FLOAT, HOVER, LINE, RADIUS, card_title


def card(
    title: str | ft.Control | None,
    body: ft.Control,
    *,
    trailing: Sequence[ft.Control] = (),
    on_open: Callable[[], Any] | None = None,
    open_label: str = "",
    **container: Any,
) -> ft.Container:
    """Return a card: title row with what stands at its right end, and the body below.

    ``on_open`` makes the whole card lead somewhere; ``open_label`` says where.
    """
    parts: list[ft.Control] = []
    if title is not None or trailing:
        head = card_title(title) if isinstance(title, str) else title or ft.Container()
        parts.append(
            ft.Row(
                [ft.Container(head, expand=True), *trailing],
                spacing=8,
                height=20,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            )
        )
    parts.append(body)
    surface = ft.Container(
        ft.Column(parts, spacing=8),
        padding=CARD_PADDING,
        bgcolor=CARD,
        border=ft.Border.all(1, LINE),
        border_radius=RADIUS,
        clip_behavior=ft.ClipBehavior.HARD_EDGE,
    )
    if on_open is not None:
        surface.on_click = lambda _: on_open()
        surface.ink = True
        surface.ink_color = HOVER
        surface.tooltip = ft.Tooltip(message=open_label, wait_duration=ft.Duration(milliseconds=700))
    for name, value in container.items():
        setattr(surface, name, value)
    return surface


def floating_panel(*, width: int) -> dict[str, Any]:
    """Return how everything looks that floats over the page."""
    return {
        "width": width,
        "padding": ft.Padding.symmetric(vertical=14, horizontal=16),
        "bgcolor": FLOAT,
        "border": ft.Border.all(1, LINE),
        "border_radius": RADIUS,
        "shadow": ft.BoxShadow(blur_radius=18, color=ft.Colors.with_opacity(0.18, ft.Colors.SHADOW)),
    }
