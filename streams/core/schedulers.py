"""Schedulers that put work on one event loop: thread-safe, monotonic, with a cancellation that holds.

Every operator that needs time is given one of these. ``redirect_default_timers`` takes care of those that
were not: without it RxPY starts an operating system thread for each of their timers.
"""

import asyncio
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

from reactivex import abc, typing
from reactivex.scheduler import TimeoutScheduler
from reactivex.scheduler.periodicscheduler import PeriodicScheduler

State = TypeVar("State")
Action = abc.ScheduledAction[Any]
OnError = Callable[[Exception], None]

_DRAIN_LIMIT = 512


class RunTask(Protocol):
    """``page.run_task``: starts a coroutine function on the page's loop, from any thread, in order."""

    def __call__(self, handler: Callable[..., Coroutine[Any, Any, Any]], /, *args: Any) -> "Future[Any]":
        """Start ``handler(*args)`` and return its future at once."""
        ...


class HiddenTimer(RuntimeError):
    """An operator was given no scheduler and would have started a timer thread."""


class Job(abc.DisposableBase):
    """One action on its way; disposing it before it runs means that it never runs, whatever the loop does."""

    __slots__ = ("_action", "_inner", "_scheduler", "_state", "dead", "release")

    def __init__(self, scheduler: "JobScheduler", action: Action, state: Any) -> None:
        self._scheduler = scheduler
        self._action: Action | None = action
        self._state = state
        self._inner: abc.DisposableBase | None = None
        self.dead = False
        self.release: Callable[[], object] | None = None
        """Frees the timer behind a delayed job; only ever needed before it runs."""

    def run(self) -> None:
        """Do the action, unless it was disposed or has been done."""
        action, self._action, self.release = self._action, None, None
        if self.dead or action is None:
            return
        try:
            self._inner = action(self._scheduler, self._state)
        except Exception as error:  # noqa: BLE001  (reported; the jobs behind it must run)
            self._scheduler.report(error)
        if self.dead:
            self._drop_inner()

    def dispose(self) -> None:
        """Call the action off; once it has run, dispose what it returned."""
        self.dead = True
        release, self.release, self._action = self.release, None, None
        if release is not None:
            release()
        self._drop_inner()

    def _drop_inner(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.dispose()


class JobScheduler(PeriodicScheduler):
    """What the schedulers share: one monotonic clock, and delays counted from the moment of scheduling."""

    def __init__(
        self, on_error: OnError, clock: Callable[[], float], started_at: datetime | None = None
    ) -> None:
        super().__init__()
        self.report = on_error
        self.seconds = clock
        """The seconds on the monotonic clock: cheap, and good for differences only."""
        self._start_s = clock()
        self._started_at = started_at or datetime.now(UTC)

    @property
    def now(self) -> datetime:
        """Return the time in UTC; it never jumps when the computer's clock is set."""
        return self._started_at + timedelta(seconds=self.seconds() - self._start_s)

    def schedule(self, action: abc.ScheduledAction[State], state: State | None = None) -> abc.DisposableBase:
        """Run ``action`` on the loop, after all that was scheduled before."""
        job = Job(self, action, state)
        self._post(job)
        return job

    def schedule_relative(
        self, duetime: typing.RelativeTime, action: abc.ScheduledAction[State], state: State | None = None
    ) -> abc.DisposableBase:
        """Run ``action`` on the loop after ``duetime``."""
        job = Job(self, action, state)
        self.post(job, self.to_seconds(duetime))
        return job

    def schedule_absolute(
        self, duetime: typing.AbsoluteTime, action: abc.ScheduledAction[State], state: State | None = None
    ) -> abc.DisposableBase:
        """Run ``action`` on the loop at ``duetime``, measured on this scheduler's clock."""
        return self.schedule_relative(self.to_datetime(duetime) - self.now, action, state)

    def post(self, job: Job, after_s: float = 0.0) -> None:
        """Run ``job`` on the loop, after all that was scheduled before, or after some time."""
        if after_s > 0:
            self._post_at(self.seconds() + after_s, job)
        else:
            self._post(job)

    @abstractmethod
    def _post(self, job: Job) -> None:
        """Have the loop run ``job`` soon."""

    @abstractmethod
    def _post_at(self, due_s: float, job: Job) -> None:
        """Have the loop run ``job`` when the clock says ``due_s``."""


class LoopScheduler(JobScheduler):
    """A scheduler over one asyncio loop, to be used from any thread.

    What an action raises is handed to ``on_error``; what was scheduled after it still runs. After the loop
    has closed nothing runs any more and nobody is raised at.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_error: OnError) -> None:
        plain = type(loop).time is asyncio.BaseEventLoop.time
        super().__init__(on_error, time.monotonic if plain else loop.time)  # the same clock without a detour
        self._loop = loop

    def _post(self, job: Job) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._loop.call_soon(job.run)
        else:
            self._call_threadsafe(job.run)

    def _post_at(self, due_s: float, job: Job) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._arm(due_s, job)
        else:
            self._call_threadsafe(self._arm, due_s, job)

    def _arm(self, due_s: float, job: Job) -> None:
        if job.dead:
            return
        handle = self._loop.call_at(due_s, job.run)

        def release() -> None:
            if asyncio._get_running_loop() is self._loop:
                handle.cancel()
            else:
                self._call_threadsafe(handle.cancel)

        job.release = release
        if job.dead:  # disposed on another thread between the two looks
            release()

    def _call_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._loop.is_closed():
                raise


class RunTaskScheduler(JobScheduler):
    """A scheduler over ``page.run_task``, to be used from any thread.

    Actions that are scheduled together share one task. ``sleep`` waits on the page's loop; ``clock`` must run
    at the same pace.
    """

    def __init__(
        self,
        run_task: RunTask,
        on_error: OnError,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        super().__init__(on_error, clock)
        self._run_task = run_task
        self._sleep = sleep
        self._jobs: deque[Job] = deque()
        self._lock = threading.Lock()
        self._draining = False

    def _post(self, job: Job) -> None:
        with self._lock:
            self._jobs.append(job)
            idle, self._draining = not self._draining, True
        if idle:
            self._start(self._drain)

    def _post_at(self, due_s: float, job: Job) -> None:
        future = self._start(self._wait, due_s, job)
        if future is None:
            return
        job.release = future.cancel
        if job.dead:
            future.cancel()

    async def _drain(self) -> None:
        try:
            while self._drain_some():  # noqa: ASYNC110  (gives way between two helpings, waits for nothing)
                await asyncio.sleep(0)  # a flood must not keep the page from its own work
        except BaseException:
            with self._lock:
                self._draining = False
            raise

    def _drain_some(self) -> bool:
        for _ in range(_DRAIN_LIMIT):
            with self._lock:
                if not self._jobs:
                    self._draining = False
                    return False
                job = self._jobs.popleft()
            job.run()
        return True

    async def _wait(self, due_s: float, job: Job) -> None:
        left_s = due_s - self.seconds()
        while left_s > 0 and not job.dead:
            await self._sleep(left_s)
            left_s = due_s - self.seconds()
        # From here on a cancellation would hit the action itself, which may dispose its own timer.
        job.release = None
        job.run()

    def _start(self, handler: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> "Future[Any] | None":
        try:
            return self._run_task(handler, *args)
        except RuntimeError as error:  # the page's loop has closed: whoever schedules is not to blame
            self.report(error)
            return None


class redirect_default_timers:  # noqa: N801  (reads as the verb it is)
    """Send each timer that was given no scheduler to ``scheduler``; with None it raises ``HiddenTimer``.

    A program installs it once at its start, a test for its own time; also a context manager.
    """

    def __init__(self, scheduler: abc.SchedulerBase | None) -> None:
        self._scheduler = scheduler
        self._before: Any = None

    def install(self) -> Self:
        """Put the redirection in force; the last one installed wins."""
        if self._before is None:
            self._before = TimeoutScheduler.__dict__["singleton"]
            TimeoutScheduler.singleton = cast(Any, staticmethod(self._pick))
        return self

    def remove(self) -> None:
        """Bring back what was in force before."""
        if self._before is not None:
            TimeoutScheduler.singleton = self._before
            self._before = None

    def _pick(self) -> Any:
        if self._scheduler is None:
            raise HiddenTimer("no scheduler was given here: RxPY would start a timer thread")
        return self._scheduler

    def __enter__(self) -> Self:
        return self.install()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
