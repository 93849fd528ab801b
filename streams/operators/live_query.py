"""A query that is run again when what it read has changed."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops
from reactivex.disposable import CompositeDisposable

from streams.core.subjects import LoopSubject
from streams.core.types import Seconds
from streams.operators.audit_time import audit_time
from streams.operators.backoff import Backoff
from streams.operators.exhaust_latest import exhaust_latest
from streams.operators.resubscribe import Run, resubscribe
from streams.operators.results import Failed, Ok, SourceCancelled

T = TypeVar("T")


def live_query(
    run: Callable[[], Observable[T]],
    invalidated_stream: Observable[Any],
    *,
    scheduler: abc.SchedulerBase,
    settle_s: Seconds | None = None,
    finish_running: bool = True,
    same: Callable[[T, T], bool] | None = None,
    backoff: Callable[[int], float] | None = None,
    hurry_stream: Observable[Any] | None = None,
) -> Observable[Ok[T] | Failed]:
    """Run the query at once, and again after each invalidation; results and failures are values.

    A running query is finished and then run once more for all invalidations meanwhile, so that a steady
    flow of them starves nobody; with ``finish_running=False`` the newest cancels it instead. ``settle_s``
    gathers a burst of invalidations into one. Results that are the ``same`` as the last are left out. A
    query that fails is tried again after ``backoff`` (failures in a row to seconds), or as soon as
    ``hurry_stream`` says.

    ::

        run (cold):     ---(r|)
        invalidated:    -i--i-i------i---
        live_query(lambda: run, invalidated)
        result:         ---o--o--o------o-
        result watched: ^-----------------!
        run subs:       ^--!
        run subs:       ---^--!
        run subs:       ------^--!
        run subs:       -------------^--!
        where o = Ok("r")
    """
    delays = Backoff() if backoff is None else backoff

    def decide(ended: Run) -> float | None:
        if ended.error is None or isinstance(ended.error, SourceCancelled):
            return None
        return delays(ended.failures)

    def answer(_: Any = None) -> Observable[Ok[T] | Failed]:
        return rx.defer(lambda _: run()).pipe(
            ops.map(Ok),
            resubscribe(decide, scheduler=scheduler, announce=_failure, hurry_stream=hurry_stream),
        )

    def subscribe(
        observer: abc.ObserverBase[Ok[T] | Failed], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        wanted: LoopSubject[None] = LoopSubject()
        answers = wanted.pipe(exhaust_latest(answer) if finish_running else ops.switch_map(answer))
        if same is not None:
            answers = answers.pipe(ops.distinct_until_changed(comparer=_alike(same)))
        parts = CompositeDisposable(answers.subscribe(observer))
        # By hand, because start_with would lose what a hot source says before the loop's next turn.
        wanted.on_next(None)
        invalidations = invalidated_stream
        if settle_s is not None:
            invalidations = invalidations.pipe(audit_time(settle_s, scheduler=scheduler))
        parts.add(invalidations.subscribe(lambda _: wanted.on_next(None), observer.on_error))
        return parts

    return Observable(subscribe)


def _alike(same: Callable[[T, T], bool]) -> Callable[[Ok[T] | Failed, Ok[T] | Failed], bool]:
    def alike(last: Ok[T] | Failed, new: Ok[T] | Failed) -> bool:
        return isinstance(last, Ok) and isinstance(new, Ok) and same(last.value, new.value)

    return alike


def _failure(ended: Run, wait_s: float) -> Iterable[Failed]:
    return () if ended.error is None else (Failed(ended.error, ended.failures, wait_s),)
