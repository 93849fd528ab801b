"""The questions about a database file and their answers, for whoever asks: a console or a server.

The same guards, limits of time, rows and bytes hold on both; what reads the file is a process of its own.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from app.database import health
from app.database.connection import Reader
from app.database.export import EXPORT_S, Piece, PieceSink, export, export_pieces
from app.database.filters import filter_condition
from app.database.lanes import Lane, SlowLog
from app.database.outline import outline_of
from app.database.paging import PAGE_S, read_page, whole_of_cell
from app.database.statements import explain, run_statement, whole_of_answer
from app.database.values import quoted
from app.database.watch import FileWatch
from streams.model.database import (
    AnswerQuery,
    CellQuery,
    ColumnFilter,
    Outline,
    PageQuery,
    TableInfo,
    TablePage,
    WholeValue,
)
from streams.model.database_state import CheckResult, DatabaseHealth, SizePoint, Statistics
from streams.model.failures import CommandFailed
from streams.model.statements import ExportFormat, ExportProgress, Plan, SqlResult

T = TypeVar("T")
P = TypeVar("P")

SQL_ROWS = 10_000
SQL_S = 30.0
COUNT_EXACT_S = 120.0
OUTLINE_S = 20.0
WHOLE_BYTES = 1024**2
MAX_POINTS = 300


class DatabaseAnswers:
    """One method a question; cancelling it stops the statement. ``own`` names this process as a holder."""

    def __init__(self, path: Path, *, own: str = "this console") -> None:
        self.path = path
        self._own = own
        self._slow = SlowLog()
        self._watch = FileWatch(path)
        self._pages, self._sql = Lane(path, self._slow), Lane(path, self._slow)
        self._long, self._exports = Lane(path, self._slow), Lane(path, self._slow)
        self._since_s = time.monotonic()
        self._growth: list[SizePoint] = []

    async def close(self) -> None:
        """Stop what runs and close the file; a second call waits for the first one's end."""
        # All are told before any is waited for: who is cut off in between leaves no process behind.
        lanes = (self._pages, self._sql, self._long, self._exports)
        await asyncio.gather(*[lane.close() for lane in lanes])

    async def version(self) -> int:
        """Return another number after each commit of another program; raise DatabaseMissing."""
        return await asyncio.to_thread(self._watch.version)

    async def outline(self) -> Outline:
        """Return all tables with their capped counts."""

        def work(reader: Reader) -> Outline:
            outline = outline_of(reader, str(self.path), self._pages.tables)
            self._note_size(outline.size_bytes)
            return outline

        return await self._pages.run("the tables and their counts", work, time_limit_s=OUTLINE_S)

    async def page(self, query: PageQuery) -> TablePage:
        """Return one page of a table."""
        what = f"page of {query.table}" + (f" by {query.sort}" if query.sort else "")

        def work(reader: Reader) -> TablePage:
            return read_page(reader, self._table(self._pages, reader, query.table), query)

        return await self._pages.run(what, work, time_limit_s=PAGE_S)

    async def whole_value(self, query: CellQuery | AnswerQuery) -> WholeValue:
        """Return one value, up to 1 MiB of it from where the query says."""
        if isinstance(query, AnswerQuery):
            return await self._sql.run(
                f"value of {query.sql}",
                lambda reader: whole_of_answer(reader, query, WHOLE_BYTES),
                time_limit_s=SQL_S,
            )

        def work(reader: Reader) -> WholeValue:
            return whole_of_cell(reader, self._table(self._pages, reader, query.table), query, WHOLE_BYTES)

        return await self._pages.run(f"value of {query.table}.{query.column}", work, time_limit_s=PAGE_S)

    async def count(self, table: str, wanted: ColumnFilter | None) -> int:
        """Return the exact number of rows, however long that takes."""

        def work(reader: Reader) -> int:
            info = self._table(self._long, reader, table)
            if info.problem:
                raise CommandFailed(info.problem, code="query_failed")
            condition = filter_condition(info, wanted)
            where, params = (f" WHERE {condition[0]}", condition[1]) if condition else ("", ())
            return reader.one(f"SELECT count(*) FROM {quoted(info.name)}{where}", params)

        return await self._long.run(f"count of {table}", work, time_limit_s=COUNT_EXACT_S)

    async def run_sql(self, sql: str) -> SqlResult:
        """Return the answer to a statement that a person wrote."""
        return await self._sql.run(
            sql, lambda reader: run_statement(reader, sql, SQL_ROWS), time_limit_s=SQL_S
        )

    async def plan(self, sql: str) -> Plan:
        """Return how the database would answer a statement."""
        return await self._pages.run(
            f"EXPLAIN {sql}", lambda reader: explain(reader, sql), time_limit_s=PAGE_S
        )

    async def statistics(self, thorough: bool) -> Statistics:
        """Return where the room goes; ``thorough`` takes all the time it needs."""
        limit = health.SIZES_LONG_S if thorough else health.SIZES_S

        def work(reader: Reader) -> Statistics:
            return health.measure(reader, tuple(self._growth))

        return await self._long.run("sizes of tables and indexes", work, time_limit_s=limit)

    async def health(self) -> DatabaseHealth:
        """Return the state of the file and its locks."""

        def work(reader: Reader) -> DatabaseHealth:
            return health.read_health(reader, self.path, self._slow.read(), time.time(), self._own)

        return await self._pages.run("health", work, time_limit_s=PAGE_S)

    async def check(self) -> CheckResult:
        """Return what ``PRAGMA quick_check`` finds."""
        return await self._long.run("PRAGMA quick_check", health.check, time_limit_s=health.CHECK_S)

    async def export(self, sql: str, kind: ExportFormat, target: Path) -> AsyncGenerator[ExportProgress]:
        """Write the whole answer to a file; give how far that is, and last the path."""
        arrived: asyncio.Queue[ExportProgress | None] = asyncio.Queue()
        publish = _publisher(arrived)
        working = self._exports.run(
            f"export: {sql}",
            lambda reader: export(reader, sql, kind, target, publish),
            time_limit_s=EXPORT_S,
        )
        async with aclosing(_with_last(working, arrived)) as coming:
            async for progress in coming:
                yield progress

    async def export_pieces(self, sql: str, kind: ExportFormat) -> AsyncGenerator[Piece]:
        """Give the bytes of the whole answer as they are made, never many before they are taken."""
        arrived: asyncio.Queue[Piece | None] = asyncio.Queue()
        sink = PieceSink(_publisher(arrived))
        working = self._exports.run(
            f"export: {sql}", lambda reader: export_pieces(reader, sql, kind, sink), time_limit_s=EXPORT_S
        )
        async with aclosing(_with_last(working, arrived)) as coming:
            async for piece in coming:
                yield piece
                sink.taken()

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
        del self._growth[:-MAX_POINTS]


def _publisher(arrived: "asyncio.Queue[P | None]") -> Callable[[P], None]:
    """Return what puts a value into the queue from another thread."""
    loop = asyncio.get_running_loop()
    return lambda value: loop.call_soon_threadsafe(arrived.put_nowait, value) and None


async def _with_last(working: Awaitable[P], arrived: "asyncio.Queue[P | None]") -> AsyncGenerator[P]:
    """Give what arrives while the work goes on, then its result; leaving stops the work."""
    work = asyncio.ensure_future(working)
    # Behind all that the work has published: both go through the loop in their order.
    work.add_done_callback(lambda _: arrived.put_nowait(None))
    try:
        while (value := await arrived.get()) is not None:
            yield value
        yield work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
