"""The database beside the server: outline, pages, answers to SQL, sizes and health, following its changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from streams.core.types import Seconds, seconds_of
from streams.model.database import (
    AnswerQuery,
    CellQuery,
    ColumnFilter,
    Outline,
    PageQuery,
    TablePage,
    WholeValue,
)
from streams.model.database_state import CheckResult, DatabaseHealth, Statistics
from streams.model.failures import DatabaseNotConfigured
from streams.model.snapshot import Snapshot
from streams.model.statements import ExportFormat, ExportProgress, Plan, SqlResult
from streams.operators.live_query import live_query
from streams.operators.poll import poll
from streams.operators.results import Failed, Ok
from streams.operators.share_latest import share_latest
from streams.sources.reading import Reading
from streams.state.cell import Cell
from streams.state.environment import Environment

T = TypeVar("T")

WATCH_S = 1.0
"""How often the change counter is read; it costs some microseconds."""
CALM_FACTOR = 4.0
"""After a reading that took long, the next waits this many times longer, however often the data changes."""
SIZES_EVERY_S = 30.0


class DatabasePort(Protocol):
    """One question each; a stream of one answer, asked anew by each subscription, stopped by disposing it."""

    def version(self) -> Observable[int]:
        """A number that changes with each commit."""
        ...

    def outline(self) -> Observable[Outline]:
        """All tables with their capped counts."""
        ...

    def page(self, query: PageQuery) -> Observable[TablePage]:
        """One page of a table."""
        ...

    def whole_value(self, query: CellQuery | AnswerQuery) -> Observable[WholeValue]:
        """One value in full."""
        ...

    def count(self, table: str, wanted: ColumnFilter | None) -> Observable[int]:
        """The exact number of rows."""
        ...

    def run_sql(self, sql: str) -> Observable[SqlResult]:
        """The answer to a statement."""
        ...

    def plan(self, sql: str) -> Observable[Plan]:
        """How a statement would be answered."""
        ...

    def statistics(self, thorough: bool) -> Observable[Statistics]:
        """Where the room goes."""
        ...

    def health(self) -> Observable[DatabaseHealth]:
        """The state of the file and its locks."""
        ...

    def check(self) -> Observable[CheckResult]:
        """What is wrong in the whole file."""
        ...

    def export(self, sql: str, kind: ExportFormat, target: Path) -> Observable[ExportProgress]:
        """Write a whole answer to a file; several values, the last with its path."""
        ...


class QueryRun:
    """One run of a statement: it goes on while nobody looks, until it is closed.

    A pinned one is run again when the data has changed, while somebody looks.
    """

    def __init__(self, cell: Cell[SqlResult], *, pinned: bool) -> None:
        self.stream: Observable[Snapshot[SqlResult]] = cell.stream
        self._cell = cell
        self._hold = None if pinned else cell.hold()

    def close(self) -> None:
        """Stop the statement if it still runs."""
        if self._hold is not None:
            self._hold.dispose()
            self._hold = None
        self._cell.close()


@dataclass(frozen=True, slots=True)
class DatabaseStreams:
    """What the database view can see and ask; a question is asked when its stream is subscribed."""

    outline: Observable[Snapshot[Outline]]
    health: Observable[Snapshot[DatabaseHealth]]
    statistics: Observable[Snapshot[Statistics]]
    page: Callable[[PageQuery], Observable[Snapshot[TablePage]]]
    """A page, read again when the data has changed."""
    run: Callable[[str, bool], QueryRun]
    """Runs a statement; the second argument pins it."""
    whole_value: Callable[[CellQuery | AnswerQuery], Observable[WholeValue]]
    """One answer or a ``TidewatchError``, as of all that follow."""
    count: Callable[[str, ColumnFilter | None], Observable[int]]
    plan: Callable[[str], Observable[Plan]]
    measure: Callable[[], Observable[Statistics]]
    """Sizes with all the time they need."""
    check: Callable[[], Observable[CheckResult]]
    export: Callable[[str, ExportFormat, Path], Observable[ExportProgress]]


class NoDatabase:
    """Implements ``DatabasePort`` where no database is configured: every question fails, and says so."""

    def _nothing(self, *_: Any) -> Observable[Any]:
        return rx.throw(
            DatabaseNotConfigured(
                "No database is configured.",
                hint="Set connection.database_path to the server's catalogue.db or to any SQLite file.",
            )
        )

    version: Any = _nothing
    outline: Any = _nothing
    page: Any = _nothing
    whole_value: Any = _nothing
    count: Any = _nothing
    run_sql: Any = _nothing
    plan: Any = _nothing
    statistics: Any = _nothing
    health: Any = _nothing
    check: Any = _nothing
    export: Any = _nothing


def build_database(port: DatabasePort, reading: Reading, environment: Environment) -> DatabaseStreams:
    """Connect every question to its cell; nothing is read until somebody subscribes.

    Source:  the file; again when it or its log was written, which is looked at each second.
    Emits:   snapshots; the last good value stays beside a failure.
    Shape:   counts capped at ``COUNT_CAP``, pages of ``PAGE_ROWS``, values shortened, secrets masked.
    Sharing: outline, health, statistics and the watch are shared; pages and statements are not.
    Errors:  missing, locked, damaged, encrypted become Snapshot.failure; wrong SQL is in its result.
    """
    scheduler, background_s = reading.scheduler, reading.background_s
    watch: Observable[Any] = poll(port.version, WATCH_S, scheduler=scheduler).pipe(
        ops.map(lambda result: result.value if isinstance(result, Ok) else type(result.error)),
        ops.distinct_until_changed(),
        share_latest(),
    )

    def look(observer: abc.ObserverBase[Any], _: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        greeted = False

        def on_next(version: Any) -> None:
            # What is known when one begins is what one reads; a first look after that may be a commit.
            if greeted:
                observer.on_next(version)

        looking = watch.subscribe(on_next, observer.on_error)
        greeted = True
        return looking

    changes: Observable[Any] = Observable(look)

    def following(
        ask: Callable[[], Observable[T]], *, at_least_s: Seconds = 0.0, also: Observable[Any] | None = None
    ) -> Observable[Ok[T] | Failed]:
        took_s = 0.0

        def timed() -> Observable[T]:
            start = time.monotonic()

            def note() -> None:
                nonlocal took_s
                took_s = time.monotonic() - start

            return ask().pipe(ops.do_action(on_completed=note))

        return live_query(
            timed,
            changes if also is None else rx.merge(changes, also),
            scheduler=scheduler,
            settle_s=lambda: max(seconds_of(reading.settle_s), seconds_of(at_least_s), took_s * CALM_FACTOR),
            backoff=reading.backoff,
            hurry_stream=changes,
        )

    def shown(name: str, cadence_s: Seconds | None, source: Observable[Ok[T] | Failed]) -> Cell[T]:
        cell: Cell[T] = Cell(name, cadence_s, environment)
        cell.follow(source)
        return cell

    def run(sql: str, pinned: bool) -> QueryRun:
        once = live_query(lambda: port.run_sql(sql), rx.never(), scheduler=scheduler, backoff=reading.backoff)
        source = following(lambda: port.run_sql(sql)) if pinned else once
        return QueryRun(shown("query", None, source), pinned=pinned)

    beat = rx.interval(seconds_of(reading.critical_s), scheduler=scheduler)
    return DatabaseStreams(
        outline=shown("database outline", None, following(port.outline)).stream,
        health=shown("database health", background_s, following(port.health, also=beat)).stream,
        statistics=shown(
            "database statistics", None, following(lambda: port.statistics(False), at_least_s=SIZES_EVERY_S)
        ).stream,
        page=lambda query: shown("table page", None, following(lambda: port.page(query))).stream,
        run=run,
        whole_value=port.whole_value,
        count=port.count,
        plan=port.plan,
        measure=lambda: port.statistics(True),
        check=port.check,
        export=port.export,
    )
