"""Coroutines at the edge of a stream: started by what is given, muted and cancelled on disposal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from reactivex import abc

from streams.operators.results import SourceCancelled


class SpawnedFuture(Protocol):
    """What both ``asyncio.Task`` and ``concurrent.futures.Future`` can do."""

    def cancel(self) -> bool:
        """Ask it to stop."""
        ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> object:
        """Have ``fn`` called once it has ended."""
        ...


Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], SpawnedFuture]
"""Starts a coroutine function as a task and returns its future; ``page.run_task`` is one."""


def task_spawner(loop: asyncio.AbstractEventLoop | None = None) -> Spawn:
    """Return a ``Spawn`` onto ``loop``, or onto the running one, that keeps each task until it has ended."""
    kept: set[asyncio.Task[None]] = set()

    def spawn(body: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = (loop or asyncio.get_running_loop()).create_task(body())
        kept.add(task)
        task.add_done_callback(kept.discard)
        return task

    return spawn


class Spawned(abc.DisposableBase):
    """One coroutine on behalf of one observer: its result is a value, an error or nothing more to say.

    The result is handed over only after the coroutine has ended, so that what a subscriber raises is not
    mistaken for its failure.
    """

    def __init__(
        self, observer: abc.ObserverBase[Any], body: Callable[[], Coroutine[Any, Any, Any]], *, emit: bool
    ) -> None:
        self._observer = observer
        self._body = body
        self._emit = emit
        self._result: Any = None
        self._error: Exception | None = None
        self._ended = False
        self._future: SpawnedFuture | None = None
        self.disposed = False

    def start(self, spawn: Spawn) -> "Spawned":
        """Start the coroutine."""
        future = self._future = spawn(self._run)
        future.add_done_callback(self._deliver)
        if self.disposed:
            future.cancel()
        return self

    async def _run(self) -> None:
        if self.disposed:  # a future cancelled before its loop looked at it still takes its first step
            return
        try:
            self._result = await self._body()
        except Exception as error:  # noqa: BLE001  (delivered to the observer, once this task has ended)
            self._error = error
        self._ended = True

    def _deliver(self, _: Any) -> None:
        self._future = None
        if self.disposed:
            return
        if not self._ended:
            self._observer.on_error(SourceCancelled("the task behind this stream was cancelled"))
        elif self._error is not None:
            self._observer.on_error(self._error)
        else:
            if self._emit:
                self._observer.on_next(self._result)
            self._observer.on_completed()

    def dispose(self) -> None:
        """Cancel the coroutine; nothing of it is heard any more."""
        self.disposed = True
        future, self._future = self._future, None
        if future is not None:
            future.cancel()
