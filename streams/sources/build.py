"""All streams of the console, built from what the bridge can read."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from reactivex import Observable

from streams.core.types import Seconds
from streams.model.analytics import LoadHistory
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion
from streams.model.link import Latency, Link
from streams.model.logs import LogFilter, LogPage
from streams.model.runs import Progress, RunDetails, RunPage, RunResults
from streams.model.server import Activity, Series, ServerStatus, StorageForecast, Transfer
from streams.model.server_settings import ServerSettingsSheet
from streams.model.snapshot import Snapshot
from streams.operators.results import Failed, Ok
from streams.ports.logs import OwnLog, SilentLog
from streams.sources import activity, analytics, clients, files, problems, runs, server, transfers
from streams.sources.database import DatabasePort, NoDatabase, build_database
from streams.sources.logs import log_streams
from streams.sources.reading import Numbered, Reading
from streams.sources.registry import Streams, TableStream
from streams.state.cell import Cell
from streams.state.environment import Environment
from streams.state.manager import StateManager
from streams.state.table_cell import TableCell

T = TypeVar("T")


class Ports(analytics.AnalyticsPorts, Protocol):
    """One question to the server each; a stream of one answer, asked anew by each subscription."""

    def clients(self) -> Observable[Numbered[Mapping[str, Client]]]:
        """All clients by id."""
        ...

    def progress(self) -> Observable[Mapping[int, Progress]]:
        """The running backups by run id."""
        ...

    def transfers(self) -> Observable[Mapping[str, Transfer]]:
        """The transfers by id."""
        ...

    def status(self) -> Observable[ServerStatus]:
        """The newest sample of load."""
        ...

    def results(self) -> Observable[RunResults]:
        """How the runs of the last 24 h ended."""
        ...

    def load(self) -> Observable[tuple[Series, ...]]:
        """The metrics of the last 10 minutes."""
        ...

    def forecast(self) -> Observable[StorageForecast]:
        """When the disk will be full."""
        ...

    def server_settings(self) -> Observable[ServerSettingsSheet]:
        """The server's own settings in force."""
        ...

    def activity(self, client_id: str | None = None) -> Observable[tuple[Activity, ...]]:
        """The newest 100 lines."""
        ...

    def files_summary(self) -> Observable[FilesSummary]:
        """Sums over all files."""
        ...

    def file_page(self, query: FileQuery) -> Observable[FilePage]:
        """One page of files."""
        ...

    def file_versions(self, file_id: int) -> Observable[tuple[FileVersion, ...]]:
        """All versions of a file, newest first."""
        ...

    def client_runs(self, client_id: str) -> Observable[RunPage]:
        """The newest 30 runs of a client."""
        ...

    def run(self, run_id: int) -> Observable[RunDetails]:
        """A run with its files."""
        ...

    def log_page(self, wanted: LogFilter, before: int | None) -> Observable[LogPage]:
        """Lines of the server's log before an id, newest first."""
        ...


def build_streams(
    ports: Ports,
    reading: Reading,
    state: StateManager,
    environment: Environment,
    *,
    link: Observable[Link],
    latency: Observable[Latency],
    own_log: OwnLog | None = None,
    console_load: analytics.Asked[LoadHistory] | None = None,
    database: DatabasePort | None = None,
    server_now: Callable[[], datetime] = utc_now,
) -> Streams:
    """Connect every source to its cell; nothing is read until somebody subscribes."""
    critical_s, background_s = reading.critical_s, reading.background_s

    def shared(name: str, cadence_s: Seconds, source: Observable[Ok[T] | Failed]) -> Observable[Snapshot[T]]:
        cell: Cell[T] = state.cell(name, cadence_s)
        cell.follow(source)
        return cell.stream

    def own(name: str, source: Observable[Ok[T] | Failed]) -> Observable[Snapshot[T]]:
        # A cell for one question: it is not kept, so that a thousand questions do not stay in memory.
        cell: Cell[T] = Cell(name, background_s, environment)
        cell.follow(source)
        return cell.stream

    client_table: TableCell[str, Client] = state.table("clients", critical_s)
    client_table.follow(clients.clients(ports.clients, reading))
    progress_table: TableCell[int, Progress] = state.table("progress", critical_s)
    progress_table.follow(runs.progress(ports.progress, reading))
    transfer_table: TableCell[str, Transfer] = state.table("transfers", critical_s)
    transfer_table.follow(transfers.transfers(ports.transfers, reading))
    status = shared("status", critical_s, server.status(ports.status, reading))
    return Streams(
        link=link,
        latency=latency,
        status=status,
        problems=problems.problems(
            link,
            status,
            client_table.deltas,
            client_table.freshness,
            scheduler=reading.scheduler,
            server_now=server_now,
        ),
        clients=TableStream(client_table.deltas, client_table.freshness),
        progress=TableStream(progress_table.deltas, progress_table.freshness),
        transfers=TableStream(transfer_table.deltas, transfer_table.freshness),
        activity=shared("activity", background_s, activity.activity(ports.activity, reading)),
        results=shared("results", background_s, runs.results(ports.results, reading)),
        load=shared("load", background_s, server.load(ports.load, reading)),
        forecast=shared("forecast", background_s, server.forecast(ports.forecast, reading)),
        server_settings=shared(
            "server settings", background_s, server.server_settings(ports.server_settings, reading)
        ),
        files_summary=shared(
            "files summary", background_s, files.files_summary(ports.files_summary, reading)
        ),
        file_page=lambda query: own(
            "file page", files.file_page(query, lambda: ports.file_page(query), reading)
        ),
        file_versions=lambda file_id: own(
            "file versions", files.file_versions(lambda: ports.file_versions(file_id), reading)
        ),
        client_runs=lambda client_id: own(
            "client runs", runs.client_runs(client_id, lambda: ports.client_runs(client_id), reading)
        ),
        run=lambda run_id: own("run", runs.run(run_id, lambda: ports.run(run_id), reading)),
        client_activity=lambda client_id: own(
            "client activity", activity.activity(lambda: ports.activity(client_id), reading, client_id)
        ),
        analytics=analytics.analytics(ports, reading, own, console_load),
        logs=log_streams(ports.log_page, own_log or SilentLog(), reading, environment.began),
        database=build_database(database or NoDatabase(), reading, environment),
    )
