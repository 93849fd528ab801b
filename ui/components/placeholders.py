"""Placeholders: the skeleton while data loads, and the sentence when there is none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from ui.base.theme import FADE_MS, QUIET_INK, SIZE_BODY


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
