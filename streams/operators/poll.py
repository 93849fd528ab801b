"""Read again and again: no overlap, time-out, back-off, and only while somebody looks."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from streams.core.types import Seconds, seconds_of
from streams.operators.backoff import Backoff
from streams.operators.gate import gate
from streams.operators.resubscribe import Run, resubscribe
from streams.operators.results import Failed, Ok, SourceCancelled, TimedOut

T = TypeVar("T")

_UNTIL_KNOWN_S = 86_400.0


def poll(
    fetch: Callable[[], Observable[T]],
    every_s: Seconds | Observable[float],
    *,
    scheduler: abc.SchedulerBase,
    timeout_s: Seconds | None = None,
    backoff: Callable[[int], float] | None = None,
    visible_stream: Observable[bool] | None = None,
    linger_s: Seconds = 0.0,
    refresh_stream: Observable[Any] | None = None,
) -> Observable[Ok[T] | Failed]:
    """Read with ``fetch`` at once and then every ``every_s``, start to start; never two at a time.

    Emits ``Ok`` and ``Failed`` values and never errors, unless somebody else cancels the task behind it.
    After a failure ``backoff`` (failures in a row to seconds) replaces the period until a read succeeds. A
    read that takes longer than ``timeout_s`` is cancelled and has failed. ``refresh_stream`` means: read
    again now; during a read it means once more after it. ``every_s`` as a function is asked for each wait,
    as an observable it takes effect within the wait. While ``visible_stream`` says False, for longer than
    ``linger_s``, nothing is read, and a read in flight is cancelled; when it says True there is a read at
    once.

    ::

        fetch (cold):   --(a|)
        visible:        t--------f------------t----
        poll(lambda: fetch, 0.005, visible_stream=visible)
        result:         --o----o----------------o----o
        result watched: ^-----------------------------!
        fetch subs:     ^-!
        fetch subs:     -----^-!
        fetch subs:     ----------------------^-!
        fetch subs:     ---------------------------^-!
        where o = Ok("a")
    """
    delays = Backoff() if backoff is None else backoff

    def read(_: abc.SchedulerBase) -> Observable[Ok[T] | Failed]:
        reading: Observable[T] = fetch()
        if timeout_s is not None:
            allowed_s = seconds_of(timeout_s)
            late = rx.throw(TimedOut(f"No answer within {allowed_s:g} s."))
            reading = reading.pipe(ops.timeout(allowed_s, late, scheduler))
        return reading.pipe(ops.map(Ok))

    def start(_: abc.SchedulerBase) -> Observable[Ok[T] | Failed]:
        period = _Period(every_s)

        def decide(run: Run) -> float | None:
            if run.error is None:
                return max(0.0, period.seconds() - run.took_s)
            return None if isinstance(run.error, SourceCancelled) else delays(run.failures)

        again = resubscribe(
            decide,
            scheduler=scheduler,
            announce=_failure,
            hurry_stream=refresh_stream,
            recheck_stream=period.changes,
        )
        return rx.defer(read).pipe(again)

    polling = rx.defer(start)
    if visible_stream is None:
        return polling
    return polling.pipe(gate(visible_stream, scheduler=scheduler, linger_s=linger_s))


class _Period:
    """The period as it is now, and a stream that says when it changed, if it is one that can."""

    def __init__(self, every_s: Seconds | Observable[float]) -> None:
        self._every_s: Seconds
        self.changes: Observable[float] | None = None
        if isinstance(every_s, Observable):
            self._every_s = _UNTIL_KNOWN_S
            self.changes = every_s.pipe(ops.do_action(self._set))
        else:
            self._every_s = every_s

    def _set(self, every_s: float) -> None:
        self._every_s = every_s

    def seconds(self) -> float:
        return seconds_of(self._every_s)


def _failure(run: Run, wait_s: float) -> Iterable[Failed]:
    return () if run.error is None else (Failed(run.error, run.failures, wait_s),)
