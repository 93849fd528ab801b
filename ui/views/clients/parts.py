"""Parts of a client's details: its running backup, its last runs as bars, lines of what happened."""

from collections.abc import Callable, Sequence
from datetime import datetime

import flet as ft

from streams.model.runs import Run
from streams.model.safe_text import label_text
from streams.model.vocabulary import Scope
from ui.base.format import Formatter
from ui.base.permissions import Permissions
from ui.base.theme import HOVER, INK, LINE, MONO, QUIET_INK, SIZE_SMALL, Tone, look, small_text
from ui.components.icon_button import IconButton
from ui.components.orders import hold_back
from ui.components.progress import ProgressLine
from ui.views.clients.details_present import RunBar, present_run, present_running, present_running_head
from ui.views.clients.present import ClientRow, progress_ratio
from ui.views.shared.activity_present import ActivityLine

RUNS = 30
BARS_HEIGHT = 56
LINES = 5
LINE_HEIGHT = 30
PROTECTED_EDGE = ft.Border.only(bottom=ft.BorderSide(3, ft.Colors.PRIMARY))


class RunningPart:
    """How far the backup that runs now is, and a way to end it; not there while none runs."""

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._bar = ProgressLine(expand=True, semantics_label="Backup progress")
        self._texts = (small_text(color=Tone.BUSY.color), small_text(), small_text())
        head, line, path = self._texts
        path.font_family = MONO
        self.cancel = ft.TextButton("Cancel", height=28, on_click=lambda _event: on_cancel())
        self.control = ft.Container(
            ft.Column(
                [
                    ft.Row([ft.Container(head, expand=True), self.cancel], height=28),
                    ft.Row([self._bar]),
                    line,
                    path,
                ],
                spacing=4,
                tight=True,
            ),
            padding=10,
            border_radius=8,
            bgcolor=Tone.BUSY.tint(0.08),
            visible=False,
        )

    def show(self, row: ClientRow, words: Formatter) -> list[ft.Control]:
        """Show how far it is; return what changed."""
        changed: list[ft.Control] = []
        if self.control.visible != row.running:
            self.control.visible = row.running
            changed.append(self.control)
        if not row.running:
            return changed
        progress = row.progress
        told = (
            present_running_head(progress, words),
            "" if progress is None else present_running(progress, words),
            "" if progress is None else progress.current_path,
        )
        for text, value in zip(self._texts, told, strict=True):
            if text.value != value:
                text.value = label_text(value)
                changed.append(text)
        if self._bar.set(progress_ratio(progress) if progress is not None else None):
            changed.append(self._bar)
        return changed


class RunBars:
    """The last runs as bars, oldest first; each leads to the log lines of its run."""

    def __init__(self, on_run: Callable[[int], None]) -> None:
        self._on_run = on_run
        self.bars = [ft.Container(expand=True, height=0, border_radius=2, bgcolor=LINE) for _ in range(RUNS)]
        self.control = ft.Row(
            list(self.bars), spacing=2, height=BARS_HEIGHT, vertical_alignment=ft.CrossAxisAlignment.END
        )

    def show(self, bars: Sequence[RunBar]) -> list[ft.Control]:
        """Show these; return what changed."""
        for box, bar in zip(self.bars, (*(None,) * (RUNS - len(bars)), *bars), strict=True):
            box.height = 0 if bar is None else round(bar.height * BARS_HEIGHT)
            box.bgcolor = None if bar is None else bar.tone.color
            box.tooltip = None if bar is None else bar.story
            box.on_click = None if bar is None else self._to(bar.run_id)
            box.border = PROTECTED_EDGE if bar is not None and bar.protected else None
        return list(self.bars)

    def _to(self, run_id: int) -> Callable[[], None]:
        return lambda: self._on_run(run_id)


class RunLines:
    """The newest runs and those that are protected: each leads to itself, and has a lock.

    ``on_run`` is told which run is wanted, ``on_protect`` what its lock does.
    """

    def __init__(self, on_run: Callable[[int], None], on_protect: Callable[[int, bool], None]) -> None:
        self._on_run, self._on_protect = on_run, on_protect
        self._runs: tuple[Run, ...] = ()
        self._locks: list[tuple[Run, IconButton]] = []
        self.control = ft.Column([], spacing=0, tight=True)

    @property
    def height(self) -> int:
        """How high it is."""
        return len(self._runs) * LINE_HEIGHT

    def show(
        self, runs: Sequence[Run], permissions: Permissions, words: Formatter, now: datetime
    ) -> list[ft.Control]:
        """Show these; return what changed."""
        chosen = tuple(run for number, run in enumerate(runs) if number < LINES or run.protected)
        if chosen != self._runs:
            self._runs, self._locks = chosen, []
            self.control.controls = [self._line(run, words, now) for run in chosen]
            self.show_orders(permissions)
            return [self.control]
        return self.show_orders(permissions)

    def show_orders(self, permissions: Permissions) -> list[ft.Control]:
        """Hold back what cannot be ordered now; return what changed."""
        changed: list[ft.Control] = []
        for run, lock in self._locks:
            needs = Scope.DESTROY if run.protected else Scope.OPERATE
            tooltip = (
                "Protected: what it has backed up is not purged. Click to end that."
                if run.protected
                else "Protect what this backup has stored from the purge"
            )
            changed += hold_back(lock, permissions.refusal(needs), tooltip=tooltip, own_ink=True)
        return changed

    def _line(self, run: Run, words: Formatter, now: datetime) -> ft.Control:
        shown = look(run.state)
        lock = IconButton(
            ft.Icons.LOCK if run.protected else ft.Icons.LOCK_OPEN,
            icon_size=15,
            icon_color=ft.Colors.PRIMARY if run.protected else QUIET_INK,
            width=28,
            height=28,
            padding=0,
            on_click=lambda _: self._on_protect(run.id, not run.protected),
        )
        self._locks.append((run, lock))
        words_of_run = ft.Row(
            [
                ft.Icon(shown.icon, size=14, color=shown.tone.color, tooltip=shown.word),
                ft.Text(
                    words.moment(run.started_at, now),
                    size=12,
                    color=INK,
                    width=84,
                    no_wrap=True,
                    tooltip=words.exact_time(run.started_at),
                ),
                ft.Text(
                    f"{words.size(run.bytes_sent)} sent",
                    size=12,
                    color=QUIET_INK,
                    expand=True,
                    no_wrap=True,
                    tooltip=present_run(run, words, now),
                ),
                ft.Text(f"run {run.id}", size=11, color=QUIET_INK),
            ],
            spacing=6,
        )
        lead = ft.Container(
            words_of_run,
            expand=True,
            height=LINE_HEIGHT,
            border_radius=4,
            ink=True,
            ink_color=HOVER,
            tooltip=f"Show run {run.id}",
            on_click=lambda _: self._on_run(run.id),
        )
        return ft.Row([lead, lock], spacing=6, height=LINE_HEIGHT)


def failure_line(text: str) -> ft.Row:
    """Return a line for a run that did not end well."""
    words = ft.Text(
        text, size=12, color=INK, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS, expand=True, tooltip=text
    )
    icon = ft.Icon(ft.Icons.ERROR, size=14, color=Tone.BAD.color)
    return ft.Row([icon, words], spacing=6, vertical_alignment=ft.CrossAxisAlignment.START)


def activity_line(line: ActivityLine) -> ft.Row:
    """Return a line of what happened."""
    return ft.Row(
        [
            ft.Icon(line.icon, size=14, color=line.tone.color, tooltip=line.exact),
            ft.Text(
                line.text,
                size=12,
                color=INK,
                no_wrap=True,
                overflow=ft.TextOverflow.ELLIPSIS,
                expand=True,
                tooltip=line.text,
            ),
            ft.Text(line.clock, size=SIZE_SMALL, color=QUIET_INK, no_wrap=True),
        ],
        spacing=6,
        height=16,
    )
