"""The control a table hangs on: the boundary of its updates."""

from collections.abc import Callable

import flet as ft


@ft.control(isolated=True)
class TableRoot(ft.Container):
    """The boundary of a table: an update of the page never walks into it."""

    def init(self) -> None:
        """Begin unmounted."""
        self.mounted = False
        self.on_unmount: Callable[[], None] | None = None

    def did_mount(self) -> None:
        """Note that updates can be sent now."""
        self.mounted = True

    def will_unmount(self) -> None:
        """Note that updates can no longer be sent, and end the timers."""
        self.mounted = False
        if self.on_unmount is not None:
            self.on_unmount()
