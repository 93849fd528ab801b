"""Writing: one connection in one thread, one queue; what waits together is made durable together."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from app.catalogue.engine import writer_engine
from app.catalogue.errors import translated
from app.catalogue.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]
MOST_TOGETHER = 64
"""How many waiting writes share one commit at most."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    answer: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Done:
    job: _Job
    result: Any = None
    error: Exception | None = None


class Writer:
    """Takes writes one after the other; each is a transaction of its own to its caller.

    Writes that wait while one commits are committed together, each in its savepoint: one wait for all.
    Cancelling a caller does not undo a write that has begun; it commits or fails as a whole. What waits
    together is one job of the thread: a hop for each statement would cost more than the statements.
    """

    def __init__(
        self, path: Path, *, committed: Callable[[Transaction], Awaitable[None]], now: Callable[[], datetime]
    ) -> None:
        self._path = path
        self._engine = writer_engine(path)
        self._committed = committed
        self._now = now
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._taking = False
        self._thread = ThreadPoolExecutor(1, "catalogue writer")

    @property
    def waiting(self) -> int:
        """How many writes wait."""
        return self._jobs.qsize()

    async def open(self) -> None:
        """Open the connection and begin to take writes."""
        with translated(self._path):
            connection = await self._in_thread(self._engine.connect)
        self._taking = True
        self._task = asyncio.create_task(self._serve(connection), name="catalogue writer")

    async def write(self, work: Work[T]) -> T:
        """Return what ``work`` returns, once it is durable."""
        if not self._taking:
            raise RuntimeError("the catalogue is closed")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(work, answer))
        with translated(self._path):
            return await answer

    async def close(self) -> None:
        """Finish the writes that wait, then close the connection."""
        if self._task is not None:
            self._taking = False
            self._jobs.put_nowait(None)
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()
        await self._in_thread(self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _serve(self, connection: Connection) -> None:
        jobs: list[_Job] = []
        try:
            last = False
            while not last:
                jobs, last = await self._waiting_jobs()
                await self._together(connection, [job for job in jobs if not job.answer.cancelled()])
        except asyncio.CancelledError:
            # Nobody may wait for a write that is not answered any more.
            while not self._jobs.empty():
                jobs += filter(None, (self._jobs.get_nowait(),))
            for job in jobs:
                job.answer.cancel()
            raise
        finally:
            self._taking = False
            await self._in_thread(connection.close)

    async def _waiting_jobs(self) -> tuple[list[_Job], bool]:
        """Wait for a write; return it with all that wait behind it, and whether they are the last."""
        jobs: list[_Job] = []
        job = await self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == MOST_TOGETHER or self._jobs.empty():
                return jobs, False
            job = self._jobs.get_nowait()
        return jobs, True

    async def _together(self, connection: Connection, jobs: list[_Job]) -> None:
        if not jobs:
            return
        transaction = Transaction(connection, self._now(), asyncio.get_running_loop())
        try:
            done = await self._in_thread(_commit, transaction, jobs, self._now)
            await self._committed(transaction)
        except Exception as error:  # noqa: BLE001  (handed to those who wait; the writer goes on)
            done = [_Done(job, error=error) for job in jobs]
        for each in done:
            if each.job.answer.done():
                continue
            if each.error is None:
                each.job.answer.set_result(each.result)
            else:
                each.job.answer.set_exception(each.error)


def _commit(transaction: Transaction, jobs: list[_Job], now: Callable[[], datetime]) -> list[_Done]:
    """Do the jobs and make them durable; blocks."""
    with transaction.connection.begin():
        transaction.begin()
        if len(jobs) == 1:
            done = [_Done(jobs[0], jobs[0].work(transaction))]
        else:
            done = [_part(transaction, job) for job in jobs]
        transaction.finish()
    transaction.committed_at = now()
    return done


def _part(transaction: Transaction, job: _Job) -> _Done:
    mark = transaction.mark()
    savepoint = transaction.connection.begin_nested()
    try:
        result = job.work(transaction)
    except Exception as error:  # noqa: BLE001  (handed to the one who waits)
        savepoint.rollback()
        transaction.back_to(mark)
        return _Done(job, error=error)
    savepoint.commit()
    return _Done(job, result)
