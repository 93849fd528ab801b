"""The panel at the right of a view: what belongs to the one thing that is selected."""

from collections.abc import Callable, Sequence

import flet as ft

from streams.model.safe_text import label_text
from ui.base.theme import (
    INK,
    LINE,
    QUIET_INK,
    SELECTED,
    SIZE_BODY,
    SIZE_SMALL,
    STRONG,
    STRONG_FACE,
    SelectableText,
    text_style,
)
from ui.components.frame import framed
from ui.components.icon_button import IconButton

WIDTH = 360


class SidePanel:
    """A titled panel of fixed width; its body scrolls, its head and foot stay.

    Whoever holds it shows and hides it; ``on_close`` says that the user wants it gone.
    """

    def __init__(
        self,
        body: ft.Control,
        *,
        on_close: Callable[[], object],
        label: str,
        foot: Sequence[ft.Control] = (),
        subtitle: ft.Control | None = None,
    ) -> None:
        self._title = ft.Text(
            "",
            size=16,
            weight=STRONG,
            font_family=STRONG_FACE,
            color=INK,
            no_wrap=True,
            overflow=ft.TextOverflow.ELLIPSIS,
            expand=True,
        )
        close = IconButton(
            ft.Icons.CLOSE,
            icon_size=18,
            tooltip="Close details",
            width=32,
            height=32,
            style=ft.ButtonStyle(padding=ft.Padding.all(0)),
            on_click=lambda _event: on_close(),
        )
        head: list[ft.Control] = [ft.Row([self._title, close], spacing=8)]
        if subtitle is not None:
            head.append(subtitle)
        self.scrolled = ft.Column([body], scroll=ft.ScrollMode.AUTO, expand=True)
        parts: list[ft.Control] = [
            ft.Container(
                ft.Column(head, spacing=2), padding=ft.Padding.only(left=16, right=8, top=8, bottom=8)
            ),
            ft.Container(
                self.scrolled,
                expand=True,
                padding=ft.Padding.only(left=16, right=4),
            ),
        ]
        if foot:
            parts.append(
                ft.Container(
                    ft.Row(list(foot), spacing=4),
                    padding=ft.Padding.symmetric(vertical=8, horizontal=12),
                    border=ft.Border.only(top=ft.BorderSide(1, LINE)),
                )
            )
        self._label = label
        self._named = ft.Semantics(
            content=ft.Column(
                parts, spacing=0, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
            container=True,
            label=label,
        )
        self.control = framed(ft.Container(self._named, padding=1), width=WIDTH)

    def show(self, title: str, subject: str | None = None) -> list[ft.Control]:
        """Put this title above what tells of ``subject``; return the controls to update.

        What is shown of another subject begins at its top.
        """
        key, title = subject or title, label_text(title)
        if (self.scrolled.key, self._title.value) == (key, title):
            return []
        self._title.value, self._title.tooltip = title, title
        # How far it was scrolled goes with a key, which counts only where what is around it is drawn anew.
        self.scrolled.key, self._named.label = key, f"{self._label}: {title}"
        return [self._named]


def section(title: str, body: ft.Control, trailing: ft.Control | None = None) -> ft.Column:
    """Return a part of a panel under its small title."""
    head = ft.Text(title, size=12, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK, expand=True)
    row: list[ft.Control] = [head] if trailing is None else [head, trailing]
    return ft.Column([ft.Row(row, height=22), body], spacing=4, tight=True)


def log_button(on_click: Callable[[], None]) -> ft.TextButton:
    """Return what leads from a part of a panel to its lines in the log."""
    return ft.TextButton(
        content=ft.Text("Log lines", size=SIZE_SMALL),
        height=24,
        style=ft.ButtonStyle(padding=ft.Padding.symmetric(horizontal=6)),
        on_click=lambda _event: on_click(),
    )


_FILLED: dict[ft.ControlState, ft.ColorValue] = {
    ft.ControlState.DEFAULT: SELECTED,
    # Not a translucent one: the shadow of the button would be seen through it.
    ft.ControlState.DISABLED: ft.Colors.SURFACE_CONTAINER_HIGHEST,
}


def foot_button(
    label: str, on_click: Callable[[], None], *, filled: bool = False, tooltip: str = ""
) -> ft.TextButton | ft.FilledTonalButton:
    """Return a button small enough that four of them fit into the foot of a panel."""
    make = ft.FilledTonalButton if filled else ft.TextButton
    return make(
        content=label,
        height=32,
        tooltip=tooltip or None,
        style=ft.ButtonStyle(
            padding=ft.Padding.symmetric(horizontal=12 if filled else 9),
            text_style=text_style(size=SIZE_BODY),
            bgcolor=_FILLED if filled else None,
        ),
        on_click=lambda _event: on_click(),
    )


class Facts:
    """Lines of a label and a value, set by name."""

    def __init__(self, labels: dict[str, str], *, mono: Sequence[str] = (), font: str | None = None) -> None:
        self._values = {
            name: SelectableText(
                "",
                color=INK,
                size=11 if name in mono else SIZE_BODY,
                font_family=font if name in mono else None,
                no_wrap=True,
                overflow=ft.TextOverflow.ELLIPSIS,
                selectable=name in mono,
                expand=True,
            )
            for name in labels
        }
        self.control = ft.Column(
            [
                ft.Row(
                    [
                        ft.Text(label, size=SIZE_SMALL, color=QUIET_INK, width=92, no_wrap=True),
                        self._values[name],
                    ]
                )
                for name, label in labels.items()
            ],
            spacing=5,
            tight=True,
        )

    def set(self, name: str, text: str, tooltip: str = "") -> list[ft.Control]:
        """Show a value; return the controls to update."""
        value, text, tooltip = self._values[name], label_text(text), label_text(tooltip)
        if (value.value, value.tooltip) == (text, tooltip or None):
            return []
        value.value, value.tooltip = text, tooltip or None
        return [value]
