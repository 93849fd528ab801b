"""The owner of background tasks: every task is kept, its failure is logged, and all end together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

STUBBORN_S = 5.0
"""How long a cancelled task may take to end before it is said, and cancelled again."""


def end_if_cancelled() -> None:
    """Raise the cancellation that this task was asked for, where something that failed just then hid it.

    Before Python 3.13 a task group whose child fails while it is cancelled raises the failure alone; and who
    cancels waits for ever where the task then tries again.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; who is cancelled meanwhile waits for its end, and is cancelled then.

    For what must not be broken off in its middle, such as a write and what is remembered of it.
    """
    task = asyncio.get_running_loop().create_task(work)
    await to_the_end(task)
    return task.result()


async def to_the_end(work: "asyncio.Future[Any]") -> None:
    """Wait until ``work`` is done, whatever its outcome; only then be cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not work.cancelled():
            # Nobody is left who would be told how it ended.
            work.exception()
        raise cancelled


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two tries: the first, doubled each time up to the longest."""

    first_s: float = 1.0
    longest_s: float = 10.0

    def after(self, failures: int) -> float:
        """Return the pause after so many failures in a row, at least one."""
        return float(min(self.longest_s, self.first_s * 2 ** min(failures - 1, 32)))


class _Troubles:
    """Tells in the log when work fails and when it goes on; the same failure again is told quietly.

    A failure of the outside world is one line; anything else is a bug, and comes with its trace.
    """

    def __init__(self, name: str, pauses: Pauses) -> None:
        self._name = name
        self._pauses = pauses
        self._failures = 0
        self._last = ""

    def note(self, error: BaseException, lasted_s: float) -> float:
        """Log a failure after so many seconds of work, and return the pause before the next try."""
        if lasted_s > self._pauses.longest_s:
            self._failures, self._last = 0, ""
        self._failures += 1
        pause_s = self._pauses.after(self._failures)
        reason = f"{type(error).__name__}: {error}"
        again, self._last = reason == self._last, reason
        told = log.debug if again else log.warning
        if isinstance(error, TidewatchError | OSError):
            told("work_failed", work=self._name, reason=str(error), again_in_s=pause_s)
        elif again:
            log.debug("work_failed", work=self._name, reason=reason, again_in_s=pause_s)
        else:
            log.error("work_failed", work=self._name, again_in_s=pause_s, exc_info=error)
        return pause_s

    def over(self) -> None:
        """Log that the work was done after all."""
        if self._failures:
            log.info("work_done_after_failures", work=self._name, failures=self._failures)


class Tasks:
    """Keeps the tasks of one owner; none is lost to the garbage collector and none fails unseen."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._kept: dict[str, asyncio.Task[Any]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run ``coro`` in the background under ``name``; raises ``RuntimeError`` once closed."""
        if self._closed:
            coro.close()
            raise RuntimeError(f"no new task {name!r}: the owner is closed")
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def keep(
        self, run: Callable[[], Awaitable[object]], name: str, *, pauses: Pauses = Pauses()
    ) -> asyncio.Task[Any]:
        """Run ``run`` until it returns or this owner closes, again after every failure, whatever it is.

        For endless work, and for work that has to be done once and must not be forgotten. One task has a
        name at a time: while one of this name goes on, it is returned and nothing new begins.
        """
        going_on = self._kept.get(name)
        if going_on is not None and not going_on.done():
            return going_on
        task = self.start(_again_until_done(run, name, pauses), name)
        self._kept[name] = task
        return task

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if self._kept.get(task.get_name()) is task:
            del self._kept[task.get_name()]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task_failed", task=task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended; safe to call again."""
        self._closed = True
        own = asyncio.current_task()
        tasks = {task for task in self._tasks if task is not own}
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=STUBBORN_S)
            for task in tasks:
                log.warning("task_outlives_its_end", task=task.get_name())


async def _again_until_done(run: Callable[[], Awaitable[object]], name: str, pauses: Pauses) -> None:
    troubles = _Troubles(name, pauses)
    while True:
        began = time.monotonic()
        try:
            await run()
        except asyncio.CancelledError as error:
            end_if_cancelled()
            # Not ours: something that it waited for was cancelled.
            pause_s = troubles.note(error, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001  (logged, and tried again)
            end_if_cancelled()
            pause_s = troubles.note(error, time.monotonic() - began)
        else:
            troubles.over()
            return
        await asyncio.sleep(pause_s)
