"""One backup: how it ended and why, its numbers, its files by result, its log lines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import flet as ft
import reactivex as rx
from reactivex import operators as ops

from streams.model.logs import LogFilter, LogLine, LogPage
from streams.model.runs import Run, RunDetails
from streams.model.safe_text import label_text
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import FileResult, Health, RunState, RunTrigger
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import Formatter, count_text, counted, duration_text
from ui.base.theme import INK, LINE, MONO, QUIET_INK, SIZE_SMALL, Tone, body_text, card_title, small_text
from ui.components.card import floating_panel
from ui.components.loading_states import Empty, StateBox
from ui.components.status_badge import StatusBadge

WIDTH: Final = 720
HEIGHT: Final = 560
MAX_LINES: Final = 60
_TRIGGERS: Final = {
    RunTrigger.SCHEDULE: "by schedule",
    RunTrigger.OPERATOR: "asked for by an operator",
    RunTrigger.AGENT: "started at the client",
}
_RESULTS: Final = {
    FileResult.NEW: (ft.Icons.ADD_CIRCLE_OUTLINE, Tone.OK),
    FileResult.CHANGED: (ft.Icons.CHANGE_CIRCLE_OUTLINED, Tone.BUSY),
    FileResult.VANISHED: (ft.Icons.CLOUD_OFF, Tone.QUIET),
    FileResult.FAILED: (ft.Icons.ERROR, Tone.BAD),
}


def present_run_head(run: Run, words: Formatter, now: datetime) -> str:
    """Return when a run was, how long it took and who asked for it."""
    parts = [f"run {run.id}", words.moment(run.started_at, now)]
    if run.finished_at is not None:
        parts.append(f"took {duration_text((run.finished_at - run.started_at).total_seconds())}")
    parts.append(_TRIGGERS[run.trigger])
    return " · ".join(parts)


def present_run_numbers(run: Run, words: Formatter) -> tuple[tuple[str, str, str], ...]:
    """Return the numbers of a run: name, value, and what it counts."""
    return (
        ("Seen", count_text(run.files_seen), "Files that the agent looked at, as it says"),
        ("New", count_text(run.files_new), "Files stored for the first time"),
        ("Changed", count_text(run.files_changed), "Files of which a new version was stored"),
        (
            "Vanished",
            count_text(run.files_vanished),
            "No longer on the client; their versions are kept",
        ),
        ("Failed", count_text(run.files_failed), "Files that could not be read, as the agent says"),
        ("Sent", words.size(run.bytes_sent), f"Received by the server: {words.exact_size(run.bytes_sent)}"),
    )


def present_files_title(details: RunDetails) -> str:
    """Return what the list below has, and of how much more it is a part."""
    run = details.run
    parts: list[str] = []
    for result, count in ((FileResult.FAILED, run.files_failed), (FileResult.VANISHED, run.files_vanished)):
        listed = sum(name.result is result for name in details.names)
        if listed:
            of = f"{count_text(listed)} of {count_text(count)}" if count > listed else count_text(listed)
            parts.append(f"{of} {result.value}")
    stored = counted(len(details.files), "file") if not details.more_files else "the first files"
    parts.append(f"stored by it and still kept: {stored}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


class RunPanel(BoundView):
    """A panel over the page; ``open`` chooses the run, and it listens only while it is shown."""

    def __init__(self, *, streams: Streams, context: UiContext, **container: Any) -> None:
        self._streams = streams
        self._shown_run: Run | None = None
        self._name = card_title("")
        self._state = StatusBadge(RunState.RUNNING)
        self._head = body_text(quiet=True)
        self._reason = ft.Text("", size=13, color=INK, selectable=True, max_lines=3, visible=False)
        self._numbers = ft.Row([], spacing=8)
        self._files = ft.ListView([], spacing=2, expand=True)
        self._files_title = small_text()
        self._box = StateBox(
            ft.Column([self._head, self._reason, self._numbers, self._files_title, self._files], spacing=8),
            skeleton_rows=6,
            expand=3,
        )
        self._lines = ft.ListView([], spacing=2, expand=True)
        self._lines_box = StateBox(
            self._lines,
            empty=Empty("The log keeps no lines of this run any more."),
            skeleton_rows=4,
            compact=True,
            expand=2,
        )
        self.all_lines = ft.TextButton("All log lines", on_click=lambda _: self._show_log(), visible=False)
        head = ft.Row(
            [
                ft.Container(self._name, on_click=lambda _: self._show_client(), tooltip="Show the client"),
                self._state,
                ft.Container(expand=True),
                self._box.note,
                ft.TextButton("Files of the client", on_click=lambda _: self._show_files()),
                self.all_lines,
            ],
            spacing=10,
            height=32,
        )
        super().__init__(
            context=context,
            key="run panel",
            content=ft.Column(
                [
                    head,
                    ft.Divider(height=1, color=LINE),
                    self._box,
                    small_text("Log lines"),
                    self._lines_box,
                ],
                spacing=8,
            ),
            height=HEIGHT,
            **floating_panel(width=WIDTH),
            **container,
        )
        self._details = self.bind_snapshot(rx.never(), self._box, self._show_details)
        self._log = self.bind(rx.never(), self._show_lines, box=self._lines_box)

    def open(self, run_id: int) -> None:
        """Show a run; what is still on its way for another one is dropped."""
        self._shown_run = None
        self.all_lines.visible = False
        self._box.forget()
        self._lines_box.forget()
        self._details.switch(self._streams.run(run_id))
        page = self._streams.logs.page(LogFilter(run_id=run_id), None)
        self._log.switch(page.pipe(ops.take(1), ops.concat(rx.never())))
        self.touch(self)

    # -- drawing

    def _show_details(self, details: RunDetails) -> None:
        run, words = details.run, self.context.format
        self._shown_run = run
        self._name.value = label_text(run.client_name)
        self._state.set(run.state)
        self._head.value = present_run_head(run, words, self.context.server_clock())
        self._head.tooltip = words.exact_time(run.started_at)
        self._reason.value, self._reason.visible = label_text(run.reason or ""), bool(run.reason)
        self._numbers.controls = [_number(*each) for each in present_run_numbers(run, words)]
        self._files_title.value = present_files_title(details)
        ordered = sorted(details.files, key=lambda file: (file.result is not FileResult.NEW, file.path))
        self._files.controls = [
            *(_line(name.result, name.path, name.reason) for name in details.names),
            *(_line(file.result, file.path, words.size(file.size_bytes)) for file in ordered),
        ]
        # What is in a box is not walked with what is around it.
        self.touch(self, self._head, self._reason, self._numbers, self._files_title, self._files)

    def _show_lines(self, page: LogPage) -> None:
        words = self.context.format
        lines = sorted(page.lines[:MAX_LINES], key=lambda line: line.id)
        self._lines.controls = [
            ft.Text(
                label_text(_told(line, words)),
                size=12,
                font_family=MONO,
                color=INK,
                no_wrap=True,
                overflow=ft.TextOverflow.ELLIPSIS,
                tooltip=label_text(_fields(line.fields)) or None,
            )
            for line in lines
        ]
        self.touch(self._lines)
        self._lines_box.show(_snapshot(page), empty=not lines)
        self.touch_box(self._lines_box)
        self.all_lines.visible = bool(lines)
        self.touch(self)

    # -- leading on

    def _show_client(self) -> None:
        if self._shown_run is not None:
            self.context.go(Place("clients", f"client:{self._shown_run.client_id}"))

    def _show_files(self) -> None:
        if self._shown_run is not None:
            self.context.go(Place("files", f"client:{self._shown_run.client_id}"))

    def _show_log(self) -> None:
        if self._shown_run is not None:
            self.context.go(Place("logs", f"run:{self._shown_run.id}"))


def _line(result: FileResult, name: str, told: str) -> ft.Control:
    """Return a name with what has become of it, and what there is to say of that."""
    icon, tone = _RESULTS[result]
    path = ft.Text(
        label_text(name),
        size=12,
        font_family=MONO,
        color=INK,
        no_wrap=True,
        overflow=ft.TextOverflow.ELLIPSIS,
        expand=3,
        tooltip=label_text(name),
    )
    more = small_text(label_text(told))
    more.tooltip, more.text_align = label_text(told) or None, ft.TextAlign.RIGHT
    if result is FileResult.FAILED:
        more.expand = 2
    return ft.Row(
        [
            ft.Icon(icon, size=14, color=tone.color),
            ft.Text(result.value, size=SIZE_SMALL, color=QUIET_INK, width=56),
            path,
            more,
        ],
        spacing=6,
        height=20,
    )


def _snapshot(page: LogPage) -> Snapshot[LogPage]:
    return Snapshot(page, Health.OK)


def _fields(fields: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _told(line: LogLine, words: Formatter) -> str:
    return f"{words.clock(line.at)}  {line.level.upper():7} {line.message}  {_fields(line.fields)}"


def _number(name: str, value: str, told: str) -> ft.Control:
    return ft.Container(
        ft.Column([ft.Text(value, size=18, color=INK), small_text(name)], spacing=0, tight=True),
        tooltip=told,
        expand=True,
    )
