"""The past of the fleet and of both programs, for the period that somebody looks at."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import reactivex as rx
from reactivex import Observable

from streams.model.analytics import AnalyticsQuery, BackupHistory, ClientHeat, LoadHistory, StorageTrend
from streams.model.events import Event
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import EventKind, Topic
from streams.operators.results import Failed, Ok
from streams.sources.reading import Fetch, Reading

T = TypeVar("T")

SETTLE_S = 4.0
"""How long an event waits for others before all is computed again: the past does not change that fast."""

Asked = Callable[[AnalyticsQuery], Observable[Snapshot[T]]]
"""A stream for one period; build a new one for each query and switch to it."""


@dataclass(frozen=True, slots=True)
class AnalyticsStreams:
    """What the analytics view can look at."""

    backups: Asked[BackupHistory]
    hours: Asked[ClientHeat]
    performance: Asked[LoadHistory]
    """Of the server."""
    storage: Asked[StorageTrend]
    console: Asked[LoadHistory]
    """Measured by the console itself."""


class Own(Protocol):
    """Keeps the last answer of one question for all who listen, as long as somebody does."""

    def __call__(self, name: str, source: Observable[Ok[T] | Failed], /) -> Observable[Snapshot[T]]:
        """Return the stream of the answers."""
        ...


class AnalyticsPorts(Protocol):
    """One question to the server each."""

    def backups(self, query: AnalyticsQuery) -> Observable[BackupHistory]:
        """Runs in intervals."""
        ...

    def client_hours(self, query: AnalyticsQuery) -> Observable[ClientHeat]:
        """Runs by client and hour of the day."""
        ...

    def performance(self, query: AnalyticsQuery) -> Observable[LoadHistory]:
        """The server's load."""
        ...

    def storage(self, query: AnalyticsQuery) -> Observable[StorageTrend]:
        """The file store's growth."""
        ...


def analytics(
    ports: AnalyticsPorts, reading: Reading, own: Own, console: Asked[LoadHistory] | None
) -> AnalyticsStreams:
    """Return the streams; a program that does not measure itself has no ``console``."""
    return AnalyticsStreams(
        backups=lambda query: own("backups", of_runs(lambda: ports.backups(query), reading)),
        hours=lambda query: own("client hours", of_runs(lambda: ports.client_hours(query), reading)),
        performance=lambda query: own("performance", of_load(lambda: ports.performance(query), reading)),
        storage=lambda query: own("storage", of_load(lambda: ports.storage(query), reading)),
        console=console or (lambda _: rx.never()),
    )


def of_runs(fetch: Fetch[T], reading: Reading) -> Observable[Ok[T] | Failed]:
    """What is computed from the runs of a period.

    Source:  GET /api/analytics/… every ``background_s``, and some seconds after runs have ended.
    Emits:   the answer, at once and after each read.
    Shape:   some hundred intervals, or 24 numbers for each of some dozen clients; times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    calm = replace(reading, settle_s=SETTLE_S)
    return calm.queried(fetch, Topic.RUNS, _ended)


def of_load(fetch: Fetch[T], reading: Reading) -> Observable[Ok[T] | Failed]:
    """What is computed from the server's samples of a period.

    Source:  GET /api/analytics/… every ``background_s`` and after each gap.
    Emits:   the answer, at once and after each read.
    Shape:   some series of up to 300 points; times in UTC.
    Sharing: none; the cell that follows it is shared.
    Errors:  what goes wrong outside is Failed; anything else ends the stream.
    """
    return reading.queried(fetch, Topic.SERVER, lambda _: False)


def _ended(event: Event) -> bool:
    return event.kind is EventKind.RUN_FINISHED
