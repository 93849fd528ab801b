"""The Health tab: the file, its log, its locks, the slow statements, and a check of the whole file."""

import asyncio
from collections.abc import Sequence

import flet as ft

from streams.model.database_state import CheckResult, DatabaseHealth, LockHolder, SlowQuery
from streams.model.failures import QueryCancelled
from streams.sources.registry import DatabaseStreams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import (
    UNKNOWN,
    Formatter,
    count_text,
    counted,
    duration_text,
    ratio_text,
    rough_duration_text,
)
from ui.base.theme import (
    GAP,
    INK,
    LINE,
    MONO,
    SIZE_BODY,
    SelectableText,
    Tone,
    body_text,
    mono_text,
    small_text,
)
from ui.components.card import card
from ui.components.loading_states import StateBox
from ui.components.side_panel import Facts

_FILE = {
    "path": "File",
    "size": "Size",
    "pages": "Pages",
    "free": "Free pages",
    "mode": "Journal",
    "encoding": "Encoding",
    "version": "Versions",
}
_LIVE = {
    "wal": "Log (WAL)",
    "checkpoint": "Checkpoint",
    "lock": "Write lock",
    "cache": "Page cache",
}


def present_facts(health: DatabaseHealth, words: Formatter) -> dict[str, str]:
    """Return the lines of the two cards of facts."""
    size = words.size
    free = health.free_count / health.page_count if health.page_count else None
    return {
        "path": health.path,
        "size": present_size(health, words),
        "pages": f"{count_text(health.page_count)} of {size(health.page_bytes)}",
        "free": f"{count_text(health.free_count)} ({ratio_text(free)})",
        "mode": {"wal": "write-ahead log", "delete": "rollback journal"}.get(
            health.journal_mode, health.journal_mode
        ),
        "encoding": health.encoding,
        "version": f"read with SQLite {health.sqlite_version}, user_version {health.user_version}",
        "wal": UNKNOWN if health.wal_bytes is None else size(health.wal_bytes),
        "checkpoint": UNKNOWN
        if health.checkpoint_age_s is None
        else f"{rough_duration_text(health.checkpoint_age_s)} ago",
        "lock": present_writer(health.holders),
        "cache": f"{size(health.cache_bytes)} for each connection that reads for this console",
    }


def present_size(health: DatabaseHealth, words: Formatter) -> str:
    """Return the size of all pages, as it is told everywhere, and how the file differs until a checkpoint."""
    whole = health.page_count * health.page_bytes
    missing = whole - health.size_bytes
    if health.wal_bytes is None or missing == 0:
        return words.size(whole)
    if missing > 0:
        return f"{words.size(whole)}, {words.size(missing)} of it only in the log"
    return f"{words.size(whole)}, in a file of {words.size(health.size_bytes)} until the next checkpoint"


def present_writer(holders: Sequence[LockHolder] | None) -> str:
    """Return who writes now."""
    if holders is None:
        return "this system does not say"
    writers = [h for h in holders if any(word in h.lock for word in ("writing", "exclusive", "checkpoint"))]
    if not writers:
        return "free"
    return ", ".join(f"{h.program} ({h.pid}) {h.lock}" for h in writers)


class HealthTab(BoundView):
    """Facts of the file, read again every few seconds while one looks."""

    def __init__(self, *, streams: DatabaseStreams, context: UiContext) -> None:
        self._streams = streams
        self._file = Facts(_FILE, mono=("path",), font=MONO)
        self._live = Facts(_LIVE)
        self._holders = ft.Column([], spacing=4, tight=True)
        self._slow = ft.Column([], spacing=0, tight=True)
        self._told: tuple[object, object] = (None, None)
        self._checking: asyncio.Task[None] | None = None
        self._verdict = ft.Text(
            "Not checked since the console was started.", size=SIZE_BODY, color=INK, expand=True
        )
        self._verdict_icon = ft.Icon(ft.Icons.HELP_OUTLINE, size=18, color=Tone.QUIET.color)
        self._problems = SelectableText("", size=12, font_family=MONO, color=INK, visible=False)
        self._button = ft.OutlinedButton("Check now", on_click=lambda _event: self._on_check())
        self._check = ft.Column(
            [ft.Row([self._verdict_icon, self._verdict, self._button], spacing=10), self._problems],
            spacing=6,
            tight=True,
        )
        body = ft.Column(
            [
                ft.Row(
                    [
                        card("File", self._file.control, expand=1),
                        card("Now", self._live.control, expand=1),
                    ],
                    spacing=GAP,
                    intrinsic_height=True,
                    vertical_alignment=ft.CrossAxisAlignment.STRETCH,
                ),
                card("Integrity (quick_check)", self._check),
                card("Programs with the database open", self._holders),
                card("Slow statements of this console", self._slow),
            ],
            spacing=GAP,
            scroll=ft.ScrollMode.AUTO,
            expand=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        self._box = StateBox(body, skeleton_rows=10, skeleton_height=18, expand=True)
        super().__init__(context=context, key="database.health", content=self._box, expand=True)
        self.bind_snapshot(streams.health, self._box, self._show)

    def _show(self, health: DatabaseHealth) -> None:
        facts = present_facts(health, self.context.format)
        for group, labels in ((self._file, _FILE), (self._live, _LIVE)):
            for name in labels:
                self.touch(*group.set(name, facts[name], facts[name] if name == "path" else ""))
        if health.holders != self._told[0]:
            self._holders.controls = holder_lines(health.holders)
            self.touch(self._holders)
        if health.slow != self._told[1]:
            self._slow.controls = [_slow_line(query) for query in health.slow] or [
                small_text("None took longer than 100 ms.")
            ]
            self.touch(self._slow)
        self._told = (health.holders, health.slow)

    # -- the check

    def _on_check(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            return
        self.act("Check the database", self._run_check())

    async def _run_check(self) -> None:
        self._checking = asyncio.current_task()
        self._say(Tone.BUSY, ft.Icons.SYNC, "Checking every page of the file…", button="Cancel")
        try:
            self._show_check(await self._streams.check())
        except (asyncio.CancelledError, QueryCancelled):
            self._say(Tone.QUIET, ft.Icons.PAUSE_CIRCLE, "The check was cancelled; nothing is known.")
            raise
        except BaseException:
            self._say(Tone.BAD, ft.Icons.ERROR, "The check could not be finished.")
            raise
        finally:
            self._checking = None

    def _show_check(self, result: CheckResult) -> None:
        took = f"in {duration_text(result.took_s)}, at {self.context.format.clock(self.context.clock())}"
        if not result.problems:
            self._say(Tone.OK, ft.Icons.CHECK_CIRCLE, f"No problem found, {took}.")
            return
        count = len(result.problems)
        self._say(
            Tone.BAD,
            ft.Icons.ERROR,
            f"{counted(count, 'problem')} found, {took}.",
            *result.problems,
        )

    def _say(
        self, tone: Tone, icon: ft.IconData, text: str, *problems: str, button: str = "Check now"
    ) -> None:
        self._verdict.value = text
        self._verdict_icon.icon, self._verdict_icon.color = icon, tone.color
        self._problems.value, self._problems.visible = "\n".join(problems), bool(problems)
        self._button.content = button
        self.touch(self._check)


def holder_lines(holders: Sequence[LockHolder] | None) -> list[ft.Control]:
    """Return a line for each program that has the database open."""
    if holders is None:
        return [small_text("This system does not say who has it open.")]
    if not holders:
        return [small_text("Nobody has a lock on it at this moment.")]
    return [
        ft.Row(
            [
                body_text(holder.program, width=180),
                body_text(f"process {holder.pid}", quiet=True, width=140),
                body_text(holder.lock, quiet=holder.lock == "open"),
            ],
            spacing=12,
            height=26,
        )
        for holder in holders
    ]


def _slow_line(query: SlowQuery) -> ft.Control:
    sql = mono_text(query.sql, selectable=True)
    sql.expand, sql.tooltip = True, query.sql
    ended = body_text(f"{rough_duration_text(query.ended_ago_s)} ago", quiet=True, right=True, width=80)
    outcome = body_text("" if query.outcome == "done" else "stopped", width=70)
    outcome.color, outcome.tooltip = Tone.WARNING.color, query.outcome
    return ft.Container(
        ft.Row(
            [sql, outcome, body_text(duration_text(query.took_s), right=True, width=80), ended],
            spacing=12,
            height=28,
            vertical_alignment=ft.CrossAxisAlignment.CENTER,
        ),
        border=ft.Border.only(top=ft.BorderSide(1, LINE)),
    )
