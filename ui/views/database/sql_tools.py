"""The buttons between the editor and the answer, and the grip that gives one of them more room."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import flet as ft

from streams.model.statements import ExportFormat
from ui.base.theme import LINE, QUIET_INK, body_text
from ui.components.icon_button import IconButton
from ui.components.menus import minded

_PIN = "Pin: run again when the data changes"
_EXPORTS: Final = {
    ExportFormat.CSV: "Export as CSV",
    ExportFormat.CSV_UNGUARDED: "Export as CSV, formulas not guarded",
    ExportFormat.JSON: "Export as JSON",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlActs:
    """What the buttons do."""

    run: Callable[[], None]
    cancel: Callable[[], None]
    explain: Callable[[], None]
    pin: Callable[[], None]
    save: Callable[[], None]
    export: Callable[[ExportFormat], None]


class SqlTools:
    """Run, cancel, explain, pin, save and export; ``control`` goes into the page."""

    def __init__(self, acts: SqlActs, status: ft.Control) -> None:
        self.go = ft.FilledButton(
            "Run", icon=ft.Icons.PLAY_ARROW, tooltip="Ctrl+Enter", height=34, on_click=lambda _e: acts.run()
        )
        self.stop = ft.OutlinedButton(
            "Cancel", icon=ft.Icons.STOP, height=34, visible=False, on_click=lambda _e: acts.cancel()
        )
        self.pin = _icon_button(ft.Icons.PUSH_PIN_OUTLINED, _PIN, acts.pin)
        explain = ft.TextButton(
            "Explain",
            icon=ft.Icons.ACCOUNT_TREE_OUTLINED,
            height=34,
            tooltip="How the database would answer (EXPLAIN QUERY PLAN)",
            on_click=lambda _e: acts.explain(),
        )
        export = ft.PopupMenuButton(
            icon=ft.Icon(
                ft.Icons.DOWNLOAD, size=18, color=QUIET_INK, semantics_label="Export the whole result"
            ),
            tooltip=ft.Tooltip(message="Export the whole result", exclude_from_semantics=True),
            menu_position=ft.PopupMenuPosition.UNDER,
            items=[
                ft.PopupMenuItem(
                    content=body_text(label), height=32, on_click=lambda _e, kind=kind: acts.export(kind)
                )
                for kind, label in _EXPORTS.items()
            ],
        )
        save = _icon_button(ft.Icons.STAR_BORDER, "Save or forget this statement", acts.save)
        self.control = ft.Row(
            [self.go, self.stop, explain, self.pin, save, minded(export), status], spacing=6, height=36
        )

    def show_running(self, running: bool, *, exporting: bool) -> None:
        """Offer to cancel while something runs."""
        self.stop.visible = running
        self.go.disabled = running and exporting

    def show_pinned(self, pinned: bool) -> None:
        """Draw whether the statement follows the data."""
        self.pin.icon = ft.Icons.PUSH_PIN if pinned else ft.Icons.PUSH_PIN_OUTLINED
        self.pin.icon_color = ft.Colors.PRIMARY if pinned else None
        self.pin.tooltip = "Unpin" if pinned else _PIN


def grip(
    on_drag: Callable[[ft.DragUpdateEvent[ft.GestureDetector]], None], on_end: Callable[[], None]
) -> ft.Control:
    """Return what is dragged to make the editor higher or lower."""
    return ft.GestureDetector(
        content=ft.Container(
            ft.Container(width=46, height=4, border_radius=2, bgcolor=LINE),
            height=12,
            alignment=ft.Alignment.CENTER,
        ),
        mouse_cursor=ft.MouseCursor.RESIZE_ROW,
        drag_interval=30,
        on_vertical_drag_update=on_drag,
        on_vertical_drag_end=lambda _e: on_end(),
    )


def _icon_button(icon: ft.IconData, tooltip: str, run: Callable[[], None]) -> IconButton:
    return IconButton(icon, icon_size=18, width=34, height=34, tooltip=tooltip, on_click=lambda _e: run())
