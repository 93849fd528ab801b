"""Connections to one file, each for one kind of work, so that none waits behind another."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from app.database.connection import TIME_LIMIT_S, Reader, ReadOnlyDatabase
from app.database.kept_orders import KeptOrders
from app.database.outline import read_schema
from app.database.shield import Shield
from app.runtime.log_limits import LimitedLog
from streams.model.database import TableInfo
from streams.model.database_state import SlowQuery
from streams.model.failures import QueryCancelled, TidewatchError

log = structlog.stdlib.get_logger(__name__)
limited = LimitedLog(log)

T = TypeVar("T")

LEARN_S = 120.0
"""Time for reading a schema, of thousands of tables say, which comes before the time of the question."""
SLOW_S = 0.1
SLOW_KEPT = 50


class SlowLog:
    """The last statements of this console that took long, the newest first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, SlowQuery]] = deque(maxlen=SLOW_KEPT)

    def note(self, what: str, took_s: float, outcome: str) -> None:
        """Keep a statement if it took long."""
        if took_s >= SLOW_S:
            query = SlowQuery(sql=" ".join(what.split())[:400], took_s=took_s, ended_ago_s=0, outcome=outcome)
            self._kept.appendleft((time.monotonic(), query))
            # Whoever may look could fill the log with them otherwise; the last ones are kept above.
            limited.info("slow_statement", seconds=round(took_s, 3), sql=query.sql, outcome=outcome)

    def read(self) -> tuple[SlowQuery, ...]:
        """Return what is kept, with its age."""
        now = time.monotonic()
        return tuple(
            msgspec.structs.replace(query, ended_ago_s=round(now - ended)) for ended, query in self._kept
        )


class Lane:
    """A connection that knows the schema, and with it which columns are secret, before anything is read."""

    def __init__(self, path: Path, slow: SlowLog) -> None:
        self._database = ReadOnlyDatabase(path)
        self._slow = slow
        self._schema: tuple[int, int] | None = None
        self._shield = Shield()
        self._orders = KeptOrders()
        self.tables: tuple[TableInfo, ...] = ()

    async def run(self, what: str, work: Callable[[Reader], T], *, time_limit_s: float = TIME_LIMIT_S) -> T:
        """Do ``work`` with the schema known; ``what`` names it among the slow queries."""
        took = 0.0

        def prepared(reader: Reader) -> T:
            nonlocal took
            reader.job.deadline = time.monotonic() + LEARN_S
            self._learn(reader)
            reader.learn, reader.orders = self._learn, self._orders
            start = time.monotonic()
            reader.job.deadline = start + time_limit_s
            try:
                return work(reader)
            finally:
                took = time.monotonic() - start

        try:
            result = await self._database.run(prepared, time_limit_s=time_limit_s)
        except TidewatchError as error:
            if not isinstance(error, QueryCancelled):
                self._slow.note(what, took, error.message)
            raise
        self._slow.note(what, took, "done")
        return result

    def close(self) -> "asyncio.Future[None]":
        """Stop what runs; it goes on to its end though the wait for it is cut off."""
        return self._database.close()

    def _learn(self, reader: Reader) -> bool:
        reader.shield = self._shield
        seen = reader.opened, reader.one("PRAGMA main.schema_version")
        if seen == self._schema:
            return False
        reader.session.end()  # what it installs would be rolled back with what has begun
        self.tables = read_schema(reader)
        self._schema, self._shield = seen, reader.shield
        return True
