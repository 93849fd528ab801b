"""Notes about the log's list: the number of lines, of dropped ones, and of new ones."""

from collections.abc import Callable

import flet as ft

from ui.base.format import count_text, counted
from ui.base.theme import SIZE_BODY, STRONG, STRONG_FACE, Tone, small_text
from ui.views.logs.paused_lines import PausedLines


class LogNotes:
    """``count`` and ``dropped`` stand above the list, ``pill`` lies over its foot while it stands still."""

    def __init__(self, on_follow: Callable[[], None]) -> None:
        self.count = small_text()
        self._dropped = small_text("", color=Tone.WARNING.color)
        self.dropped = ft.Row(
            [ft.Icon(ft.Icons.WARNING_AMBER, size=14, color=Tone.WARNING.color), self._dropped],
            spacing=4,
            tight=True,
            visible=False,
            tooltip="Some lines were dropped; see the server's log files.",
        )
        self._new = ft.Text(
            "", size=SIZE_BODY, color=ft.Colors.ON_PRIMARY, weight=STRONG, font_family=STRONG_FACE
        )
        self.pill = ft.Container(
            ft.Row(
                [ft.Icon(ft.Icons.EXPAND_MORE, size=16, color=ft.Colors.ON_PRIMARY), self._new],
                spacing=4,
                tight=True,
            ),
            height=30,
            bottom=12,
            right=64,  # lines begin at the left: in the middle it would lie over the words of most
            padding=ft.Padding.symmetric(horizontal=14),
            border_radius=15,
            bgcolor=ft.Colors.PRIMARY,
            ink=True,
            visible=False,
            tooltip="Follow again",
            on_click=lambda _event: on_follow(),
        )

    def show(self, held: PausedLines) -> list[ft.Control]:
        """Take what the log holds; return the controls to update."""
        changed: list[ft.Control] = []
        more = ", older on scrolling" if held.can_grow else ", the newest that fit" if held.more else ""
        text = f"{counted(len(held.lines), 'line')}{more}" if held.lines else ""
        if text != self.count.value:
            self.count.value = text
            changed.append(self.count)
        word = f"{count_text(held.new)} new" if held.new else "Follow"
        stands = held.paused and bool(held.lines)  # where there are none, any that comes is shown at once
        if (self.pill.visible, self._new.value) != (stands, word):
            self.pill.visible, self._new.value = stands, word
            changed.append(self.pill)
        lost = f"{counted(held.dropped, 'line')} dropped"
        if held.dropped and lost != self._dropped.value:
            self._dropped.value, self.dropped.visible = lost, True
            changed.append(self.dropped)
        return changed
