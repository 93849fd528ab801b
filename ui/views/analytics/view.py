"""The past of the fleet, the disk and both programs, over a range that is chosen above the charts."""

import math
from typing import Final

import flet as ft

from streams.model.analytics import BackupHistory
from streams.model.snapshot import Snapshot
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.deep_links import filters_of, filters_part
from ui.base.layout import BREAKPOINTS, FOOT_HEIGHT, NARROW_BELOW, RAIL_WIDTH, SLIM_BELOW
from ui.base.theme import GAP, PAGE_PADDING, SCROLLED_PADDING
from ui.components.toolbar import HEIGHT as TOOLS_HEIGHT
from ui.views.analytics.bar import RangeBar
from ui.views.analytics.parts import Asked, Parts, ask
from ui.views.analytics.range import Range, kept_range, query_of, range_words

MIN_ROW: Final = 190
"""Lower than this no chart can be read; then the view scrolls."""
_PREF: Final = "analytics.range"


class AnalyticsView(BoundView):
    """Seven charts over one range; each stands for itself when it fails."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        del commands  # looking at the past changes nothing
        self._past = streams.analytics
        self.bar = RangeBar(kept_range(context.prefs.get(_PREF)), self._on_range, context=context)
        asked = self._ask(self.bar.value, context)
        self.parts = Parts(asked, context)
        for parts in self.parts.rows:
            for part in parts:
                part.height, part.col = MIN_ROW, {"xs": 12, "md": 6, "lg": 12 // len(parts)}
        self._parts = [part for parts in self.parts.rows for part in parts]
        charts: list[ft.Control] = [
            *self._parts,
            ft.Container(height=PAGE_PADDING + FOOT_HEIGHT - GAP, col=12),
        ]
        rows = ft.ResponsiveRow(charts, spacing=GAP, run_spacing=GAP, breakpoints=BREAKPOINTS)
        super().__init__(
            context=context,
            key="analytics",
            content=ft.Column(
                [
                    self.bar.control,
                    ft.Column([rows], scroll=ft.ScrollMode.AUTO, expand=True),
                ],
                spacing=GAP,
            ),
            padding=SCROLLED_PADDING,
            expand=True,
            on_size_change=self._on_size_change,
        )
        self._freshness = self.bind(asked.backups, self._show_as_of)
        for part in self._parts:
            self.adopt(part)

    def _ask(self, chosen: Range, context: UiContext) -> Asked:
        return ask(self._past, query_of(chosen, context.server_clock(), context.format.zone))

    def _on_range(self, chosen: Range) -> None:
        self.context.prefs.put(_PREF, range_words(chosen))
        asked = self._ask(chosen, self.context)
        self.parts.look_at(asked)
        self._freshness.switch(asked.backups)

    @property
    def address(self) -> str:
        """The range, where it is not the usual one."""
        words = range_words(self.bar.value)
        usual = range_words(Range())
        kept = {key: str(value) for key, value in words.items() if value != usual[key]}
        return filters_part(**kept)

    def arrive(self, show: str) -> None:
        """Show a range: ``?span=24 h``, or one with its days; another word is none."""
        filters = filters_of(show)
        if filters is not None:
            self.bar.choose(kept_range({**filters, "compare": filters.get("compare") == "True"}))

    def restore(self, show: str) -> None:
        """Show a range; "" is the usual one."""
        if show:
            self.arrive(show)
        else:
            self.bar.choose(Range())

    def _show_as_of(self, snapshot: Snapshot[BackupHistory]) -> None:
        if snapshot.at is not None:
            at = self.context.at_server(snapshot.at)
            words = self.context.format
            self.touch(*self.bar.show_as_of(f"as of {words.clock(at)}", words.exact_time(at)))

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        width = event.width + RAIL_WIDTH
        beside = 2 if width >= SLIM_BELOW else 1
        lines = len(self.parts.rows) if width >= NARROW_BELOW else math.ceil(len(self._parts) / beside)
        room = event.height - 2 * PAGE_PADDING - FOOT_HEIGHT - TOOLS_HEIGHT - lines * GAP
        height = max(MIN_ROW, int(room / lines))
        if height != self._parts[0].height:
            for part in self._parts:
                part.height = height
            self.touch(*self._parts)
