"""The details of one client, at the right of the clients table."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import flet as ft
import reactivex as rx

from streams.model.link import Link
from streams.model.runs import RunPage
from streams.model.server import Activity, ServerStatus
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Scope
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import UNKNOWN, age_text
from ui.base.permissions import Permissions
from ui.base.theme import BACKING_UP, MONO
from ui.components.loading_states import Empty, StateBox
from ui.components.orders import hold_back
from ui.components.side_panel import Facts, SidePanel, foot_button, log_button, section
from ui.components.status_badge import StatusBadge
from ui.views.clients.actions import ClientActions
from ui.views.clients.details_present import present_failures, present_run_bars
from ui.views.clients.goal import GoalPart
from ui.views.clients.holds import HoldsPart
from ui.views.clients.parts import (
    BARS_HEIGHT,
    RUNS,
    RunBars,
    RunLines,
    RunningPart,
    activity_line,
    failure_line,
)
from ui.views.clients.present import (
    MARKED,
    ClientRow,
    present_file_counts,
    present_seen,
    present_state,
    present_state_why,
)
from ui.views.clients.quota import QuotaPart
from ui.views.shared.activity_present import present_activity
from ui.views.shared.client_state import can_be_allowed, is_marked, is_overdue, is_revoked
from ui.views.shared.revoked_client import RevokedPart

_LINES = 8


class ClientDetails(BoundView):
    """State, goal, running backup, last runs, failures and activity of the client that is shown."""

    def __init__(
        self,
        streams: Streams,
        context: UiContext,
        *,
        actions: ClientActions,
        on_close: Callable[[], object],
        as_of: Callable[[], datetime | None],
    ) -> None:
        self._streams, self._actions, self._as_of = streams, actions, as_of
        self._row: ClientRow | None = None
        self._permissions = Permissions()
        self._state = StatusBadge(BACKING_UP)
        self._running = RunningPart(self._on_cancel)
        self._facts = Facts(
            {
                "id": "ID",
                "platform": "System",
                "agent": "Agent",
                "seen": "Last seen",
                "good": "Last good",
                "size": "Size",
                "files": "Files",
            },
            mono=("id",),
            font=MONO,
        )
        self._goal = GoalPart(self._on_goal)
        self._quota = QuotaPart(self._on_quota)
        self._default_quota = 0
        self._holds = HoldsPart(on_keep=self._on_keep, on_unprotect=self._on_unprotect)
        self._run_lines = RunLines(
            self._on_run, lambda run_id, protected: self._actions.protect_run(run_id, protected=protected)
        )
        self._bars = RunBars(self._on_run)
        self._runs_box = StateBox(
            ft.Column([self._bars.control, self._run_lines.control], spacing=6, tight=True),
            empty=Empty("No backup has run yet.", ft.Icons.HISTORY),
            skeleton_rows=2,
            compact=True,
            height=BARS_HEIGHT,
        )

        self._failures = ft.Column([], spacing=6, tight=True)
        self._failures_of: str | None = None
        self._failures_part = section("Last failures", self._failures)
        self._lines = ft.Column([], spacing=5, tight=True)
        self._lines_box = StateBox(
            self._lines,
            empty=Empty("Nothing has happened yet.", ft.Icons.NOTES),
            skeleton_rows=4,
            compact=True,
            height=_LINES * 21,
        )
        self._toggle_shut = foot_button("Disconnect…", self._on_shut)
        self._start = foot_button("Back up now", self._on_start, filled=True)
        self._verify = foot_button("Verify", lambda: self._with(self._actions.verify))
        self._revoked = RevokedPart()
        body = ft.Column(
            [
                *self._holds.controls,
                self._revoked.control,
                self._running.control,
                self._facts.control,
                section("Goal", ft.Row([self._goal.menu], tight=True)),
                section("Quota", self._quota.control),
                section("Last 30 runs", self._runs_box, self._runs_box.note),
                self._failures_part,
                section("Activity", self._lines_box, self._activity_head()),
            ],
            spacing=14,
        )
        self.panel = SidePanel(
            ft.Container(body, padding=ft.Padding.only(right=12, bottom=12)),
            on_close=on_close,
            label="Client details",
            subtitle=self._state,
            foot=[
                self._start,
                self._verify,
                foot_button("Files", self._on_files),
                self._toggle_shut,
            ],
        )
        super().__init__(context=context, key="client-details", content=self.panel.control, visible=False)
        self.bind(streams.link, self._show_link)
        self.bind(streams.status, self._show_server)
        self._runs = self.bind_snapshot(
            rx.never(), self._runs_box, self._show_runs, is_empty=lambda page: not page.rows
        )
        self._activity = self.bind_snapshot(
            rx.never(), self._lines_box, self._show_activity, is_empty=lambda lines: not lines
        )

    # -- which client

    @property
    def client_id(self) -> str | None:
        """The client that is shown."""
        return self._row.client.id if self._row is not None else None

    def open(self, row: ClientRow) -> None:
        """Show a client; what is still on its way for another one is dropped."""
        other = row.client.id != self.client_id
        self._row = row
        if other:
            known = row.client.id == self._failures_of  # their page will not be told again
            self._failures_part.visible = known and bool(self._failures.controls)
            self._runs.switch(self._streams.client_runs(row.client.id))
            self._activity.switch(self._streams.client_activity(row.client.id))
            self.touch(self._failures_part)
        self.touch(*self.panel.show(row.client.name, row.client.id))
        self._show_client()

    def refresh(self, row: ClientRow) -> None:
        """Take the newest record of the client that is shown."""
        self._row = row
        self._show_client()

    def close(self) -> None:
        """Look at no client any more."""
        self._row = None
        self._runs.switch(rx.never())
        self._activity.switch(rx.never())

    # -- drawing

    def _show_client(self) -> None:
        row = self._row
        if row is None:
            return
        client, words, now = row.client, self.context.format, self.context.server_clock()
        if self._state.set(present_state(row, now), tooltip=present_state_why(row, words, now)):
            self.touch(self._state)
        facts = {
            "id": (client.id, client.id),
            "platform": (client.platform or UNKNOWN, client.platform),
            "agent": (client.agent_version or UNKNOWN, ""),
            "seen": present_seen(client, words, now, self._as_of()),
            "good": (
                age_text(client.last_success_at, now) + (" (overdue)" if is_overdue(client, now) else ""),
                words.exact_time(client.last_success_at),
            ),
            "size": (words.size(client.stored_bytes), words.exact_size(client.stored_bytes)),
            "files": present_file_counts(client),
        }
        for name, (text, tooltip) in facts.items():
            self.touch(*self._facts.set(name, text, tooltip))
        self.touch(*self._running.show(row, words))
        self.touch(*self._revoked.show(client.name, is_revoked(client)))
        self.touch(*self._holds.show(client, self._permissions, words, now))
        self._show_orders(row)

    def _show_server(self, status: Snapshot[ServerStatus]) -> None:
        if status.value is not None and status.value.quota_bytes != self._default_quota:
            self._default_quota = status.value.quota_bytes
            if self._row is not None:
                self._show_orders(self._row)

    def _show_orders(self, row: ClientRow) -> None:
        """Show what can be asked of the client now, and of the rest why not."""
        refusal = partial(self._permissions.refusal, Scope.OPERATE)
        marked = is_marked(row.client)
        revoked = "Its token was revoked" if is_revoked(row.client) else ""
        shut = can_be_allowed(row.client)
        start = MARKED if marked else revoked
        start = start or ("It is disconnected" if shut else "It backs up already" if row.running else "")
        label = "Undo the removal" if marked else "Allow again" if shut else "Disconnect…"
        if self._toggle_shut.content != label:
            self._toggle_shut.content = label
            self.touch(self._toggle_shut)
        self.touch(
            *hold_back(self._start, refusal(start)),
            *hold_back(self._verify, refusal()),
            *hold_back(self._toggle_shut, refusal(revoked)),
            *hold_back(self._running.cancel, refusal()),
            *self._goal.show(row.client.goal_s, refused=refusal()),
            *self._quota.show(row.client, self._default_quota, self.context.format, refused=refusal()),
            *self._run_lines.show_orders(self._permissions),
        )

    def _show_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions != self._permissions:
            self._permissions = permissions
            if self._row is not None:
                self._show_client()

    def _show_runs(self, page: RunPage) -> None:
        words, now = self.context.format, self.context.server_clock()
        changed = self._bars.show(present_run_bars(page.rows[:RUNS], words, now))
        changed += self._run_lines.show(page.rows, self._permissions, words, now)
        height = BARS_HEIGHT + 6 + self._run_lines.height
        if self._runs_box.height != height:
            self._runs_box.height = height
            changed.append(self._runs_box)
        failures = present_failures(page.rows, words, now)
        self._failures.controls = [failure_line(text) for text in failures]
        self._failures_part.visible, self._failures_of = bool(failures), self.client_id
        self.touch(*changed, self._failures_part)

    def _show_activity(self, lines: tuple[Activity, ...]) -> None:
        words, now = self.context.format, self.context.server_clock()
        self._lines.controls = [activity_line(present_activity(line, now, words)) for line in lines[:_LINES]]
        self.touch(self._lines)

    # -- acting

    def _with(self, command: Callable[[list[str]], None]) -> None:
        if self._row is not None:
            command([self._row.client.id])

    def _on_run(self, run_id: int) -> None:
        self.context.go(Place("run", str(run_id)))

    def _on_start(self) -> None:
        self._with(self._actions.back_up)

    def _activity_head(self) -> ft.Row:
        return ft.Row([self._lines_box.note, log_button(self._on_log)], spacing=6, tight=True)

    def _on_log(self) -> None:
        if self._row is not None:
            self._actions.show_log(self._row.client)

    def _on_files(self) -> None:
        if self._row is not None:
            self._actions.show_files(self._row.client.id)

    def _on_keep(self) -> None:
        if self._row is not None:
            self._actions.keep(self._row.client.id)

    def _on_unprotect(self) -> None:
        if self._row is not None:
            self._actions.protect(self._row.client.id, protected=False)

    def _on_quota(self, quota_bytes: int | None) -> None:
        if self._row is not None and self._row.client.quota_bytes != quota_bytes:
            self._actions.set_quota(self._row.client.id, quota_bytes)

    def _on_shut(self) -> None:
        if self._row is not None:
            if is_marked(self._row.client):
                self._on_keep()
                return
            shut = can_be_allowed(self._row.client)
            self._with(self._actions.allow if shut else self._actions.disconnect)

    def _on_cancel(self) -> None:
        if self._row is not None and self._row.client.running_run_id is not None:
            self._actions.cancel(self._row.client.running_run_id, self._row.client.name)

    def _on_goal(self, seconds: float) -> None:
        if self._row is not None and self._row.client.goal_s != seconds:
            self._actions.set_goal(self._row.client.id, seconds)
