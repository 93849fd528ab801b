"""Changed controls of one part of the screen, updated together once per frame."""

from collections.abc import Callable, Iterable
from datetime import datetime

import flet as ft

from ui.base.context import UiContext


class Drawing:
    """The controls of one view that were touched; each is updated once, in the next frame that is seen."""

    def __init__(self, context: UiContext, name: str, seen: Callable[[], bool]) -> None:
        self._context, self._name, self._seen = context, name, seen
        self._touched: dict[ft.Control, None] = {}
        self._commits: list[datetime] = []

    def touch(self, controls: Iterable[ft.Control]) -> None:
        """Have these controls updated."""
        self._touched.update(dict.fromkeys(controls))
        self.resume()

    def resume(self) -> None:
        """Have what was touched while nobody could see it updated."""
        if self._touched:
            self._context.frames.want_drawn(self._draw)

    def note_commit(self, committed_at: datetime) -> None:
        """Note that something is drawn in this frame that the server committed then."""
        self._commits.append(committed_at)
        self._context.frames.want_drawn(self._draw)

    def _draw(self) -> None:
        if not self._seen():
            self._commits.clear()
            return  # what was touched is kept until somebody can see it
        commits, self._commits = self._commits, []
        touched, self._touched = self._touched, {}
        fresh = {control: None for control in touched if not _on_page(control)}
        for control in touched:
            if control not in fresh:
                self._update(control)
        for control in fresh:  # the update of what they were put into has brought them along
            if _on_page(control):
                self._update(control)
        if commits:
            self._context.measure((self._context.clock() - min(commits)).total_seconds())

    def _update(self, control: ft.Control) -> None:
        try:
            control.update()
        except Exception as error:  # noqa: BLE001  (one control that cannot be drawn must not keep the others from it)
            if self._seen():
                self._context.report(f"{self._name}: update of {type(control).__name__}", error)


def _on_page(control: ft.BaseControl) -> bool:
    """Whether a control has been put on a page; updating another one raises."""
    while not isinstance(control, ft.Page):
        parent = control.parent
        if parent is None:
            return False
        control = parent
    return True
