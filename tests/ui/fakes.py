"""Streams and commands without a server: subjects that a test pushes into, calls that a test reads."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import reactivex as rx
from reactivex import Observable
from reactivex import operators as ops
from reactivex.abc import DisposableBase
from reactivex.subject import BehaviorSubject, Subject

from streams.model.clients import Client
from streams.model.failures import Failure
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion
from streams.model.link import Latency, Link
from streams.model.runs import Progress, Run, RunDetails, RunFile, RunName, RunPage, RunResults
from streams.model.server import Activity, Series, ServerStatus, StorageForecast, Transfer
from streams.model.server_settings import ServerSettingsSheet
from streams.model.snapshot import Delta, Snapshot
from streams.model.vocabulary import EntryKind, FileResult, FileState, Health, LinkState
from streams.sources.problems import Judge, Problems
from streams.sources.registry import Streams, TableStream
from tests.ui import fleet
from tests.ui.fake_analytics import FakeAnalytics
from tests.ui.fake_database import FakeDatabase
from tests.ui.fake_logs import FakeLogs
from tests.ui.fake_server_settings import server_sheet

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


def loading() -> Snapshot[Any]:
    """Nothing has come yet."""
    return Snapshot(None, Health.LOADING)


class FakeTable(Generic[K, V]):
    """A keyed subject: a full delta for each newcomer, then what a test puts and removes."""

    def __init__(self, key: Callable[[V], K]) -> None:
        self._key = key
        self.rows: dict[K, V] = {}
        self._changes: Subject[Delta[K, V]] = Subject()
        self.freshness: BehaviorSubject[Snapshot[int]] = BehaviorSubject(loading())
        self.silent = True
        """Nothing has been read yet: newcomers get no delta."""
        self.table: TableStream[K, V] = TableStream(rx.create(self._subscribe), self.freshness)

    @property
    def looked_at(self) -> bool:
        """Whether anybody subscribes."""
        return bool(self._changes.observers)

    def fill(self, rows: Iterable[V], at: datetime) -> None:
        """Replace everything, as a full read does."""
        self.rows = {self._key(row): row for row in rows}
        self.silent = False
        self._changes.on_next(Delta(MappingProxyType(dict(self.rows)), full=True))
        self.freshness.on_next(Snapshot(len(self.rows), Health.OK, at))

    def put(self, *rows: V, committed_at: datetime | None = None) -> None:
        """Change or add rows, as events do."""
        changed = {self._key(row): row for row in rows}
        before = len(self.rows)
        self.rows.update(changed)
        self._changes.on_next(Delta(MappingProxyType(changed), committed_at=committed_at))
        self._count(before)

    def remove(self, *keys: K) -> None:
        """Remove rows."""
        before = len(self.rows)
        for key in keys:
            del self.rows[key]
        self._changes.on_next(Delta(MappingProxyType({}), frozenset(keys)))
        self._count(before)

    def _count(self, before: int) -> None:
        if before != len(self.rows):
            old = self.freshness.value
            self.freshness.on_next(Snapshot(len(self.rows), old.health, old.at, failure=old.failure))

    def _subscribe(self, observer: Any, scheduler: Any = None) -> DisposableBase:
        if not self.silent:
            observer.on_next(Delta(MappingProxyType(dict(self.rows)), full=True))
        return self._changes.subscribe(observer)


@dataclass
class FakeStreams:
    """Every stream of the console as a subject; ``bag`` is what a view is given."""

    now: Callable[[], datetime]
    link: BehaviorSubject[Link] = field(init=False)
    latency: BehaviorSubject[Latency] = field(default_factory=lambda: BehaviorSubject(Latency()))
    status: BehaviorSubject[Snapshot[ServerStatus]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    activity: BehaviorSubject[Snapshot[tuple[Activity, ...]]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    results: BehaviorSubject[Snapshot[RunResults]] = field(default_factory=lambda: BehaviorSubject(loading()))
    load: BehaviorSubject[Snapshot[tuple[Series, ...]]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    forecast: BehaviorSubject[Snapshot[StorageForecast]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    server_settings: BehaviorSubject[Snapshot[ServerSettingsSheet]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    files_summary: BehaviorSubject[Snapshot[FilesSummary]] = field(
        default_factory=lambda: BehaviorSubject(loading())
    )
    clients: FakeTable[str, Client] = field(default_factory=lambda: FakeTable(lambda c: c.id))
    progress: FakeTable[int, Progress] = field(default_factory=lambda: FakeTable(lambda p: p.run_id))
    transfers: FakeTable[str, Transfer] = field(default_factory=lambda: FakeTable(lambda t: t.id))
    pages: BehaviorSubject[int] = field(default_factory=lambda: BehaviorSubject(0))
    file_count: int = 128_412
    runs: dict[str, tuple[Run, ...]] = field(default_factory=dict[str, tuple[Run, ...]])
    """The runs of clients by id, newest first; for those that are not named, the fleet's."""
    logs: FakeLogs = field(init=False)
    past: FakeAnalytics = field(init=False)

    database: FakeDatabase = field(init=False)

    def __post_init__(self) -> None:
        self.logs = FakeLogs(self.now)
        self.past = FakeAnalytics(self.now)
        self.database = FakeDatabase(self.now)
        self.link = BehaviorSubject(Link(state=LinkState.CONNECTING, since=self.now()))

    @property
    def bag(self) -> Streams:
        """What a view is given."""
        return Streams(
            link=self.link,
            latency=self.latency,
            status=self.status,
            clients=self.clients.table,
            progress=self.progress.table,
            transfers=self.transfers.table,
            activity=self.activity,
            results=self.results,
            load=self.load,
            forecast=self.forecast,
            server_settings=self.server_settings,
            files_summary=self.files_summary,
            file_page=self._file_page,
            file_versions=self._file_versions,
            client_runs=self._client_runs,
            run=self._run,
            client_activity=self._client_activity,
            problems=self._problems(),
            logs=self.logs.streams,
            analytics=self.past.streams,
            database=self.database.streams,
        )

    # -- whole situations

    def fill(self) -> None:
        """All is well: a fleet of 45, four backups running."""
        now = self.now()
        self.link.on_next(
            Link(
                state=LinkState.LIVE,
                since=now,
                round_trip_s=0.012,
                last_event_at=now,
                last_seq=128412,
                simulated=True,
                server_name="tidewatch on localhost:1256",
            )
        )
        self.latency.on_next(Latency(p50_s=0.011, p99_s=0.046, samples=2140, events_per_s=18.4, merged=31))
        self.status.on_next(self.ok(fleet.status(now)))
        self.load.on_next(self.ok(fleet.load(now)))
        self.results.on_next(self.ok(fleet.results()))
        self.forecast.on_next(self.ok(fleet.forecast(now)))
        self.server_settings.on_next(self.ok(server_sheet()))
        self.activity.on_next(self.ok(fleet.activity(now)))
        self.files_summary.on_next(self.ok(fleet.files_summary()))
        self.clients.fill(fleet.clients(now), now)
        self.progress.fill(fleet.running(now), now)
        self.transfers.fill((), now)
        self.logs.fill()
        self.past.fill()
        self.database.fill()

    def empty(self) -> None:
        """A server that nobody has enrolled at yet."""
        self.fill()
        now = self.now()
        self.clients.fill((), now)
        self.progress.fill((), now)
        self.activity.on_next(self.ok(()))
        self.results.on_next(self.ok(RunResults(hours=24.0)))
        self.past.empty()
        self.files_summary.on_next(self.ok(FilesSummary()))
        self.logs.past.clear()

    def fail(self) -> None:
        """Nothing could be read even once."""
        failure = self.failure()
        broken: Snapshot[Any] = Snapshot(None, Health.ERROR, failure=failure)
        self.link.on_next(Link(state=LinkState.DOWN, since=self.now(), failure=failure))
        for subject in self.snapshots():
            subject.on_next(broken)
        self.logs.fail(failure)
        self.past.fail(failure)

    def lose(self) -> None:
        """The server is gone; what was known stays and grows old."""
        failure = self.failure()
        known = self.link.value
        self.link.on_next(
            Link(state=LinkState.DOWN, since=self.now(), failure=failure, simulated=known.simulated)
        )
        for subject in self.snapshots():
            last = subject.value
            subject.on_next(Snapshot(last.value, Health.ERROR, last.at, last.cadence_s, failure))
        self.logs.fail(failure)
        self.past.lose(failure)

    def snapshots(self) -> tuple[BehaviorSubject[Snapshot[Any]], ...]:
        """All streams that have a health."""
        return (
            self.status,
            self.load,
            self.results,
            self.forecast,
            self.server_settings,
            self.activity,
            self.files_summary,
            self.clients.freshness,
            self.progress.freshness,
            self.transfers.freshness,
        )

    def ok(self, value: T) -> Snapshot[T]:
        """A value that was read just now."""
        return Snapshot(value, Health.OK, self.now(), 5.0)

    def failure(self) -> Failure:
        """The server does not listen."""
        return Failure(
            code="server_refused",
            message="Nothing listens at localhost:1256.",
            hint="Is the server running?",
            since=self.now(),
            retry_at=self.now(),
        )

    def _problems(self) -> Observable[Problems]:
        judge, clients = Judge(self.now), self.clients.table
        taken = judge.follow(self.link, self.status, clients.deltas, clients.freshness)
        return taken.pipe(
            ops.filter(lambda _: judge.knows),
            ops.map(lambda _: judge.judge()),
            ops.distinct_until_changed(),
        )

    # -- streams that are asked for

    def _file_page(self, query: FileQuery) -> Observable[Snapshot[FilePage]]:
        start = int(query.cursor or 0)
        rows = tuple(fleet.file_of(i, self.now()) for i in range(start, start + query.limit))
        if query.text:
            rows = tuple(row for row in rows if query.text.lower() in row.path.lower())
        if query.client_id is not None:
            rows = tuple(row for row in rows if row.client_id == query.client_id)
        page = FilePage(
            rows=rows,
            next_cursor=str(start + query.limit) if len(rows) == query.limit else None,
            previous_cursor=str(start - query.limit) if start else None,
            total=10_000,
            total_capped=True,
        )
        return rx.of(self.ok(page)).pipe(ops.concat(rx.never()))

    def _file_versions(self, file_id: int) -> Observable[Snapshot[tuple[FileVersion, ...]]]:
        file = fleet.file_of(file_id, self.now())
        versions = tuple(
            FileVersion(
                id=file.version_id - i,
                file_id=file.id,
                run_id=8799 - i,
                client_id=file.client_id,
                path=file.path,
                raw_path=file.raw_path,
                kind=EntryKind.FILE,
                state=FileState.VERIFIED if i else file.state,
                created_at=file.backed_up_at,
                size_bytes=file.size_bytes,
                mtime_ns=0,
                mode=0o644,
                sha256=file.sha256,
                verified_at=file.verified_at,
            )
            for i in range(file.version_count)
        )
        return rx.of(self.ok(versions)).pipe(ops.concat(rx.never()))

    def _client_runs(self, client_id: str) -> Observable[Snapshot[RunPage]]:
        name = self.clients.rows[client_id].name
        known = self.runs.get(client_id)
        rows = known or tuple(fleet.run_of(i, name, self.now()) for i in range(30))
        page = RunPage(rows=rows)
        return rx.of(self.ok(page)).pipe(ops.concat(rx.never()))

    def _run(self, run_id: int) -> Observable[Snapshot[RunDetails]]:
        run = next(
            (run for rows in self.runs.values() for run in rows if run.id == run_id),
            fleet.run_of(8799 - run_id, "web-01", self.now()),
        )
        files = tuple(
            RunFile(
                file_id=i,
                path=f"/srv/data/report-{i}.txt",
                result=FileResult.CHANGED if i % 3 else FileResult.NEW,
                size_bytes=1024 * i,
            )
            for i in range(1, 6)
        )
        names = (
            RunName(path="/srv/data/locked.db", result=FileResult.FAILED, reason="it was locked"),
            RunName(path="/srv/data/gone.txt", result=FileResult.VANISHED),
        )
        return rx.of(self.ok(RunDetails(run=run, names=names, files=files))).pipe(ops.concat(rx.never()))

    def _client_activity(self, client_id: str) -> Observable[Snapshot[tuple[Activity, ...]]]:
        mine = tuple(a for a in fleet.activity(self.now()) if a.client_id == client_id)
        return rx.of(self.ok(mine)).pipe(ops.concat(rx.never()))
