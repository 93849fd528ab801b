"""The first view: looked at for two seconds, it tells whether everything is safe and what is going on."""

from typing import Final

import flet as ft

from streams.bag import Streams
from streams.commands import Commands
from ui.bound import BoundView
from ui.context import UiContext
from ui.theme import GAP, PAGE_PADDING
from ui.views.dashboard_activity import ActivityPart
from ui.views.dashboard_load import LoadPart
from ui.views.dashboard_problems import ProblemsPart
from ui.views.dashboard_running import RunningPart
from ui.views.dashboard_safety import SafetyPart
from ui.views.dashboard_server import ServerPart

MIDDLE_HEIGHT: Final = 266
"""What server card and a handful of running backups need; more where the window is taller."""
FOOT_HEIGHT: Final = 190
"""The least for recent activity: some lines of it."""
_ABOVE: Final = 76 + 124 + 3 * GAP + 2 * PAGE_PADDING


class DashboardView(BoundView):
    """Safe line, six cards, running backups and server, recent activity; each part stands for itself."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self.safety = SafetyPart(streams=streams, context=context)
        self.problems = ProblemsPart(streams=streams, commands=commands, context=context, on_room=self._fit)
        self.load = LoadPart(streams=streams, context=context)
        self.running = RunningPart(streams=streams, commands=commands, context=context)
        self.server = ServerPart(streams=streams, commands=commands, context=context)
        self.activity = ActivityPart(streams=streams, context=context)
        self._middle = ft.Container(
            ft.Row(
                [self.running, self.server],
                spacing=GAP,
                vertical_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
            height=MIDDLE_HEIGHT,
        )
        self._foot = ft.Container(ft.Row([self.activity]), height=FOOT_HEIGHT)
        self._height: float | None = None
        super().__init__(
            context=context,
            key="dashboard",
            content=ft.Column(
                [
                    ft.Column([self.safety, self.problems], spacing=0, tight=True),
                    self.load,
                    self._middle,
                    self._foot,
                ],
                spacing=GAP,
                scroll=ft.ScrollMode.AUTO,
            ),
            padding=PAGE_PADDING,
            expand=True,
            on_size_change=self._on_size_change,
        )
        for part in (self.safety, self.problems, self.load, self.running, self.server, self.activity):
            self.adopt(part)

    def _on_size_change(self, event: ft.LayoutSizeChangeEvent[ft.LayoutControl]) -> None:
        self._height = event.height
        self._fit()

    def _fit(self) -> None:
        """Give the rows the height that there is; where it is not enough for all, the view is scrolled."""
        if self._height is None:
            return
        above = _ABOVE + self.problems.room
        middle = max(MIDDLE_HEIGHT, round((self._height - above) * 0.42))
        foot = max(FOOT_HEIGHT, round(self._height - above - middle))
        for part, height in ((self._middle, middle), (self._foot, foot)):
            if part.height != height:
                part.height = height
                self.touch(part)
