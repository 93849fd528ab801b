"""The slim bar under the top bar while the server takes no backups though it answers."""

from datetime import datetime

import flet as ft

from streams.model.link import Link
from streams.model.problems import Problem
from streams.model.safe_text import label_text
from streams.model.vocabulary import ProblemKind, Scope
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.permissions import Permissions
from ui.base.problems import present_problem
from ui.components.alert_bar import ALERT_INK, alert_bar, alert_words
from ui.components.orders import hold_back

KINDS = (
    ProblemKind.CATALOGUE_LOST,
    ProblemKind.DISK_FULL,
    ProblemKind.SERVER_STOPPED,
    ProblemKind.SERVER_UNREAD,
    ProblemKind.SERVER_SILENT,
)
"""What makes all numbers on every view worth less, the worst first."""


def worst_of(problems: tuple[Problem, ...]) -> Problem | None:
    """Return what the bar tells: nothing while there is no connection, which has a bar of its own."""
    if any(problem.kind is ProblemKind.NO_CONNECTION for problem in problems):
        return None
    found = [problem for problem in problems if problem.kind in KINDS]
    return min(found, key=lambda problem: KINDS.index(problem.kind), default=None)


class ServerBar(BoundView):
    """Says on every view what is wrong with the server, since when and why, with the way to mend it."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self._commands = commands
        self._problem: Problem | None = None
        self._permissions = Permissions()
        self._icon = ft.Icon(ft.Icons.PAUSE_CIRCLE, size=18, color=ALERT_INK)
        self._words = alert_words()
        self.button = ft.TextButton(
            "Start", style=ft.ButtonStyle(color=ALERT_INK), on_click=lambda _: self._on_click()
        )
        self._bar = alert_bar([self._icon, self._words, self.button])
        super().__init__(context=context, key="server bar", content=self._bar)
        self.bind(streams.problems, self._show_problems)
        self.bind(streams.link, self._show_link)
        self.bind(context.server_seconds, self._show_time)

    @property
    def text(self) -> str:
        """What it says; nothing while all is well."""
        return self._words.value if self._bar.visible else ""

    def _show_problems(self, problems: tuple[Problem, ...]) -> None:
        self._problem = worst_of(problems)
        self._show_button()
        self._show_time(self.context.server_clock())

    def _show_link(self, link: Link) -> None:
        self._permissions = Permissions.of(link)
        self._show_button()

    def _show_button(self) -> None:
        problem = self._problem
        stopped = problem is not None and problem.kind is ProblemKind.SERVER_STOPPED
        label = "Start" if stopped else "Show log"
        if self.button.content != label:
            self.button.content = label
            self.touch(self.button)
        self.touch(*hold_back(self.button, self._permissions.refusal(Scope.OPERATE if stopped else None)))

    def _show_time(self, now: datetime) -> None:
        problem = self._problem
        text = ""
        if problem is not None:
            line = present_problem(problem, self.context.format, now)
            text = label_text(f"{line.subject} {line.text}" + (f": {line.why}" if line.why else ""))
            if self._icon.icon != line.icon:
                self._icon.icon = line.icon
                self.touch(self._icon)
        if text and text != self._words.value:
            self._words.value, self._words.tooltip = text, text
            self.touch(self._words)
        if self._bar.visible != bool(text):
            self._bar.visible = bool(text)
            self.touch(self._bar)

    def _on_click(self) -> None:
        if self._problem is not None and self._problem.kind is ProblemKind.SERVER_STOPPED:
            self.act("Start the server", self._start())
        else:
            self.context.go(Place("logs", "errors"))

    async def _start(self) -> None:
        await self._commands.start_server()
        self.context.messages.done("The server takes backups again.")
