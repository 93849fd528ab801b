"""The six cards with the server's load, and what lies behind each number."""

from typing import Final

import flet as ft

from streams.model.server import Series, ServerStatus, StorageForecast
from streams.model.snapshot import Snapshot
from streams.sources.registry import Streams
from ui.base.bound_view import BoundView
from ui.base.context import Place, UiContext
from ui.base.format import UNKNOWN, Formatter, count_text, ratio_text
from ui.base.theme import STRONG, STRONG_FACE, Tone, body_text, small_text
from ui.components.charts.sparkline import Sparkline, thin_out
from ui.components.dialogs import show_dialog
from ui.components.loading_states import StateBox
from ui.components.metric_cards import Metric, metric_cards
from ui.views.dashboard.metrics import METRICS, present_disk
from ui.views.shared.present import present_forecast

_PLACES: Final = {
    "clients_online": Place("clients", "state:online"),
    "throughput": Place("files", "transfers"),
    "storage": Place("files"),
}


class LoadPart(BoundView):
    """CPU, memory, connections, clients online, throughput and storage."""

    def __init__(self, *, streams: Streams, context: UiContext) -> None:
        self._streams = streams
        self._disk, self._forecast = ("", "", Tone.QUIET), ("", "")
        row, self._cards = metric_cards(METRICS, self._on_open)
        super().__init__(context=context, key="load", content=row)
        for card in self._cards.values():
            self.bind_snapshot(
                streams.status,
                card.box,
                lambda status, card=card: self.touch(*card.show(status, self.context.format)),
            )
        self.bind(streams.load, self._show_load)
        self.bind(streams.status, self._show_disk)
        self.bind(streams.forecast, self._show_forecast)

    def _show_load(self, snapshot: Snapshot[tuple[Series, ...]]) -> None:
        by_name = {series.name: series for series in snapshot.value or ()}
        for card in self._cards.values():
            series = by_name.get(card.metric.series)
            if card.line is not None and card.line.show(thin_out(series.points) if series else []):
                self.touch(card.line)

    def _show_forecast(self, snapshot: Snapshot[StorageForecast]) -> None:
        if snapshot.value is not None:
            self._forecast = present_forecast(
                snapshot.value, self.context.server_clock(), self.context.format
            )
        else:
            self._forecast = (UNKNOWN, snapshot.failure.message) if snapshot.failure else ("", "")
        self._show_storage()

    def _show_disk(self, snapshot: Snapshot[ServerStatus]) -> None:
        if snapshot.value is not None:
            self._disk = present_disk(snapshot.value, self.context.format)
            self._show_storage()

    def _show_storage(self) -> None:
        (warning, reason, tone), (text, why) = self._disk, self._forecast
        tooltip = "\n".join(part for part in (reason, warning and text, why) if part)
        self.touch(*self._cards["storage"].say(warning or text, tooltip=tooltip or None, tone=tone))

    def _on_open(self, metric: Metric[ServerStatus]) -> None:
        place = _PLACES.get(metric.name)
        if place is not None:
            self.context.go(place)
            return
        show_dialog(
            self.page,
            self.context,
            ft.AlertDialog(
                title=ft.Text(
                    f"{metric.title}, last 10 minutes", size=18, weight=STRONG, font_family=STRONG_FACE
                ),
                content=LoadDetail(streams=self._streams, context=self.context, metric=metric),
                shape=ft.RoundedRectangleBorder(radius=14),
            ),
        )


def present_value(name: str, value: float, words: Formatter) -> str:
    """Return a value of a series in its own unit."""
    if name == "cpu_ratio":
        return ratio_text(value, digits=1)
    if name.endswith("_bytes"):
        return words.size(value)
    if name.endswith("_bps"):
        return words.rate(value)
    return count_text(round(value))


class LoadDetail(BoundView):
    """One series large, with its least, mean and greatest value, and where it comes from; live while open."""

    def __init__(self, *, streams: Streams, context: UiContext, metric: Metric[ServerStatus]) -> None:
        self._metric = metric
        self._line = Sparkline(floor=metric.floor, expand=True)
        self._numbers = {name: body_text(right=True) for name in ("Now", "Least", "Mean", "Greatest")}
        self._source = small_text()
        self._span = small_text()
        self.box = StateBox(
            ft.Column(
                [
                    ft.Container(self._line, height=150, expand=False),
                    ft.Row([self._span], alignment=ft.MainAxisAlignment.SPACE_BETWEEN),
                    ft.Row(
                        [
                            ft.Column([small_text(name), value], spacing=0, tight=True, expand=True)
                            for name, value in self._numbers.items()
                        ]
                    ),
                    self._source,
                ],
                spacing=8,
            ),
            height=244,
        )
        super().__init__(context=context, key=f"load {metric.name}", content=self.box, width=560)
        self.bind_snapshot(streams.load, self.box, self._show_load)
        self.bind(streams.status, self._show_status)

    def _show_status(self, snapshot: Snapshot[ServerStatus]) -> None:
        if snapshot.value is not None:
            self._say("Now", self._metric.value_fn(snapshot.value, self.context.format))

    def _show_load(self, load: tuple[Series, ...]) -> None:
        series = next((s for s in load if s.name == self._metric.series and s.points), None)
        if series is None:
            return
        words = self.context.format
        points = series.points
        self._say("Least", present_value(series.name, min(p.least for p in points), words))
        self._say("Mean", present_value(series.name, sum(p.mean for p in points) / len(points), words))
        self._say("Greatest", present_value(series.name, max(p.greatest for p in points), words))
        self._span.value = f"{words.clock(points[0].at)} to {words.clock(points[-1].at)}"
        self._source.value = (
            f"{count_text(len(points))} values of {series.step_s:g} s each, sampled by the server itself "
            f"({series.name}, GET /api/load)."
        )
        self.touch(self._span, self._source)
        if self._line.show(thin_out(points, 120)):
            self.touch(self._line)

    def _say(self, name: str, text: str) -> None:
        if self._numbers[name].value != text:
            self._numbers[name].value = text
            self.touch(self._numbers[name])
