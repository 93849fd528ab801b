"""A database without a file: subjects that a test pushes into, questions that a test reads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import reactivex as rx
from reactivex import Observable
from reactivex.subject import BehaviorSubject

from streams.model.database import (
    ColumnInfo,
    Direction,
    Edge,
    ForeignKey,
    IndexInfo,
    Masked,
    Outline,
    PageQuery,
    TableInfo,
    TableKind,
    TablePage,
    WholeValue,
)
from streams.model.database_state import (
    CheckResult,
    DatabaseHealth,
    LockHolder,
    Part,
    SizePoint,
    SlowQuery,
    Statistics,
)
from streams.model.failures import Failure
from streams.model.snapshot import Snapshot
from streams.model.statements import ExportProgress, Plan, PlanStep, ScanKind, SqlResult
from streams.model.vocabulary import Health
from streams.sources.database import DatabaseStreams

CLIENTS = TableInfo(
    name="clients",
    columns=(
        ColumnInfo(name="id", type="TEXT", not_null=True, key_place=1, indexed=True),
        ColumnInfo(name="name", type="TEXT", not_null=True, indexed=True),
        ColumnInfo(name="size", type="INTEGER"),
        ColumnInfo(name="token_hash", type="TEXT", secret=True),
    ),
    indexes=(IndexInfo(name="by_name", columns=("name",), unique=True),),
    foreign_keys=(ForeignKey(columns=("size",), table="sizes", to_columns=("id",), on_delete="CASCADE"),),
    key=("rowid",),
    sql="CREATE TABLE clients (id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER, token_hash TEXT)",
    rows=10_000,
    capped=True,
)
SIZES = TableInfo(
    name="sizes", columns=(ColumnInfo(name="id", type="INTEGER", key_place=1),), key=("rowid",), rows=3
)
RECENT = TableInfo(
    name="recent", kind=TableKind.VIEW, columns=(ColumnInfo(name="name"),), rows=None, sql="CREATE VIEW ..."
)


class FakeRun:
    """A statement that runs until a test answers it."""

    def __init__(self, sql: str, pinned: bool) -> None:
        loading: Snapshot[SqlResult] = Snapshot(None, Health.LOADING)
        self.sql, self.pinned = sql, pinned
        self.stream: BehaviorSubject[Snapshot[SqlResult]] = BehaviorSubject(loading)
        self.closed = False

    def close(self) -> None:
        """Note that nobody wants it any more."""
        self.closed = True


def _loading() -> BehaviorSubject[Any]:
    return BehaviorSubject(Snapshot(None, Health.LOADING))


@dataclass
class FakeDatabase:
    """Every question of the database view, and what was asked."""

    now: Callable[[], datetime]
    outline: BehaviorSubject[Snapshot[Outline]] = field(default_factory=_loading)
    health: BehaviorSubject[Snapshot[DatabaseHealth]] = field(default_factory=_loading)
    statistics: BehaviorSubject[Snapshot[Statistics]] = field(default_factory=_loading)
    queries: list[PageQuery] = field(default_factory=list)
    answers: list[BehaviorSubject[Snapshot[TablePage]]] = field(default_factory=list)
    runs: list[FakeRun] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    exporting: Observable[ExportProgress] = field(default_factory=rx.never)
    slow: bool = False
    """Pages do not come by themselves."""

    @property
    def streams(self) -> DatabaseStreams:
        """What the view is given."""
        return DatabaseStreams(
            outline=self.outline,
            health=self.health,
            statistics=self.statistics,
            page=self._page,
            run=self._run,  # pyright: ignore[reportArgumentType]
            whole_value=lambda query: self._asked("value", query, WholeValue(value="whole", size_bytes=5)),
            count=lambda table, wanted: self._asked("count", (table, wanted), 123_456),
            plan=lambda sql: self._asked("plan", sql, plan_of(sql)),
            measure=lambda: self._asked("measure", None, self.statistics.value.value),
            check=lambda: self._asked("check", None, CheckResult(took_s=0.4)),
            export=self._export,
        )

    def ok(self, value: Any) -> Snapshot[Any]:
        """A good value of now."""
        return Snapshot(value, Health.OK, self.now())

    def fill(self) -> None:
        """A catalogue with three tables."""
        outline = Outline(
            path="/srv/catalogue.db", size_bytes=3_825_664, tables=(CLIENTS, SIZES, RECENT), own=True
        )
        self.outline.on_next(self.ok(outline))
        self.health.on_next(self.ok(health()))
        self.statistics.on_next(self.ok(statistics()))

    def fail(self, failure: Failure) -> None:
        """Nothing can be read."""
        for subject in (self.outline, self.health, self.statistics):
            subject.on_next(Snapshot(subject.value.value, Health.ERROR, failure=failure))

    def _asked(self, what: str, about: Any, answer: Any) -> Observable[Any]:
        self.asked.append((what, about))
        return rx.of(answer)

    def _run(self, sql: str, pinned: bool) -> FakeRun:
        self.runs.append(FakeRun(sql, pinned))
        return self.runs[-1]

    def _export(self, sql: str, kind: Any, target: Path) -> Observable[ExportProgress]:
        self.asked.append(("export", sql, kind, target))
        return self.exporting

    def _page(self, query: PageQuery) -> Observable[Snapshot[TablePage]]:
        self.queries.append(query)
        self.answers.append(_loading() if self.slow else BehaviorSubject(self.ok(page_of(query))))
        return self.answers[-1]


def page_of(query: PageQuery, *, touched: dict[int, int] | None = None) -> TablePage:
    """A page of made-up clients."""
    start = 0
    if query.direction is Direction.LAST:
        start = 9_900
    elif query.edge is not None:
        at = int(query.edge.key[0] or 0)
        start = at + 1 if query.direction is Direction.AFTER else max(0, at - query.limit)
    numbers = range(start, start + query.limit)
    rows = tuple((f"id{n}", f"client {n}", (touched or {}).get(n, n * 1000), Masked()) for n in numbers)
    return TablePage(
        columns=("id", "name", "size", "token_hash"),
        keys=tuple((n,) for n in numbers),
        rows=rows,
        first=Edge(key=(start,)),
        last=Edge(key=(numbers[-1],)),
        has_before=start > 0,
        has_after=query.direction is not Direction.LAST,
    )


def plan_of(sql: str) -> Plan:
    """A plan with a full scan."""
    return Plan(
        sql=sql,
        steps=(
            PlanStep(depth=0, detail="CO-ROUTINE x", kind=ScanKind.OTHER),
            PlanStep(depth=1, detail="SCAN clients", kind=ScanKind.FULL_SCAN),
            PlanStep(depth=0, detail="SEARCH sizes USING INTEGER PRIMARY KEY", kind=ScanKind.SEARCH),
        ),
    )


def statistics() -> Statistics:
    """Sizes of two tables and an index."""
    return Statistics(
        parts=(
            Part(name="clients", table="clients", size_bytes=2_000_000, unused_bytes=100_000),
            Part(name="by_name", table="clients", size_bytes=700_000),
            Part(name="sizes", table="sizes", size_bytes=4096),
        ),
        page_bytes=4096,
        page_count=934,
        free_count=12,
        growth=(SizePoint(at_s=0, size_bytes=3_000_000), SizePoint(at_s=60, size_bytes=3_825_664)),
    )


def health() -> DatabaseHealth:
    """A database in good health that another program writes to."""
    return DatabaseHealth(
        path="/srv/catalogue.db",
        size_bytes=3_825_664,
        page_bytes=4096,
        page_count=934,
        free_count=12,
        journal_mode="wal",
        encoding="UTF-8",
        sqlite_version="3.40.1",
        user_version=0,
        cache_bytes=8_388_608,
        wal_bytes=65_536,
        checkpoint_age_s=42.0,
        holders=(LockHolder(pid=812, program="tidewatch", lock="writing"),),
        slow=(SlowQuery(sql="SELECT * FROM clients", took_s=1.25, ended_ago_s=30),),
    )
