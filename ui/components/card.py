"""The surface that every part of a view stands on."""

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from ui.base.theme import CARD_PADDING, FLOAT, HOVER, LINE, RADIUS, card_title
from ui.components.frame import framed


def card(
    title: str | ft.Control | None,
    body: ft.Control,
    *,
    trailing: Sequence[ft.Control] = (),
    on_open: Callable[[], Any] | None = None,
    open_label: str = "",
    on_hover: ft.ControlEventHandler[ft.Container] | None = None,
    spacing: float = 8,
    **stack: Any,
) -> ft.Stack:
    """Return a card: title row with what stands at its right end, and the body below.

    ``on_open`` makes the whole card lead somewhere; ``open_label`` says where.
    """
    parts: list[ft.Control] = []
    if title is not None or trailing:
        head = card_title(title) if isinstance(title, str) else title or ft.Container(expand=True)
        parts.append(
            ft.Row(
                [_heading(head) if title is not None else head, *trailing],
                spacing=8,
                height=20,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            )
        )
    parts.append(body)
    surface = ft.Container(
        ft.Column(parts, spacing=spacing),
        padding=CARD_PADDING,
        border_radius=RADIUS,
        clip_behavior=ft.ClipBehavior.HARD_EDGE,
        on_hover=on_hover,
    )
    if on_open is not None:
        surface.on_click = lambda _: on_open()
        surface.ink = True
        surface.ink_color = HOVER
        surface.tooltip = ft.Tooltip(message=open_label, wait_duration=ft.Duration(milliseconds=700))
    return framed(surface, **stack)


def _heading(head: ft.Control) -> ft.Semantics:
    # A node of its own: else all that the card says would be read as its heading.
    return ft.Semantics(content=head, header=True, container=True, expand=True)


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
