"""Subscribe again when a source has ended: what lies under every retry, repeat, poll and reconnection."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator, Seconds, seconds_of
from streams.operators.backoff import Backoff
from streams.operators.results import SourceCancelled

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Run:
    """One subscription to the source, from its start to its end."""

    number: int
    """Counted from 1."""
    started_at: datetime
    ended_at: datetime
    values: int
    """How many it emitted."""
    error: Exception | None
    """None when it completed."""
    failures: int
    """Errors in a row, this run included; 0 when it completed."""
    barren: int
    """Runs since one last emitted something, this one included; 1 when this one did."""

    @property
    def took_s(self) -> float:
        """Return how long it lasted."""
        return (self.ended_at - self.started_at).total_seconds()


Decide = Callable[[Run], float | None]
Announce = Callable[[Run, float], Iterable[B]]


def resubscribe(
    decide: Decide,
    *,
    scheduler: abc.SchedulerBase,
    announce: Announce[B] | None = None,
    hurry_stream: Observable[Any] | None = None,
    recheck_stream: Observable[Any] | None = None,
) -> Operator[A, A | B]:
    """Subscribe to the source again, as often and as late as ``decide`` says.

    ``decide`` gets each ``Run`` that ended and returns the seconds to wait for the next, or None to let its
    end through. ``announce`` gives values to emit as the wait begins. ``hurry_stream`` ends a wait at once;
    during a run it takes away the wait after it, if the run completes. ``recheck_stream`` asks ``decide``
    again about a wait in progress, which still counts from the end of the run. The next run is always
    started by the scheduler, so that a source that ends at once cannot starve it.

    ::

        source (cold):  -a-#
        resubscribe(lambda run: 0.002 if run.number < 3 else None)
        result:         -a----a----a-#
        source subs:    ^--!
        source subs:    -----^--!
        source subs:    ----------^--!
    """

    def resubscribed(source: Observable[A]) -> Observable[A | B]:
        def subscribe(
            observer: abc.ObserverBase[A | B], _: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            runs = _Runs(source, observer, decide, scheduler, announce)
            parts = CompositeDisposable(runs.current, runs.waiting)
            if hurry_stream is not None:
                parts.add(hurry_stream.subscribe(runs.hurry, observer.on_error))
            if recheck_stream is not None:
                parts.add(recheck_stream.subscribe(runs.recheck, observer.on_error))
            runs.start()
            return parts

        return Observable(subscribe)

    return resubscribed


class _Runs:
    def __init__(
        self,
        source: Observable[Any],
        observer: abc.ObserverBase[Any],
        decide: Decide,
        scheduler: abc.SchedulerBase,
        announce: Announce[Any] | None,
    ) -> None:
        self._source = source
        self._observer = observer
        self._decide = decide
        self._scheduler = scheduler
        self._announce = announce
        self.current = SerialDisposable()
        self.waiting = SerialDisposable()
        self._number = 0
        self._values = 0
        self._failures = 0
        self._barren = 0
        self._started_at = scheduler.now
        self._ended: Run | None = None
        self._again = False

    def start(self, *_: Any) -> None:
        self._ended = None
        self._again = False
        self._number += 1
        self._values = 0
        self._started_at = self._scheduler.now
        self.current.disposable = self._source.subscribe(
            self._on_next, self._on_error, self._on_completed, scheduler=self._scheduler
        )

    def hurry(self, _: Any) -> None:
        if self._ended is None:
            self._again = True
        else:
            self.waiting.disposable = self._scheduler.schedule(self.start)

    def recheck(self, _: Any) -> None:
        run = self._ended
        if run is None:
            return
        wait_s = self._decide(run)
        if wait_s is not None:
            self._wait(wait_s - (self._scheduler.now - run.ended_at).total_seconds())

    def _on_next(self, value: Any) -> None:
        self._values += 1
        self._observer.on_next(value)

    def _on_error(self, error: Exception) -> None:
        self._failures += 1
        self._end(error)

    def _on_completed(self) -> None:
        self._failures = 0
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        self._barren = 1 if self._values else self._barren + 1
        run = Run(
            self._number,
            self._started_at,
            self._scheduler.now,
            self._values,
            error,
            self._failures,
            self._barren,
        )
        try:
            wait_s = self._decide(run)
            news = () if wait_s is None or self._announce is None else tuple(self._announce(run, wait_s))
        except Exception as mistake:  # noqa: BLE001  (an operator hands on what its own function raises)
            self._observer.on_error(mistake)
            return
        if wait_s is not None:
            self._ended = run
            self._wait(0.0 if self._again and error is None else wait_s)
            for value in news:
                self._observer.on_next(value)
        elif error is not None:
            self._observer.on_error(error)
        else:
            self._observer.on_completed()

    def _wait(self, wait_s: float) -> None:
        self.waiting.disposable = self._scheduler.schedule_relative(max(0.0, wait_s), self.start)


def retry_backoff(
    backoff: Callable[[int], float] | None = None,
    *,
    scheduler: abc.SchedulerBase,
    max_retries: int | None = None,
    retry_if: Callable[[Exception], bool] = lambda error: True,
) -> Operator[A, A]:
    """Subscribe again after an error, later each time; a foreign cancellation is never retried.

    ::

        source (cold):  a#
        retry_backoff(Backoff(base_s=0.002, jitter_ratio=0), max_retries=2)
        result:         a--a----a#
        source subs:    ^!
        source subs:    ---^!
        source subs:    --------^!
    """
    delays = Backoff() if backoff is None else backoff

    def decide(run: Run) -> float | None:
        if run.error is None or isinstance(run.error, SourceCancelled) or not retry_if(run.error):
            return None
        if max_retries is not None and run.failures > max_retries:
            return None
        return delays(run.failures)

    return resubscribe(decide, scheduler=scheduler)


def repeat_every(
    every_s: Seconds, *, scheduler: abc.SchedulerBase, count: int | None = None
) -> Operator[A, A]:
    """Subscribe again on completion, one start each ``every_s`` and never two at once; errors pass through.

    ::

        source (cold):  -a|
        repeat_every(0.004, count=3)
        result:         -a---a---a|
    """

    def decide(run: Run) -> float | None:
        if run.error is not None or (count is not None and run.number >= count):
            return None
        return max(0.0, seconds_of(every_s) - run.took_s)

    return resubscribe(decide, scheduler=scheduler)
