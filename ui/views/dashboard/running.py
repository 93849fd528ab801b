"""The backups that run now: how far, how fast, how long still, and a way to end each."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import flet as ft

from streams.model.link import Link
from streams.model.runs import Progress
from streams.model.snapshot import Delta
from streams.model.vocabulary import RunState, Scope
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import count_text
from ui.base.permissions import Permissions
from ui.base.theme import QUIET_INK, Tone, body_text, card_title
from ui.components.card import card
from ui.components.icon_button import IconButton
from ui.components.loading_states import Empty, StateBox
from ui.components.orders import hold_back
from ui.components.progress import ProgressLine
from ui.views.dashboard.present import RunLine, present_run
from ui.views.shared.backup_notifications import force_backup
from ui.views.shared.command_results import present_cancelled

_MAX: Final = 40
"""Rows on the dashboard; more running backups are counted and listed in the clients view."""
_ROW_HEIGHT: Final = 30


class RunningPart(BoundView):
    """Running backups in the order in which they began."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self._commands = commands
        self._permissions = Permissions()
        self._runs: dict[int, Progress] = {}
        self._pool: list[_RunRow] = []
        self._title = card_title("Running backups")
        self._more = ft.TextButton(
            "", visible=False, on_click=lambda _: context.go(Place("clients", "running"))
        )
        self._rows = ft.Column([], spacing=0, scroll=ft.ScrollMode.AUTO, expand=True)
        self.box = StateBox(
            ft.Column([self._rows, self._more], spacing=0),
            empty=Empty("No backup is running.", ft.Icons.BEDTIME_OUTLINED),
            skeleton_rows=4,
            expand=True,
        )
        super().__init__(
            context=context,
            key="running backups",
            content=card(self._title, self.box, trailing=[self.box.note], expand=True),
            expand=7,
        )
        self.bind_table(streams.progress, self.box, self._show_progress)
        self.bind(streams.link, self._show_link)
        self.bind(context.server_seconds, self._show_time)

    def _show_progress(self, delta: Delta[int, Progress]) -> None:
        fresh = delta.full or not delta.changed.keys() <= self._runs.keys()
        delta.apply_to(self._runs)
        if fresh:
            self._runs = dict(sorted(self._runs.items()))
        self._show_rows(self.context.server_clock())

    def _show_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions != self._permissions:
            self._permissions = permissions
            self._show_rows(self.context.server_clock())

    def _show_time(self, now: datetime) -> None:
        self._show_rows(now)

    def _show_rows(self, now: datetime) -> None:
        shown = list(self._runs.values())[:_MAX]
        grown = False
        while len(self._pool) < len(shown):
            self._pool.append(_RunRow(self._on_cancel, self._on_open))
            self._rows.controls.append(self._pool[-1].control)
            grown = True
        refused = self._permissions.refusal(Scope.OPERATE)
        for row, progress in zip(self._pool, shown, strict=False):
            line = present_run(progress, now, self.context.format)
            self.touch(*row.show(progress, line, refused=refused))
        for row in self._pool[len(shown) :]:
            self.touch(*row.hide())
        if grown:
            self.touch(self._rows)
        count = len(self._runs)
        title = f"Running backups ({count_text(count)})" if count else "Running backups"
        if title != self._title.value:
            self._title.value = title
            self.touch(self._title)
        rest = count - len(shown)
        if self._more.visible != (rest > 0) or rest:
            self._more.content, self._more.visible = f"{count_text(rest)} more", rest > 0
            self.touch(self._more)

    def _on_open(self, progress: Progress) -> None:
        self.context.go(Place("clients", f"client:{progress.client_id}"))

    def _on_cancel(self, progress: Progress) -> None:
        self.act(f"Cancel the backup of {progress.client_name}", self._cancel(progress))

    async def _cancel(self, progress: Progress) -> None:
        name, messages = progress.client_name, self.context.messages
        run = await self._commands.cancel_run(progress.run_id)

        async def again() -> None:
            await force_backup(self._commands, self.context, {progress.client_id: name})

        cancelled = run.state is RunState.CANCELLED
        messages.done(
            present_cancelled(name, run),
            action_label="Back up again" if cancelled else "",
            action=again if cancelled else None,
            needs=Scope.OPERATE,
        )


class _RunRow:
    """One row of the pool; it stands for whatever run is shown in its place."""

    def __init__(self, on_cancel: Callable[[Progress], None], on_open: Callable[[Progress], None]) -> None:
        self._progress: Progress | None = None
        self._name = body_text(width=132)
        self._bar = ProgressLine(semantics_label="Progress")
        self._percent = body_text(right=True, width=64)
        self._rate = body_text(right=True, width=92)
        self._left = body_text(right=True, width=58)

        def with_run(do: Callable[[Progress], None]) -> Callable[[object], None]:
            def handler(_event: object) -> None:
                if self._progress is not None:
                    do(self._progress)

            return handler

        self._cancel = IconButton(
            ft.Icons.CLOSE,
            icon_size=16,
            icon_color=QUIET_INK,
            width=28,
            height=28,
            padding=0,
            tooltip="Cancel this backup",
            on_click=with_run(on_cancel),
        )
        self._row = ft.Container(
            ft.Row(
                [self._name, ft.Container(self._bar, expand=True), self._percent, self._rate, self._left],
                spacing=10,
            ),
            expand=True,
            on_click=with_run(on_open),
        )
        self.control = ft.Container(
            ft.Row([self._row, self._cancel], spacing=8, vertical_alignment=ft.CrossAxisAlignment.CENTER),
            height=_ROW_HEIGHT,
        )

    def show(self, progress: Progress, line: RunLine, *, refused: str) -> list[ft.Control]:
        """Show another state or another run; return the leaves that changed."""
        changed = hold_back(self._cancel, refused, tooltip=f"Cancel the backup of {line.name}", own_ink=True)
        self._progress = progress
        rate_color = Tone.WARNING.color if line.silent else QUIET_INK
        for text, value in (
            (self._name, line.name),
            (self._percent, line.percent),
            (self._rate, line.rate),
            (self._left, line.left),
        ):
            if text.value != value:
                text.value = value
                changed.append(text)
        if self._rate.color != rate_color:
            self._rate.color = rate_color
            changed.append(self._rate)
        if self._name.tooltip != line.tooltip:
            self._name.tooltip = line.tooltip
            changed.append(self._name)
        if self._bar.set(line.ratio):
            changed.append(self._bar)
        if not self.control.visible:
            self.control.visible = True
            return [self.control]
        return list(dict.fromkeys(changed))

    def hide(self) -> list[ft.Control]:
        """Stand for nothing; return what changed."""
        self._progress = None
        if not self.control.visible:
            return []
        self.control.visible = False
        return [self.control]
