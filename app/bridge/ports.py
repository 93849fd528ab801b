"""The questions of the streams, asked over HTTP; implements ``streams.sources.build.Ports``."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from reactivex import Observable

from app.bridge.http import HttpClient
from app.wire.http import ActiveRuns, ClientList
from streams.model.analytics import AnalyticsQuery, BackupHistory, ClientHeat, LoadHistory, StorageTrend
from streams.model.clients import Client
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion
from streams.model.logs import PAGE_LINES, LogFilter, LogPage
from streams.model.runs import Progress, RunDetails, RunPage, RunResults
from streams.model.server import Activity, Series, ServerStatus, StorageForecast, Transfer
from streams.model.server_settings import ServerSettingsSheet
from streams.model.vocabulary import LogSource
from streams.operators.from_coro import from_coro
from streams.operators.spawning import Spawn
from streams.sources.reading import Numbered
from streams.sources.runs import progress_of

T = TypeVar("T")

RUNS_SHOWN = 30
LINES_SHOWN = 100
LOAD_MINUTES = 10
RESULT_HOURS = 24


class HttpPorts:
    """One method a question; each subscription asks once."""

    def __init__(self, http: HttpClient, spawn: Spawn) -> None:
        self._http = http
        self._spawn = spawn

    def clients(self) -> Observable[Numbered[Mapping[str, Client]]]:
        """GET /api/clients."""

        async def ask() -> Numbered[Mapping[str, Client]]:
            answer = await self._http.get("/api/clients", ClientList)
            return Numbered(answer.epoch, answer.seq, {client.id: client for client in answer.clients})

        return self._asked(ask)

    def progress(self) -> Observable[Mapping[int, Progress]]:
        """GET /api/runs/active."""

        async def ask() -> Mapping[int, Progress]:
            answer = await self._http.get("/api/runs/active", ActiveRuns)
            rows = {run.id: progress_of(run) for run in answer.runs}
            rows.update((row.run_id, row) for row in answer.progress if row.run_id in rows)
            return rows

        return self._asked(ask)

    def transfers(self) -> Observable[Mapping[str, Transfer]]:
        """GET /api/transfers."""

        async def ask() -> Mapping[str, Transfer]:
            return {row.id: row for row in await self._http.get("/api/transfers", tuple[Transfer, ...])}

        return self._asked(ask)

    def status(self) -> Observable[ServerStatus]:
        """GET /api/status."""
        return self._got("/api/status", ServerStatus)

    def results(self) -> Observable[RunResults]:
        """GET /api/runs/results."""
        return self._got("/api/runs/results", RunResults, hours=RESULT_HOURS)

    def load(self) -> Observable[tuple[Series, ...]]:
        """GET /api/load."""
        return self._got("/api/load", tuple[Series, ...], minutes=LOAD_MINUTES)

    def forecast(self) -> Observable[StorageForecast]:
        """GET /api/storage/forecast."""
        return self._got("/api/storage/forecast", StorageForecast)

    def server_settings(self) -> Observable[ServerSettingsSheet]:
        """GET /api/settings."""
        return self._got("/api/settings", ServerSettingsSheet)

    def activity(self, client_id: str | None = None) -> Observable[tuple[Activity, ...]]:
        """GET /api/activity."""
        return self._got("/api/activity", tuple[Activity, ...], client_id=client_id, limit=LINES_SHOWN)

    def files_summary(self) -> Observable[FilesSummary]:
        """GET /api/files/summary."""
        return self._got("/api/files/summary", FilesSummary)

    def file_page(self, query: FileQuery) -> Observable[FilePage]:
        """GET /api/files."""
        return self._got(
            "/api/files",
            FilePage,
            client_id=query.client_id,
            text=query.text,
            suffix=query.suffix,
            state=query.state,
            min_bytes=query.min_bytes,
            max_bytes=query.max_bytes,
            since=query.since.isoformat() if query.since else None,
            until=query.until.isoformat() if query.until else None,
            sort=query.sort,
            descending="true" if query.descending else "false",
            cursor=query.cursor,
            limit=query.limit,
        )

    def file_versions(self, file_id: int) -> Observable[tuple[FileVersion, ...]]:
        """GET /api/files/{id}/versions."""
        return self._got(f"/api/files/{file_id}/versions", tuple[FileVersion, ...])

    def client_runs(self, client_id: str) -> Observable[RunPage]:
        """GET /api/runs."""
        return self._got("/api/runs", RunPage, client_id=client_id, limit=RUNS_SHOWN, and_protected="true")

    def run(self, run_id: int) -> Observable[RunDetails]:
        """GET /api/runs/{id}."""
        return self._got(f"/api/runs/{run_id}", RunDetails)

    def log_page(self, wanted: LogFilter, before: int | None) -> Observable[LogPage]:
        """GET /api/logs."""
        return self._got(
            "/api/logs",
            LogPage,
            levels=",".join(sorted(wanted.levels)),
            sources=",".join(sorted(wanted.sources - {LogSource.CONSOLE})),
            text=wanted.text,
            client_id=wanted.client_id,
            run_id=wanted.run_id,
            correlation_id=wanted.correlation_id,
            until=wanted.until.isoformat() if wanted.until else None,
            before=before,
            limit=PAGE_LINES,
        )

    def backups(self, query: AnalyticsQuery) -> Observable[BackupHistory]:
        """GET /api/analytics/backups."""
        return self._got("/api/analytics/backups", BackupHistory, **_period(query))

    def client_hours(self, query: AnalyticsQuery) -> Observable[ClientHeat]:
        """GET /api/analytics/hours."""
        return self._got("/api/analytics/hours", ClientHeat, **_period(query))

    def performance(self, query: AnalyticsQuery) -> Observable[LoadHistory]:
        """GET /api/analytics/performance."""
        return self._got("/api/analytics/performance", LoadHistory, **_period(query))

    def storage(self, query: AnalyticsQuery) -> Observable[StorageTrend]:
        """GET /api/analytics/storage."""
        return self._got("/api/analytics/storage", StorageTrend, **_period(query))

    def _got(self, path: str, kind: type[T], **query: str | int | float | None) -> Observable[T]:
        return self._asked(lambda: self._http.get(path, kind, **query))

    def _asked(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> Observable[T]:
        return from_coro(ask, spawn=self._spawn)


def _period(query: AnalyticsQuery) -> dict[str, str | int | float | None]:
    return {
        "span_s": query.span_s,
        "since": query.since.isoformat() if query.since else None,
        "until": query.until.isoformat() if query.until else None,
        "offset_s": query.offset_s,
        "offset_changes": query.offset_changes,
        "compare": "true" if query.compare else "false",
    }
