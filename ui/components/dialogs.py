"""Dialogs: while one is open, all keys are its own."""

from typing import Any

import flet as ft

from ui.context import UiContext


def show_dialog(page: ft.Page, context: UiContext, dialog: ft.AlertDialog) -> None:
    """Show a dialog until it is closed; nothing below it hears a key meanwhile."""

    def on_dismiss(_event: Any) -> None:
        context.modal = False

    dialog.on_dismiss = on_dismiss
    if isinstance(dialog.title, ft.Text):
        dialog.semantics_label = dialog.title.value
    context.modal = True
    page.show_dialog(dialog)
