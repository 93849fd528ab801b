"""Dialogs: while one is open, all keys are its own but Escape, which closes it."""

from collections.abc import Callable
from typing import Any

import flet as ft

from ui.base.context import UiContext


def show_dialog(
    page: ft.Page, context: UiContext, dialog: ft.AlertDialog, *, on_gone: Callable[[], None] | None = None
) -> Callable[[], None]:
    """Show a dialog until it is closed; nothing below it hears a key meanwhile.

    A dialog without a button gets Close. Returns what closes it.
    ``on_gone`` is told when it has gone, however it was closed.
    """
    below = context.close_dialog

    def let_go() -> None:
        if context.close_dialog is close:
            context.close_dialog = below

    def close() -> None:
        let_go()
        if dialog.open:
            dialog.open = False
            dialog.update()
            if on_gone is not None:
                on_gone()

    def on_dismiss(_event: Any) -> None:
        let_go()
        if on_gone is not None:
            on_gone()

    dialog.on_dismiss = on_dismiss
    if isinstance(dialog.title, ft.Text):
        dialog.semantics_label = dialog.title.value
    if not dialog.actions:
        dialog.actions = [ft.TextButton("Close", on_click=lambda _: close())]
    context.close_dialog = close
    page.show_dialog(dialog)
    return close
