"""Menus: while one is open, the keys that walk and Escape are its own."""

from typing import Any

import flet as ft

from ui.base.context import context_of


def note_menu(menu: ft.Control, is_open: bool) -> None:
    """Tell the keys of the frame that a menu has been opened, or is gone."""
    context = context_of(menu)
    if context is not None:
        context.menu = is_open


def minded(menu: ft.PopupMenuButton) -> ft.PopupMenuButton:
    """Have a menu tell when it is open; returns it."""

    def on_gone(_event: Any) -> None:
        note_menu(menu, False)

    menu.on_open = lambda _event: note_menu(menu, True)
    menu.on_cancel = menu.on_select = on_gone
    return menu
