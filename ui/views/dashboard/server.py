"""The server itself: whether it takes backups, how the last ones went, and what one may want of it."""

from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import flet as ft

from streams.model.clients import Client
from streams.model.link import Link
from streams.model.server import ServerStatus
from streams.model.snapshot import Delta
from streams.model.vocabulary import Scope, ServerState
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import duration_text
from ui.base.permissions import Permissions
from ui.base.theme import LINE, StateLook, Tone, body_text, look
from ui.components.card import card
from ui.components.loading_states import StateBox
from ui.components.orders import hold_back
from ui.components.status_badge import StatusBadge
from ui.views.dashboard.present import SILENT_AFTER_S
from ui.views.dashboard.results import ResultsPart
from ui.views.dashboard.verification import present_verification
from ui.views.shared.server_actions import ServerActions


class ServerPart(BoundView):
    """State, uptime, Stop or Start, Back up all; results of the last backups below."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext) -> None:
        self._actions = ServerActions(commands, context, page=lambda: self.page)
        self._status: ServerStatus | None = None
        self._permissions = Permissions()
        self._busy = self._damaged = False
        self._clients: dict[str, Client] = {}
        self._badge = StatusBadge(ServerState.RUNNING, size=15)
        self._uptime = body_text(quiet=True)
        self._switch = ft.OutlinedButton("Stop", icon=ft.Icons.STOP, on_click=lambda _: self._on_switch())
        self._back_up = ft.FilledButton(
            "Back up all", icon=ft.Icons.BACKUP_OUTLINED, on_click=lambda _: self._on_back_up_all()
        )
        self.box = StateBox(
            ft.Row(
                [
                    ft.Column([self._badge, self._uptime], spacing=2, expand=True, tight=True),
                    self._switch,
                    self._back_up,
                ],
                spacing=8,
                vertical_alignment=ft.CrossAxisAlignment.CENTER,
            ),
            skeleton_rows=2,
            height=46,
        )
        self._verified_icon = ft.Icon(ft.Icons.FACT_CHECK_OUTLINED, size=15)
        self._verified = body_text(quiet=True)
        self._verified_line = ft.Container(
            ft.Row([self._verified_icon, ft.Container(self._verified, expand=True)], spacing=5),
            on_click=lambda _: self._on_verified(),
            visible=False,
        )
        self.results = ResultsPart(streams=streams, context=context)
        super().__init__(
            context=context,
            key="server",
            content=card(
                "Server",
                ft.Column(
                    [
                        self.box,
                        self._verified_line,
                        ft.Divider(height=1, color=LINE),
                        self.results,
                    ],
                    spacing=8,
                ),
                trailing=[self.box.note],
                expand=True,
            ),
            expand=5,
        )
        self.bind_snapshot(streams.status, self.box, self._show_status)
        self.adopt(self.results)
        self.bind(streams.link, self._show_link)
        self.bind_deltas(streams.clients.deltas, self._keep_clients)
        self.bind(context.server_seconds, self._show_uptime)

    # -- drawing

    def _show_status(self, status: ServerStatus) -> None:
        self._status = status
        self._show_state()
        self._show_verification(status)
        self._show_uptime(self.context.server_clock())

    def _show_verification(self, status: ServerStatus) -> None:
        line = present_verification(status.verification, self.context.server_clock(), self.context.format)
        if (line.text, line.exact) != (self._verified.value, self._verified_line.tooltip):
            self._verified.value, self._verified_line.tooltip = line.text, line.exact or None
            self._verified_line.visible = bool(line.text)
            self._verified_icon.color = line.tone.color
            self._damaged = line.damaged
            self.touch(self._verified_line)

    def _on_verified(self) -> None:
        self.context.go(Place("files", "damaged" if self._damaged else "unverified"))

    def _show_link(self, link: Link) -> None:
        permissions = Permissions.of(link)
        if permissions != self._permissions:
            self._permissions = permissions
            self._show_state()
            self._show_uptime(self.context.server_clock())

    def _show_state(self) -> None:
        """Show the state as it is known, and only those buttons as live whose command would arrive."""
        if self._status is None:
            return
        state = self._status.state
        if self._badge.set(_last_known(state) if self._permissions.lost else state):
            self.touch(self._badge)
        running = state is ServerState.RUNNING
        label, icon = ("Stop", ft.Icons.STOP) if running else ("Start", ft.Icons.PLAY_ARROW)
        if self._switch.content != label:
            self._switch.content, self._switch.icon = label, icon
            self.touch(self._switch)
        self.touch(
            *hold_back(
                self._switch,
                self._permissions.refusal(Scope.OPERATE, "It is asked for already" if self._busy else ""),
                tooltip="Refuse new backups; running ones end" if running else "Take backups again",
            ),
            *hold_back(
                self._back_up,
                self._permissions.refusal(
                    Scope.OPERATE, "" if running else "The server takes no backups now"
                ),
            ),
        )

    def _show_uptime(self, now: datetime) -> None:
        status = self._status
        if status is None:
            return
        # Nobody knows whether a server that is lost or silent still runs: its time stands still then.
        silent = self._permissions.lost or (now - status.at).total_seconds() > SILENT_AFTER_S
        known_until = status.at if silent else now
        up = duration_text(max(0.0, (known_until - status.started_at).total_seconds()))
        text = f"{'was ' if self._permissions.lost else ''}up {up} · version {status.version}"
        if text != self._uptime.value:
            self._uptime.value = text
            self._uptime.tooltip = f"Since {self.context.format.exact_time(status.started_at)}"
            self.touch(self._uptime)

    def _keep_clients(self, delta: Delta[str, Client]) -> None:
        delta.apply_to(self._clients)

    # -- commands

    def _on_switch(self) -> None:
        status = self._status
        if status is None:
            return
        if status.state is ServerState.RUNNING:
            self.act("Stop the server", self._released(self._actions.stop(status, agreed=self._hold)))
        else:
            self._hold()
            self.act("Start the server", self._released(self._actions.start()))

    def _hold(self) -> None:
        """Put the button out of reach while its order is under way.

        Not while a question stands: the keyboard, which comes back to the button, would go elsewhere.
        """
        self._busy = True
        self._show_state()

    async def _released(self, command: Coroutine[Any, Any, None]) -> None:
        try:
            await command
        finally:
            self._busy = False
            self._show_state()

    def _on_back_up_all(self) -> None:
        self.act("Back up all", self._actions.back_up_all(self._clients.values()))


def _last_known(state: ServerState) -> StateLook:
    """Return how a state looks of which nobody knows whether it still is."""
    return StateLook(f"was {look(state).word}", ft.Icons.HELP_OUTLINE, Tone.QUIET)
