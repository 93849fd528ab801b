"""The owner of background tasks: every task is kept, its failure is logged, and all end together."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.stdlib.get_logger(__name__)


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


class Tasks:
    """Keeps the tasks of one owner; none is lost to the garbage collector and none fails unseen."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
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

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
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
