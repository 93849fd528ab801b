"""The questions about a database, answered from its file: ``streams.sources.database.DatabasePort``."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from reactivex import Observable

from app.bridge.database import health
from app.bridge.database.connection import Reader
from app.bridge.database.export import EXPORT_S, export
from app.bridge.database.filters import filter_condition
from app.bridge.database.lanes import Lane, SlowLog
from app.bridge.database.outline import outline_of
from app.bridge.database.paging import PAGE_S, read_page, whole_of_cell
from app.bridge.database.statements import explain, run_statement, whole_of_answer
from app.bridge.database.values import quoted
from app.bridge.database.watch import FileWatch
from streams.failures import CommandFailed
from streams.operators.from_aiter import from_aiter
from streams.operators.from_coro import from_coro
from streams.operators.spawning import Spawn
from streams.records.database import (
    AnswerQuery,
    CellQuery,
    ColumnFilter,
    Outline,
    PageQuery,
    TableInfo,
    TablePage,
    WholeValue,
)
from streams.records.database_state import CheckResult, DatabaseHealth, SizePoint, Statistics
from streams.records.statements import ExportFormat, ExportProgress, Plan, SqlResult

T = TypeVar("T")

SQL_ROWS = 10_000
SQL_S = 30.0
COUNT_EXACT_S = 120.0
OUTLINE_S = 20.0
WHOLE_BYTES = 1024**2
MOST_POINTS = 300


class DatabasePorts:
    """One method a question; each subscription asks once, disposing it stops the statement."""

    def __init__(self, path: Path, spawn: Spawn) -> None:
        self.path = path
        self._spawn = spawn
        self._slow = SlowLog()
        self._watch = FileWatch(path)
        self._pages, self._sql = Lane(path, self._slow), Lane(path, self._slow)
        self._long, self._exports = Lane(path, self._slow), Lane(path, self._slow)
        self._since_s = time.monotonic()
        self._growth: list[SizePoint] = []

    async def close(self) -> None:
        """Stop what runs and close the file."""
        for part in (self._pages, self._sql, self._long, self._exports):
            await part.close()

    def version(self) -> Observable[int]:
        """Another number after each commit of another program."""
        return from_coro(lambda: asyncio.to_thread(self._watch.version), spawn=self._spawn)

    def outline(self) -> Observable[Outline]:
        """All tables with their capped counts."""

        def work(reader: Reader) -> Outline:
            outline = outline_of(reader, str(self.path), self._pages.tables)
            self._note_size(outline.size_bytes)
            return outline

        return self._asked(self._pages, "the tables and their counts", work, OUTLINE_S)

    def page(self, query: PageQuery) -> Observable[TablePage]:
        """One page of a table."""
        what = f"page of {query.table}" + (f" by {query.sort}" if query.sort else "")
        return self._asked(
            self._pages,
            what,
            lambda reader: read_page(reader, self._table(self._pages, reader, query.table), query),
            PAGE_S,
        )

    def whole_value(self, query: CellQuery | AnswerQuery) -> Observable[WholeValue]:
        """One value, up to 1 MiB of it from where the query says."""
        if isinstance(query, AnswerQuery):
            return self._asked(
                self._sql,
                f"value of {query.sql}",
                lambda reader: whole_of_answer(reader, query, WHOLE_BYTES),
                SQL_S,
            )

        def work(reader: Reader) -> WholeValue:
            return whole_of_cell(reader, self._table(self._pages, reader, query.table), query, WHOLE_BYTES)

        return self._asked(self._pages, f"value of {query.table}.{query.column}", work, PAGE_S)

    def count(self, table: str, wanted: ColumnFilter | None) -> Observable[int]:
        """The exact number of rows, however long that takes."""

        def work(reader: Reader) -> int:
            info = self._table(self._long, reader, table)
            if info.problem:
                raise CommandFailed(info.problem, code="query_failed")
            condition = filter_condition(info, wanted)
            where, params = (f" WHERE {condition[0]}", condition[1]) if condition else ("", ())
            return reader.one(f"SELECT count(*) FROM {quoted(info.name)}{where}", params)

        return self._asked(self._long, f"count of {table}", work, COUNT_EXACT_S)

    def run_sql(self, sql: str) -> Observable[SqlResult]:
        """The answer to a statement that a person wrote."""
        return self._asked(self._sql, sql, lambda reader: run_statement(reader, sql, SQL_ROWS), SQL_S)

    def plan(self, sql: str) -> Observable[Plan]:
        """How the database would answer a statement."""
        return self._asked(self._pages, f"EXPLAIN {sql}", lambda reader: explain(reader, sql), PAGE_S)

    def statistics(self, thorough: bool) -> Observable[Statistics]:
        """Where the room goes; ``thorough`` takes all the time it needs."""
        limit = health.SIZES_LONG_S if thorough else health.SIZES_S

        def work(reader: Reader) -> Statistics:
            return health.measure(reader, tuple(self._growth))

        return self._asked(self._long, "sizes of tables and indexes", work, limit)

    def health(self) -> Observable[DatabaseHealth]:
        """The state of the file and its locks."""
        return self._asked(
            self._pages,
            "health",
            lambda reader: health.read_health(reader, self.path, self._slow.read(), time.time()),
            PAGE_S,
        )

    def check(self) -> Observable[CheckResult]:
        """What ``PRAGMA quick_check`` finds."""
        return self._asked(self._long, "PRAGMA quick_check", health.check, health.CHECK_S)

    def export(self, sql: str, kind: ExportFormat, target: Path) -> Observable[ExportProgress]:
        """Write the whole answer to a file; how far that is, and last the path."""

        async def going() -> AsyncIterator[ExportProgress]:
            loop = asyncio.get_running_loop()
            told: asyncio.Queue[ExportProgress] = asyncio.Queue()

            def tell(progress: ExportProgress) -> None:
                loop.call_soon_threadsafe(told.put_nowait, progress)

            writing = asyncio.ensure_future(
                self._exports.run(
                    f"export: {sql}",
                    lambda reader: export(reader, sql, kind, target, tell),
                    time_limit_s=EXPORT_S,
                )
            )
            hearing = asyncio.ensure_future(told.get())
            try:
                while not writing.done():
                    await asyncio.wait((writing, hearing), return_when=asyncio.FIRST_COMPLETED)
                    if hearing.done():
                        yield hearing.result()
                        hearing = asyncio.ensure_future(told.get())
                yield await writing
            finally:
                writing.cancel()
                hearing.cancel()
                await asyncio.gather(writing, hearing, return_exceptions=True)

        return from_aiter(going, spawn=self._spawn)

    # -- helpers

    def _asked(self, lane: Lane, what: str, work: Callable[[Reader], T], limit_s: float) -> Observable[T]:
        return from_coro(lambda: lane.run(what, work, time_limit_s=limit_s), spawn=self._spawn)

    @staticmethod
    def _table(lane: Lane, reader: Reader, name: str) -> TableInfo:
        """Return a table as it is in the state of the file that is read from now on."""
        reader.steady()
        table = next((table for table in lane.tables if table.name == name), None)
        if table is None:
            raise CommandFailed(f"There is no table {name} any more.", code="not_found")
        return table

    def _note_size(self, size_bytes: int) -> None:
        if self._growth and self._growth[-1].size_bytes == size_bytes:
            return
        self._growth.append(SizePoint(at_s=time.monotonic() - self._since_s, size_bytes=size_bytes))
        del self._growth[:-MOST_POINTS]
