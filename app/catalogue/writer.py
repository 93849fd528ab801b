"""Writing: one connection in one thread; what waits together is made durable together."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app.catalogue.engine import writer_engine
from app.catalogue.errors import translated, understood
from app.catalogue.transaction import Transaction

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Work = Callable[[Transaction], T]
MAX_TOGETHER = 64
"""How many waiting writes share one commit at most."""
GROUP_S = 0.03
"""A commit that has taken so long takes no further write in, in seconds."""

FLOW: ContextVar[str] = ContextVar("catalogue_write_flow", default="")
"""Whose writes these are, such as the id of a client: flows take turns, so that no queue holds another up."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    answer: "asyncio.Future[Any]"


@dataclass(slots=True)
class _Done:
    job: _Job
    result: Any = None
    error: Exception | None = None


class FairQueue:
    """Jobs by flow: of each flow first in, first out; flows take turns."""

    def __init__(self) -> None:
        self._flows: dict[str, deque[_Job]] = {}
        self._count = 0
        self._filled = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return self._count

    def put(self, flow: str, job: _Job) -> None:
        """Let a job wait behind those of its flow."""
        self._flows.setdefault(flow, deque()).append(job)
        self._count += 1
        self._filled.set()

    def close(self) -> None:
        """Let ``take`` return what waits, and then nothing."""
        self._closed = True
        self._filled.set()

    async def take(self, most: int) -> list[_Job]:
        """Wait for a job; return it with those that wait, one of each flow in turn. Empty: closed."""
        while not self._count:
            if self._closed:
                return []
            self._filled.clear()
            await self._filled.wait()
        return self._taken(most)

    def _taken(self, most: int) -> list[_Job]:
        jobs: list[_Job] = []
        while self._flows and len(jobs) < most:
            flow, waiting = next(iter(self._flows.items()))
            # Behind all others until its next turn.
            del self._flows[flow]
            jobs.append(waiting.popleft())
            if waiting:
                self._flows[flow] = waiting
        self._count -= len(jobs)
        return jobs

    def drain(self) -> list[_Job]:
        """Return all that waits."""
        return self._taken(self._count)


class Writer:
    """Takes writes one after the other; each is a transaction of its own to its caller.

    Writes that wait while one commits are committed together, each in its savepoint: one wait for all.
    Cancelling a caller does not undo a write that has begun; it commits or fails as a whole. What waits
    together is one job of the thread: a hop for each statement would cost more than the statements.

    A connection on which SQLite has failed is closed, and the next write opens another: what a failed
    COMMIT or ROLLBACK has left behind is not known. Whether that write is in the catalogue is not known
    either, so its callers are told that it failed and write again; every write can be repeated.
    """

    def __init__(
        self,
        path: Path,
        *,
        committed: Callable[[Transaction], Awaitable[None]],
        now: Callable[[], datetime],
        check: Callable[[], None] = lambda: None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._engine = writer_engine(path)
        self._connection: Connection | None = None
        self._committed = committed
        self._now = now
        self._check = check
        self._opened = opened
        self._jobs = FairQueue()
        self._carried: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._taking = False
        self._thread = ThreadPoolExecutor(1, "catalogue writer")

    @property
    def waiting(self) -> int:
        """How many writes wait."""
        return len(self._jobs) + len(self._carried)

    async def open(self) -> None:
        """Open the connection and begin to take writes."""
        with translated(self._path):
            await self._in_thread(self._connected)
        self._taking = True
        self._task = asyncio.create_task(self._serve(), name="catalogue writer")

    async def write(self, work: Work[T]) -> T:
        """Return what ``work`` returns, once it is durable."""
        if not self._taking:
            raise RuntimeError("the catalogue is closed")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(FLOW.get(), _Job(work, answer))
        with translated(self._path):
            return await answer

    async def close(self) -> None:
        """Finish the writes that wait, then close the connection."""
        if self._task is not None:
            self._taking = False
            self._jobs.close()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()
        await self._in_thread(self._disconnect)
        await self._in_thread(self._engine.dispose)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _serve(self) -> None:
        jobs: list[_Job] = []
        try:
            while jobs := self._carried or await self._jobs.take(MAX_TOGETHER):
                self._carried = []
                live = [job for job in jobs if not job.answer.cancelled()]
                try:
                    done = await self._together(live)
                except Exception as error:
                    # A bug here must not leave the catalogue without its writer.
                    log.exception("catalogue_writer_failed")
                    _answer([_Done(job, error=error) for job in live])
                    continue
                # What a long write has left no time for begins the next commit.
                self._carried = live[done:]
        except asyncio.CancelledError:
            # Nobody may wait for a write that is not answered any more.
            for job in (*jobs, *self._carried, *self._jobs.drain()):
                job.answer.cancel()
            raise
        finally:
            self._taking = False

    async def _together(self, jobs: list[_Job]) -> int:
        """Commit the first of these jobs, as many as there is time for; return how many."""
        if not jobs:
            return 0
        loop = asyncio.get_running_loop()
        begun: list[_Job] = []
        try:
            transaction, done = await self._in_thread(self._commit, loop, jobs, begun)
        except Exception as error:  # noqa: BLE001  (handed to those who wait; the writer goes on)
            # Those that had not begun are tried by themselves, unless no write can begin at all.
            done = [_Done(job, error=error) for job in begun or jobs]
        else:
            await self._tell(transaction)
        _answer(done)
        return len(done)

    async def _tell(self, transaction: Transaction) -> None:
        try:
            await self._committed(transaction)
        except Exception:  # the writes are durable: their callers must not hear that they failed
            log.exception("committed_but_not_told", last=transaction.sequences.get("events", 0))

    def _commit(
        self, loop: asyncio.AbstractEventLoop, jobs: list[_Job], begun: list[_Job]
    ) -> tuple[Transaction, list[_Done]]:
        """Do jobs until the time of a commit is used up, and make them durable; blocks.

        ``begun`` gets those that it has begun with.
        """
        self._check()
        began = time.monotonic()
        done: list[_Done] = []
        try:
            transaction = Transaction(self._connected(), self._now(), loop)
            with transaction.connection.begin():
                transaction.begin()
                for job in jobs:
                    if done and time.monotonic() - began > GROUP_S:
                        break
                    begun.append(job)
                    done.append(
                        _Done(job, job.work(transaction)) if len(jobs) == 1 else _part(transaction, job)
                    )
                transaction.finish()
        except BaseException as error:
            self._after_failure(error)
            raise
        # What was committed into a file that is no longer the catalogue's is lost.
        self._check()
        transaction.committed_at = self._now()
        transaction.jobs = len(done)
        transaction.took_s = time.monotonic() - began
        return transaction, done

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            with self._connection.begin():
                # Opens the write-ahead log too.
                self._connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
            self._opened()
        return self._connection

    def _after_failure(self, error: BaseException) -> None:
        """Drop the connection unless the failure is that of the work itself, and was rolled back."""
        connection = self._connection
        refused = not isinstance(error, SQLAlchemyError | MemoryError) or isinstance(error, IntegrityError)
        if connection is None or (refused and not _in_doubt(connection)):
            return
        log.info("catalogue_reopened", reason=str(error).splitlines()[0])
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except SQLAlchemyError as error:
            log.warning("catalogue_connection_not_closed", reason=str(error).splitlines()[0])


def _in_doubt(connection: Connection) -> bool:
    """Return whether a transaction is still open that should have been rolled back."""
    if connection.invalidated or connection.in_transaction():
        return True
    driver: Any = connection.connection.dbapi_connection
    return driver is None or bool(driver.in_transaction)


def _answer(done: Iterable[_Done]) -> None:
    for each in done:
        if each.job.answer.done():
            continue
        if each.error is None:
            each.job.answer.set_result(each.result)
        else:
            each.job.answer.set_exception(each.error)


def _part(transaction: Transaction, job: _Job) -> _Done:
    mark = transaction.mark()
    savepoint = transaction.connection.begin_nested()
    try:
        result = job.work(transaction)
    except Exception as error:
        if isinstance(error, SQLAlchemyError | MemoryError) and understood(error):
            # SQLite may have rolled back all of the transaction: nothing of it can be kept.
            raise
        savepoint.rollback()
        transaction.back_to(mark)
        return _Done(job, error=error)
    savepoint.commit()
    return _Done(job, result)
