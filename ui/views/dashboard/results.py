"""Results of backups: the last one of each client, and all of the last day."""

from collections.abc import Callable

import flet as ft

from streams.model.clients import Client
from streams.model.runs import RunResults
from streams.model.safe_text import label_text
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import Health
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import count_text
from ui.base.theme import QUIET_INK, STRONG, STRONG_FACE, StateLook, Tone, card_title, look, small_text
from ui.components.loading_states import Empty, StateBox
from ui.views.dashboard.present import ResultPart, present_day, present_results

_NONE_YET = StateLook("none yet", ft.Icons.CLOUD_OFF, Tone.QUIET)


class ResultsPart(BoundView):
    """Clients by how their last backup ended, each count leading to just these; below it the last 24 h."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._clients: dict[str, Client] = {}
        self._parts = {part.state: _ResultCell(part, self._lead_to) for part in present_results(())}
        self._day, self._received = small_text(), small_text()
        self.box = StateBox(
            ft.Column(
                [
                    ft.Row([cell.control for cell in self._parts.values()], spacing=4),
                    ft.Column([self._day, self._received], spacing=1, tight=True),
                ],
                spacing=6,
                tight=True,
            ),
            empty=Empty("No client has enrolled yet.", ft.Icons.DEVICES_OTHER),
            skeleton_rows=2,
            height=86,
        )
        head = ft.Row(
            [ft.Container(card_title("Last backup of each client"), expand=True), self.box.note], height=20
        )
        super().__init__(context=context, key="results", content=ft.Column([head, self.box], spacing=8))
        self.bind_table(streams.clients, self.box, self._show_clients)
        self.bind(streams.results, self._show_day)

    def _show_clients(self, delta: Delta[str, Client]) -> None:
        delta.apply_to(self._clients)
        for part in present_results(self._clients.values()):
            self.touch(*self._parts[part.state].show(part.count))

    def _show_day(self, snapshot: Snapshot[RunResults]) -> None:
        if snapshot.value is None:
            return
        words = self.context.format
        at = self.context.at_server(snapshot.at) if snapshot.at is not None else None
        as_of = "" if snapshot.health is Health.OK else f", as of {words.clock(at)}"
        day, received = present_day(snapshot.value, words)
        for text, value in ((self._day, f"{day}{as_of}"), (self._received, received)):
            if text.value != value:
                text.value = label_text(value)
                self.touch(text)

    def _lead_to(self, part: ResultPart) -> None:
        self.context.go(Place("clients", part.shows))


class _ResultCell:
    """How many clients had a backup that ended in one way as their last; leads to them."""

    def __init__(self, part: ResultPart, on_open: Callable[[ResultPart], None]) -> None:
        shown = look(part.state) if part.state is not None else _NONE_YET
        self._tone = shown.tone
        self._count = ft.Text(
            "–", size=20, weight=STRONG, font_family=STRONG_FACE, color=QUIET_INK, no_wrap=True
        )
        self.control = ft.Container(
            ft.Column(
                [
                    self._count,
                    ft.Row(
                        [ft.Icon(shown.icon, size=13, color=shown.tone.color), small_text(shown.word)],
                        spacing=4,
                        tight=True,
                    ),
                ],
                spacing=0,
                tight=True,
            ),
            expand=True,
            on_click=lambda _: on_open(part),
            tooltip=f"Clients whose last backup is {shown.word}"
            if part.state is not None
            else "Clients of which no backup has ended yet",
        )

    def show(self, count: int) -> list[ft.Control]:
        """Show another count; return what changed. Only a count above zero has its colour."""
        text = count_text(count)
        color = self._tone.color if count and self._tone in (Tone.BAD, Tone.WARNING) else ft.Colors.ON_SURFACE
        if (text, color) == (self._count.value, self._count.color):
            return []
        self._count.value, self._count.color = text, color
        return [self._count]
