"""The console's connection: a chip that is always there, and the panel behind it that tells all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import flet as ft

from streams.model.link import Latency, Link
from streams.model.server import ServerStatus
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import LinkState, ServerState
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import UiContext
from ui.base.format import UNKNOWN, Formatter, age_text, count_text, duration_text
from ui.base.theme import INK, LINE, QUIET_INK, SIZE_BODY, StateLook, Tone, body_text, card_title, look
from ui.components.card import floating_panel
from ui.components.status_badge import StatusBadge

ENDS_SOON_S: Final = 3 * 86400
"""A token that ends within so long is shown as a warning."""
_TRANSPORTS: Final = {
    LinkState.CONNECTING: "none yet",
    LinkState.LIVE: "events over WebSocket",
    LinkState.POLLING: "polling over HTTP",
    LinkState.STALE: "events over WebSocket, silent",
    LinkState.DOWN: "none",
}


def present_round_trip(link: Link) -> str:
    """Return the round trip as the chip shows it; nothing unless it is of now."""
    if link.round_trip_s is None or link.state not in (LinkState.LIVE, LinkState.POLLING):
        return ""
    return duration_text(link.round_trip_s)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the panel."""

    label: str
    value: str
    exact: str = ""
    tone: Tone | None = None


def present_connection(
    link: Link, latency: Latency, now: datetime, words: Formatter, *, server_now: datetime
) -> tuple[Fact, ...]:
    """Return every line of the panel, always the same ones in the same order.

    The console notes by its own clock, ``now``, how it is connected; the server ends a token by its own.
    """
    target = 0.1
    p99 = latency.p99_s
    failure = link.failure
    return (
        Fact("Server", link.server_name or UNKNOWN),
        _token_fact(link, server_now, words),
        Fact("Transport", _TRANSPORTS[link.state]),
        Fact(
            "In this state",
            duration_text(max(1, round((now - link.since).total_seconds()))),
            words.exact_time(link.since),
        ),
        Fact("Round trip", duration_text(link.round_trip_s)),
        Fact("Last event", age_text(link.last_event_at, now), f"Number {link.last_seq:,}"),
        Fact(
            "Events", f"{latency.events_per_s:.1f} /s", f"{count_text(latency.merged)} merged into one frame"
        ),
        Fact(
            "Event to screen, half under",
            duration_text(latency.p50_s),
            f"{count_text(latency.samples)} measured",
        ),
        Fact(
            "Event to screen, 99 % under",
            duration_text(p99),
            f"{count_text(latency.samples)} measured; the aim is {duration_text(target)}",
            None if p99 is None else Tone.OK if p99 < target else Tone.WARNING,
        ),
        Fact(
            "Values skipped",
            count_text(latency.dropped),
            "Values such as load that a newer one of the same frame replaced; events are never dropped",
        ),
        Fact("Last gap", duration_text(link.last_gap_s), f"{count_text(link.reconnects)} reconnections"),
        Fact("Why", failure.message if failure else UNKNOWN, failure.hint if failure else ""),
        Fact("Next try", age_text(failure.retry_at, now) if failure else UNKNOWN),
    )


def _token_fact(link: Link, now: datetime, words: Formatter) -> Fact:
    """Return which token is used, what it may do and when it ends."""
    if link.scopes is None:
        return Fact("Token", UNKNOWN)
    ends = link.token_ends_at
    told = f"{link.token_name}: {', '.join(link.scopes)}" if link.token_name else ", ".join(link.scopes)
    if ends is None:
        return Fact("Token", told, "It has no end")
    soon = (ends - now).total_seconds() < ENDS_SOON_S
    return Fact(
        "Token",
        f"{told}; ends {age_text(ends, now)}",
        f"It ends at {words.exact_time(ends)}",
        Tone.WARNING if soon else None,
    )


def present_intake(state: ServerState | None, link: Link | None) -> StateLook:
    """Return whether the server takes backups, which is another thing than that it answers."""
    if state is None or link is None or link.lost:
        return StateLook("", ft.Icons.HELP_OUTLINE, Tone.QUIET)
    if state is ServerState.RUNNING:
        return StateLook("", ft.Icons.BACKUP, Tone.OK)
    word = "stopping" if state is ServerState.STOPPING else "no backups"
    return StateLook(word, ft.Icons.PAUSE_CIRCLE, Tone.BAD)


def present_chip(link: Link, state: ServerState | None) -> str:
    """Return what the chip means, in a sentence each for the connection and the server."""
    told = f"Connection: {look(link.state).word}."
    if link.lost or state is None:
        return f"{told} Whether the server takes backups is not known."
    takes = {
        ServerState.RUNNING: "The server takes backups.",
        ServerState.STOPPING: "The server is stopping and takes no new backups.",
        ServerState.STOPPED: "The server is stopped and takes no backups.",
    }
    return f"{told} {takes[state]}"


class ConnectionChip(BoundView):
    """The connection with its round trip, and whether the server takes backups; a click opens the panel."""

    def __init__(self, *, streams: Streams, context: UiContext, on_open: Callable[[], Any]) -> None:
        self._badge = StatusBadge(LinkState.CONNECTING)
        self._round_trip = ft.Text("", size=SIZE_BODY, color=QUIET_INK, no_wrap=True)
        self._link: Link | None = None
        self._state: ServerState | None = None
        self._intake = StatusBadge(present_intake(None, None))
        self._pill = ft.Container(
            ft.Row(
                [self._badge, self._round_trip, ft.VerticalDivider(width=1, color=LINE), self._intake],
                spacing=8,
                tight=True,
            ),
            padding=ft.Padding.symmetric(horizontal=12),
            height=30,
            border_radius=15,
            border=ft.Border.all(1, LINE),
            on_click=lambda _: on_open(),
            ink=True,
            tooltip="Connection",
            key="connection pill",
        )
        super().__init__(context=context, key="connection chip", content=self._pill)
        self.bind(streams.link, self._show_link)
        self.bind(streams.status, self._show_status)

    def _show_status(self, status: Snapshot[ServerStatus]) -> None:
        self._state = status.value.state if status.value is not None else None
        self._show_intake()

    def _show_intake(self) -> None:
        if self._intake.set(present_intake(self._state, self._link)):
            self.touch(self._intake)
        told = "Connection" if self._link is None else present_chip(self._link, self._state)
        if self._pill.tooltip != told:
            self._pill.tooltip = told
            self.touch(self._pill)

    def _show_link(self, link: Link) -> None:
        self._link = link
        self._show_intake()
        if self._badge.set(link.state):
            self.touch(self._badge)
        text = present_round_trip(link)
        if text != self._round_trip.value:
            self._round_trip.value = text
            self._round_trip.width = 44 if text else None  # the bar stands still whatever the number
            self.touch(self._round_trip)


class ConnectionPanel(BoundView):
    """What is known of the connection, and the button that tries it now; listens only while it is open."""

    def __init__(self, *, streams: Streams, commands: Commands, context: UiContext, **container: Any) -> None:
        self._commands = commands
        self._link: Link | None = None
        self._latency = Latency()
        self._badge = StatusBadge(LinkState.CONNECTING)
        self._lines: list[tuple[ft.Text, ft.Text]] = []
        self._table = ft.Column([], spacing=6, tight=True)
        self._try = ft.FilledTonalButton("Try now", icon=ft.Icons.REFRESH, on_click=lambda _: self._on_try())
        super().__init__(
            context=context,
            key="connection panel",
            content=ft.Column(
                [
                    ft.Row([ft.Container(card_title("Connection"), expand=True), self._badge]),
                    ft.Divider(height=1, color=LINE),
                    self._table,
                    ft.Row([self._try], alignment=ft.MainAxisAlignment.END),
                ],
                spacing=10,
                tight=True,
            ),
            **floating_panel(width=420),
            **container,
        )
        self.bind(streams.link, self._show_link)
        self.bind(streams.latency, self._show_latency)
        self.bind(context.seconds, self._show_time)

    def _on_try(self) -> None:
        self.act("Reconnect", self._commands.reconnect())

    def _show_link(self, link: Link) -> None:
        self._link = link
        if self._badge.set(link.state):
            self.touch(self._badge)
        self._show_facts()

    def _show_latency(self, latency: Latency) -> None:
        self._latency = latency
        self._show_facts()

    def _show_time(self, _now: datetime) -> None:
        self._show_facts()

    def _show_facts(self) -> None:
        if self._link is None:
            return
        context = self.context
        facts = present_connection(
            self._link, self._latency, context.clock(), context.format, server_now=context.server_clock()
        )
        if not self._lines:
            self._lines = [(body_text(fact.label, quiet=True), body_text(right=True)) for fact in facts]
            self._table.controls = [
                ft.Row([ft.Container(label, width=172), ft.Container(value, expand=True)], spacing=12)
                for label, value in self._lines
            ]
            self.touch(self._table)
        for (_, value), fact in zip(self._lines, facts, strict=True):
            color = fact.tone.color if fact.tone else INK
            if (value.value, value.color, value.tooltip) != (fact.value, color, fact.exact or None):
                value.value, value.color, value.tooltip = fact.value, color, fact.exact or None
                self.touch(value)
