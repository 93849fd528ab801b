"""The seven cards of the analytics view, and the streams of one range that they look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import flet as ft
from reactivex import Observable

from streams.model.analytics import AnalyticsQuery, BackupHistory, ClientHeat, LoadHistory, StorageTrend
from streams.model.snapshot import Snapshot
from streams.sources.registry import AnalyticsStreams
from ui.base.context import Place, UiContext
from ui.base.format import Formatter
from ui.base.theme import small_text
from ui.components.charts.bars import BarChart
from ui.components.charts.heat import HeatMap, legend
from ui.components.charts.lines import LineChart
from ui.components.loading_states import Empty
from ui.views.analytics.cards import Chart, ChartPart
from ui.views.analytics.load import (
    CONSOLE,
    SERVER,
    LoadMetric,
    has_points,
    metric_of,
    present_load,
    present_storage,
)
from ui.views.analytics.present import (
    Drawn,
    is_idle,
    present_backups,
    present_heat,
    present_success,
    present_volume,
)

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
        def of_backups(
            key: str,
            title: str,
            chart: Chart,
            present: Callable[[BackupHistory, str, Formatter], Drawn],
            choices: Sequence[str] = (),
        ) -> ChartPart[BackupHistory]:
            return ChartPart(
                asked.backups,
                context=context,
                key=key,
                title=title,
                chart=chart,
                present=present,
                is_empty=lambda history, _choice: is_idle(history),
                empty=NO_BACKUPS,
                choices=choices,
            )

        self.backups = of_backups(
            "backups", "Backups", BarChart(), lambda history, _choice, words: present_backups(history, words)
        )
        self.volume = of_backups(
            "volume",
            "Data volume",
            BarChart(),
            lambda history, choice, words: present_volume(history, words, seen=choice == SEEN),
            (SENT, SEEN),
        )
        self.success = of_backups(
            "success",
            "Success rate",
            LineChart(),
            lambda history, _choice, words: present_success(history, words),
        )
        self.hours = _heat(asked.hours, context)
        self.storage = ChartPart(
            asked.storage,
            context=context,
            key="storage",
            title="Storage, with forecast",
            chart=LineChart(),
            present=lambda trend, _choice, words: present_storage(trend, words),
            is_empty=lambda trend, _choice: not has_points(trend.history),
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


def _load(
    stream: Observable[Snapshot[LoadHistory]],
    context: UiContext,
    title: str,
    metrics: Sequence[LoadMetric],
    *,
    from_first: bool = False,
) -> ChartPart[LoadHistory]:
    return ChartPart(
        stream,
        context=context,
        key=title.lower(),
        title=title,
        chart=LineChart(),
        present=lambda history, choice, words: present_load(
            title, history, metric_of(metrics, choice), words, from_first=from_first
        ),
        is_empty=lambda history, choice: not has_points(history, metric_of(metrics, choice)),
        empty=NO_SAMPLES,
        choices=[metric.name for metric in metrics],
    )


def _heat(stream: Observable[Snapshot[ClientHeat]], context: UiContext) -> ChartPart[ClientHeat]:
    looked = small_text()

    def look(text: str) -> None:
        looked.value = text
        looked.update()

    return ChartPart(
        stream,
        context=context,
        key="hours",
        title="Activity by client and hour",
        chart=HeatMap(on_look=look, on_open=lambda show: context.go(Place("clients", show))),
        present=lambda heat, _choice, words: present_heat(heat, words),
        is_empty=lambda heat, _choice: not any(any(client.runs) for client in heat.clients),
        empty=NO_CLIENTS,
        footer=[ft.Row([ft.Container(looked, expand=True), legend()], height=16)],
    )
