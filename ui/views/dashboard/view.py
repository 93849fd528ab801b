"""The first view: looked at for two seconds, it tells whether everything is safe and what is going on."""

from typing import Final

import flet as ft

from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.layout import BREAKPOINTS, FOOT_HEIGHT, NARROW_BELOW, RAIL_WIDTH, SLIM_BELOW
from ui.base.theme import GAP, PAGE_PADDING, SCROLLED_PADDING
from ui.views.dashboard.activity import ActivityPart
from ui.views.dashboard.load import LoadPart
from ui.views.dashboard.problems import ProblemsPart
from ui.views.dashboard.running import RunningPart
from ui.views.dashboard.safety import SafetyPart
from ui.views.dashboard.server import ServerPart

MIDDLE_HEIGHT: Final = 266
"""What server card and a handful of running backups need; more where the window is taller."""
ACTIVITY_HEIGHT: Final = 190
"""The least for recent activity: some lines of it."""
CARD_HEIGHT: Final = 124
_FRAME: Final = 76 + 3 * GAP + 2 * PAGE_PADDING + FOOT_HEIGHT


class DashboardView(BoundView):
    """Safe line, six cards, running backups and server, recent activity; each part stands for itself."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self.safety = SafetyPart(streams=streams, context=context)
        self.problems = ProblemsPart(streams=streams, commands=commands, context=context, on_room=self._fit)
        self.load = LoadPart(streams=streams, context=context)
        self.running = RunningPart(streams=streams, commands=commands, context=context)
        self.server = ServerPart(streams=streams, commands=commands, context=context)
        self.activity = ActivityPart(streams=streams, context=context)
        for part, columns in ((self.running, 7), (self.server, 5)):
            part.height, part.col = MIDDLE_HEIGHT, {"xs": 12, "lg": columns}
        middle = ft.ResponsiveRow(
            [self.running, self.server], spacing=GAP, run_spacing=GAP, breakpoints=BREAKPOINTS
        )
        self._foot = ft.Container(ft.Row([self.activity]), height=ACTIVITY_HEIGHT)
        self._size: tuple[float, float] | None = None
        super().__init__(
            context=context,
            key="dashboard",
            content=ft.Column(
                [
                    ft.Column([self.safety, self.problems], spacing=0, tight=True),
                    self.load,
                    middle,
                    self._foot,
                    ft.Container(height=PAGE_PADDING + FOOT_HEIGHT - GAP),
                ],
                spacing=GAP,
                scroll=ft.ScrollMode.AUTO,
            ),
            padding=SCROLLED_PADDING,
            expand=True,
            on_size_change=self._on_size_change,
        )
        for part in (self.safety, self.problems, self.load, self.running, self.server, self.activity):
            self.adopt(part)

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        self._size = event.width + RAIL_WIDTH, event.height
        self._fit()

    def _fit(self) -> None:
        """Give the rows the height that there is; where it is not enough for all, the view is scrolled."""
        if self._size is None:
            return
        width, room = self._size
        lines = 1 if width >= NARROW_BELOW else 2 if width >= SLIM_BELOW else 3
        room -= _FRAME + lines * CARD_HEIGHT + (lines - 1) * GAP + self.problems.room
        middle = max(MIDDLE_HEIGHT, round(room * 0.42))
        below = middle if lines == 1 else 2 * middle + GAP
        foot = max(ACTIVITY_HEIGHT, round(room - below))
        for part, height in ((self.running, middle), (self.server, middle), (self._foot, foot)):
            if part.height != height:
                part.height = height
                self.touch(part)
