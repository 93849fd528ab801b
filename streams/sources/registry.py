"""The bag of streams that the screen gets: what it can see, by name, and nothing of where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from reactivex import Observable

from streams.model.clients import Client
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion
from streams.model.link import Latency, Link
from streams.model.runs import Progress, RunDetails, RunPage, RunResults
from streams.model.server import Activity, Series, ServerStatus, StorageForecast, Transfer
from streams.model.server_settings import ServerSettingsSheet
from streams.model.snapshot import Delta, Snapshot
from streams.ports.logs import LogStreams
from streams.sources.analytics import AnalyticsStreams
from streams.sources.database import DatabaseStreams, QueryRun
from streams.sources.problems import Problems

__all__ = ["AnalyticsStreams", "DatabaseStreams", "QueryRun", "Streams", "TableStream"]
"""What views and the composition of the console take from here."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class TableStream(Generic[K, V]):
    """A keyed subject: a late subscriber gets one full delta at once, then only changes."""

    deltas: Observable[Delta[K, V]]
    freshness: Observable[Snapshot[int]]
    """The count of rows with the health of the subject."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Every stream of the console. Subscribing is what makes a source read; disposing ends it."""

    link: Observable[Link]
    latency: Observable[Latency]
    status: Observable[Snapshot[ServerStatus]]
    clients: TableStream[str, Client]
    progress: TableStream[int, Progress]
    """Running backups by run id."""
    transfers: TableStream[str, Transfer]
    activity: Observable[Snapshot[tuple[Activity, ...]]]
    """The newest 100, newest first."""
    results: Observable[Snapshot[RunResults]]
    """Runs of the last 24 h."""
    load: Observable[Snapshot[tuple[Series, ...]]]
    """The last 10 minutes of the server's metrics."""
    forecast: Observable[Snapshot[StorageForecast]]
    server_settings: Observable[Snapshot[ServerSettingsSheet]]
    """The server's own settings as they are in force."""
    files_summary: Observable[Snapshot[FilesSummary]]
    file_page: Callable[[FileQuery], Observable[Snapshot[FilePage]]]
    """A page of files, read again when files change; build a new one for each query and switch to it."""
    file_versions: Callable[[int], Observable[Snapshot[tuple[FileVersion, ...]]]]
    client_runs: Callable[[str], Observable[Snapshot[RunPage]]]
    """The last 30 runs of a client, newest first."""
    run: Callable[[int], Observable[Snapshot[RunDetails]]]
    """A run with its files, read again when it changes."""
    client_activity: Callable[[str], Observable[Snapshot[tuple[Activity, ...]]]]
    problems: Observable[Problems]
    """All that is wrong now, the worst first."""
    analytics: AnalyticsStreams
    """The past, for the period that is asked for."""
    logs: LogStreams
    database: DatabaseStreams
    """The database beside the server, or any other SQLite file."""
