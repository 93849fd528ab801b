"""The seven cards of the analytics view, and the streams of one range that they look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import flet as ft
from reactivex import Observable

from streams.records.analytics import AnalyticsQuery, BackupHistory, ClientHeat, LoadHistory, StorageTrend
from streams.snapshot import Snapshot
from streams.sources.analytics import AnalyticsStreams
from ui.components.chart_bars import BarChart
from ui.components.chart_heat import HeatMap, HeatPlot, legend
from ui.components.chart_lines import LineChart
from ui.components.chart_model import BarPlot, LinePlot
from ui.components.states import Empty
from ui.context import Place, UiContext
from ui.format import Formatter
from ui.theme import small_text
from ui.views.analytics_cards import ChartPart
from ui.views.analytics_load import (
    CONSOLE,
    SERVER,
    LoadMetric,
    has_points,
    metric_of,
    present_load,
    present_storage,
)
from ui.views.analytics_present import (
    Drawn,
    is_idle,
    present_backups,
    present_heat,
    present_success,
    present_volume,
)

T = TypeVar("T")

SENT: Final = "Sent"
SEEN: Final = "Seen"
NO_BACKUPS: Final = Empty("No backup ended in this time.", ft.Icons.EVENT_BUSY)
NO_CLIENTS: Final = Empty("No client was backed up in this time.", ft.Icons.DEVICES_OTHER)
NO_SAMPLES: Final = Empty("Nothing was measured in this time.", ft.Icons.QUERY_STATS)


@dataclass(frozen=True, slots=True)
class Asked:
    """The streams of one range; those of the backups are one, which three cards share."""

    backups: Observable[Snapshot[BackupHistory]]
    hours: Observable[Snapshot[ClientHeat]]
    storage: Observable[Snapshot[StorageTrend]]
    performance: Observable[Snapshot[LoadHistory]]
    console: Observable[Snapshot[LoadHistory]]


def ask(past: AnalyticsStreams, query: AnalyticsQuery) -> Asked:
    """Return the streams of one range."""
    return Asked(
        past.backups(query),
        past.hours(query),
        past.storage(query),
        past.performance(query),
        past.console(query),
    )


class Parts:
    """The cards, by name; ``look_at`` turns all of them to another range."""

    def __init__(self, asked: Asked, context: UiContext) -> None:
        def backups(history: BackupHistory, _choice: str, words: Formatter) -> Drawn:
            return present_backups(history, words)

        def volume(history: BackupHistory, choice: str, words: Formatter) -> Drawn:
            return present_volume(history, words, seen=choice == SEEN)

        def success(history: BackupHistory, _choice: str, words: Formatter) -> Drawn:
            return present_success(history, words)

        def storage(trend: StorageTrend, _choice: str, words: Formatter) -> Drawn:
            return present_storage(trend, words)

        self.backups = _bars(asked.backups, context, "backups", "Backups", present=backups)
        self.volume = _bars(
            asked.backups, context, "volume", "Data volume", present=volume, choices=(SENT, SEEN)
        )
        self.success = _lines(
            asked.backups,
            context,
            "success",
            "Success rate",
            present=success,
            is_empty=is_idle,
            empty=NO_BACKUPS,
        )
        self.hours = _heat(asked.hours, context)
        self.storage = _lines(
            asked.storage,
            context,
            "storage",
            "Storage, with forecast",
            present=storage,
            is_empty=lambda trend: not has_points(trend.history),
            empty=NO_SAMPLES,
        )
        self.server = _load(asked.performance, context, "Server", SERVER)
        self.console = _load(asked.console, context, "Console", CONSOLE, from_first=True)

    @property
    def rows(self) -> tuple[tuple[ChartPart[Any], ...], ...]:
        """The cards as they stand on the page."""
        return (
            (self.backups, self.volume, self.success),
            (self.hours, self.storage),
            (self.server, self.console),
        )

    def look_at(self, asked: Asked) -> None:
        """Draw another range from now on."""
        for part in (self.backups, self.volume, self.success):
            part.look_at(asked.backups)
        self.hours.look_at(asked.hours)
        self.storage.look_at(asked.storage)
        self.server.look_at(asked.performance)
        self.console.look_at(asked.console)


def _bars(
    stream: Observable[Snapshot[BackupHistory]],
    context: UiContext,
    key: str,
    title: str,
    *,
    present: Callable[[BackupHistory, str, Formatter], Drawn],
    choices: Sequence[str] = (),
) -> ChartPart[BackupHistory]:
    chart = BarChart()
    return ChartPart(
        stream,
        context=context,
        key=key,
        title=title,
        chart=chart,
        show=lambda drawn: isinstance(drawn.plot, BarPlot) and chart.show(drawn.plot),
        present=present,
        is_empty=is_idle,
        empty=NO_BACKUPS,
        choices=choices,
    )


def _lines(
    stream: Observable[Snapshot[T]],
    context: UiContext,
    key: str,
    title: str,
    *,
    present: Callable[[T, str, Formatter], Drawn],
    is_empty: Callable[[T], bool],
    empty: Empty,
    choices: Sequence[str] = (),
) -> ChartPart[T]:
    chart = LineChart()
    return ChartPart(
        stream,
        context=context,
        key=key,
        title=title,
        chart=chart,
        show=lambda drawn: isinstance(drawn.plot, LinePlot) and chart.show(drawn.plot),
        present=present,
        is_empty=is_empty,
        empty=empty,
        choices=choices,
    )


def _load(
    stream: Observable[Snapshot[LoadHistory]],
    context: UiContext,
    title: str,
    metrics: Sequence[LoadMetric],
    *,
    from_first: bool = False,
) -> ChartPart[LoadHistory]:
    def present(history: LoadHistory, choice: str, words: Formatter) -> Drawn:
        return present_load(title, history, metric_of(metrics, choice), words, from_first=from_first)

    return _lines(
        stream,
        context,
        title.lower(),
        title,
        present=present,
        is_empty=lambda history: not has_points(history),
        empty=NO_SAMPLES,
        choices=[metric.name for metric in metrics],
    )


def _heat(stream: Observable[Snapshot[ClientHeat]], context: UiContext) -> ChartPart[ClientHeat]:
    looked = small_text()

    def look(text: str) -> None:
        looked.value = text
        looked.update()

    chart = HeatMap(on_look=look, on_open=lambda show: context.go(Place("clients", show)))
    return ChartPart(
        stream,
        context=context,
        key="hours",
        title="Activity by client and hour",
        chart=chart,
        show=lambda drawn: isinstance(drawn.plot, HeatPlot) and chart.show(drawn.plot),
        present=lambda heat, _choice, words: present_heat(heat, words),
        is_empty=lambda heat: not any(any(client.runs) for client in heat.clients),
        empty=NO_CLIENTS,
        footer=[ft.Row([ft.Container(looked, expand=True), legend()], height=16)],
    )
