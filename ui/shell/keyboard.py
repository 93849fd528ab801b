"""Routes each key: from what lies on top of the page down to the rows of the view."""

from collections.abc import Callable, Mapping
from typing import Protocol

import flet as ft

from ui.base import keymap as keys
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.keymap import Act, HasMenus, HasRows, RowNavigator
from ui.shell.palette.view import PaletteView


class KeyboardHost(Protocol):
    """What the keys move about on: the frame and the view in it."""

    @property
    def shown(self) -> BoundView | None:
        """The view that is shown."""
        ...

    @property
    def covered(self) -> bool:
        """Whether a panel lies over the view."""
        ...

    def close_panels(self) -> bool:
        """Close the open panel; return whether there was one."""
        ...

    def go_to(self, number: int) -> bool:
        """Show the view of this number, counted from 0; return whether there is one."""
        ...


class Keyboard:
    """Takes each key that the page hears; ``control`` goes into the frame.

    In it is ``rest``, which has the keyboard where nothing else wants it.
    """

    def __init__(
        self,
        host: KeyboardHost,
        context: UiContext,
        palette: PaletteView,
        acts: Mapping[Act, Callable[[], None]],
    ) -> None:
        self._host, self._context, self._palette, self._acts = host, context, palette, acts
        self.rest = ft.KeyboardListener(ft.Container())
        self.control = ft.Container(self.rest, left=0, top=0, width=0, height=0)

    def take(self, event: ft.KeyboardEvent) -> None:
        """Lead a key to the first on its way that it is for."""
        context = self._context
        if context.close_dialog is not None:
            if event.key == "Escape":  # it does so by itself only while something in it has the keyboard
                context.close_dialog()
            return  # all other keys belong to the dialog
        act = keys.act_of(event, context.typing)
        if act is Act.CLOSE:
            self._step_back(event)
        elif act is not None and self._do(act):
            return
        elif self._palette.visible:
            self._palette.take_key(event)
        else:
            number = keys.view_number(event, context.typing)
            if number is None or not self._host.go_to(number):
                self._to_view(event)

    def _step_back(self, event: ft.KeyboardEvent) -> None:
        """Do what Escape asks for: one step back, what lies on top first."""
        context = self._context
        if context.menu:
            context.menu = False  # it closes by itself
        elif self._host.close_panels():
            return
        elif context.text_input is not None:
            if not context.text_input.step_back():
                self._leave_field()
        elif not context.typing:
            self._to_view(event)

    def _leave_field(self) -> None:
        view = self._host.shown
        if view is not None:
            view.act("Leave the field", (_rows_of(view) or self.rest).focus())

    def _do(self, act: Act) -> bool:
        """Do what a key asks of the frame; return whether it was for the frame now."""
        open_palette = bool(self._palette.visible)
        if act in (Act.UP, Act.DOWN):
            if open_palette:
                self._palette.move(-1 if act is Act.UP else 1)
            return open_palette
        if act is Act.FIND:
            view = self._host.shown
            return not open_palette and view is not None and view.find()
        self._acts[act]()
        return True

    def _to_view(self, event: ft.KeyboardEvent) -> None:
        view = self._host.shown
        if view is None or view.on_key(event):
            return
        rows = _rows_of(view)
        busy = self._context.typing or self._context.menu or event.alt or self._host.covered
        if rows is None or busy:
            return
        if isinstance(rows, HasMenus) and keys.asks_for_menu(event):
            view.act("Open the menu", rows.open_menu())
        elif rows.take_key(event):
            view.act("Walk the rows", rows.focus())


def _rows_of(view: BoundView) -> RowNavigator | None:
    return view.row_navigator if isinstance(view, HasRows) else None
