"""Reading: several connections that cannot write, and a cancelled question stops its SQL."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow
from app.catalogue.engine import reader_engine
from app.catalogue.errors import translated

T = TypeVar("T")

INTERRUPT_EVERY_S = 0.01


class Readers:
    """A small pool of connections for questions; each question sees the catalogue of one moment."""

    def __init__(self, path: Path, *, connections: int = 4) -> None:
        self._path = path
        self._engine = reader_engine(path, connections)

    async def rows(self, statement: Executable) -> Sequence[AnyRow]:
        """Return all rows of one statement."""

        async def work(connection: AsyncConnection) -> Sequence[AnyRow]:
            return (await connection.execute(statement)).all()

        return await self.read(work)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Return what ``work`` returns; all its statements see the same moment.

        Cancelling the caller does not merely stop waiting: the running SQL is interrupted, or the next
        question on this connection would wait behind it.
        """
        question = _Question(self._engine.connect(), work)
        task = asyncio.create_task(question.run(), name="catalogue read")
        try:
            with translated(self._path):
                return await asyncio.shield(task)
        except asyncio.CancelledError:
            await _stop(question, task)
            raise

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


class _Question:
    def __init__(
        self, connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[Any]]
    ) -> None:
        self._connection = connection
        self._work = work
        self._driver: Any = None
        self._ended = False

    async def run(self) -> Any:
        async with self._connection as connection:
            self._driver = (await connection.get_raw_connection()).driver_connection
            try:
                return await self._work(connection)
            finally:
                self._driver, self._ended = None, True

    async def interrupt(self) -> bool:
        if self._driver is None:
            return self._ended
        await self._driver.interrupt()
        return True


async def _stop(question: _Question, task: "asyncio.Task[Any]") -> None:
    # A task at work is not cancelled: SQLAlchemy would throw its connection away. Between two statements
    # there is nothing to interrupt, hence again until it has ended. Cancelled once more, it still ends.
    while not task.done():
        if not await question.interrupt():
            task.cancel()
        try:
            await asyncio.wait({task}, timeout=INTERRUPT_EVERY_S)
        except asyncio.CancelledError:
            continue
    if not task.cancelled():
        task.exception()
