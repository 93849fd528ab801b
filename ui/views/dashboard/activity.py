"""Recent activity, newest first; it stands still while the pointer is over it."""

from typing import Final

import flet as ft

from streams.model.server import Activity
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.theme import HOVER, QUIET_INK, body_text, small_text
from ui.components.card import card
from ui.components.loading_states import Empty, StateBox
from ui.views.shared.activity_present import ActivityLine, present_activity

_MAX: Final = 60
_ROW_HEIGHT: Final = 26


class ActivityPart(BoundView):
    """The newest lines of activity; each leads to the client that it is about."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._newest: tuple[Activity, ...] = ()
        self._drawn: list[int] = []
        self._hovered = False
        self._held = small_text()
        self._list = ft.ListView(
            [],
            spacing=0,
            item_extent=_ROW_HEIGHT,
            expand=True,
            on_size_change=self._on_size_change,
            size_change_interval=0,  # else the last of several changes is lost
        )
        self.box = StateBox(
            self._list,
            empty=Empty("Nothing has happened yet.", ft.Icons.HISTORY),
            skeleton_rows=6,
            expand=True,
        )
        super().__init__(
            context=context,
            key="recent activity",
            content=card(
                "Recent activity",
                self.box,
                trailing=[self._held, self.box.note],
                expand=True,
                on_hover=self._on_hover,
            ),
            expand=5,
        )
        self.bind_snapshot(streams.activity, self.box, self._show_activity, is_empty=lambda lines: not lines)

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        """Make the rows a little higher, so that none of them is cut at the lower edge."""
        rows = int(event.height // _ROW_HEIGHT)
        height = round(event.height / rows, 2) if rows else _ROW_HEIGHT
        if height != self._list.item_extent:
            self._list.item_extent = height
            self.touch(self._list)

    def _on_hover(self, event: ft.Event[ft.Container]) -> None:
        self._hovered = bool(event.data) and event.data != "false"
        if not self._hovered:
            self._show_lines()

    def _show_activity(self, lines: tuple[Activity, ...]) -> None:
        self._newest = lines[:_MAX]
        if not self._hovered or not self._drawn:
            self._show_lines()
            return
        drawn = set(self._drawn)
        waiting = sum(line.seq not in drawn for line in self._newest)
        text = f"{waiting} new" if waiting else ""
        if text != self._held.value:
            self._held.value = text
            self.touch(self._held)

    def _show_lines(self) -> None:
        wanted = [line.seq for line in self._newest]
        if self._held.value:
            self._held.value = ""
            self.touch(self._held)
        if wanted == self._drawn:
            return
        rows = dict(zip(self._drawn, self._list.controls, strict=True))
        now = self.context.server_clock()
        self._list.controls = [
            rows.get(line.seq) or self._row(present_activity(line, now, self.context.format))
            for line in self._newest
        ]
        self._drawn = wanted
        self.touch(self._list)

    def _row(self, line: ActivityLine) -> ft.Control:
        clock = ft.Text(line.clock, size=12, color=QUIET_INK, width=62, no_wrap=True, tooltip=line.exact)
        row = ft.Container(
            ft.Row(
                [
                    clock,
                    ft.Icon(line.icon, size=15, color=line.tone.color),
                    ft.Container(body_text(line.text), expand=True),
                ],
                spacing=10,
            ),
            border_radius=4,
        )
        if line.client_id is not None:
            place = Place("clients", f"client:{line.client_id}")
            if line.run_id is not None:
                place = Place("run", str(line.run_id))
            row.on_click = lambda _: self.context.go(place)
            row.ink = True
            row.ink_color = HOVER
        return row
