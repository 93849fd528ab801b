"""The newest value at the end of a window that the first one opens, as ``auditTime`` of RxJS."""

from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator, Seconds, seconds_of

T = TypeVar("T")


def audit_time(time_s: Seconds, *, scheduler: abc.SchedulerBase) -> Operator[T, T]:
    """Wait ``time_s`` from the first value on, then emit the newest; a steady flow cannot hold it back.

    ::

        source:   a-b-c-----d-e-|
        audit_time(0.005)
        result:   -----c---------(e|)
    """

    def audited(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler_: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            timer = SerialDisposable()
            newest: Any = None
            waiting = False
            completed = False

            def on_next(value: T) -> None:
                nonlocal newest, waiting
                newest = value
                if not waiting:
                    waiting = True
                    timer.disposable = scheduler.schedule_relative(seconds_of(time_s), on_time)

            def on_time(*_: Any) -> None:
                nonlocal newest, waiting
                waiting = False
                value, newest = newest, None
                observer.on_next(value)
                if completed:
                    observer.on_completed()

            def on_completed() -> None:
                nonlocal completed
                completed = True
                if not waiting:
                    observer.on_completed()

            return CompositeDisposable(
                source.subscribe(on_next, observer.on_error, on_completed, scheduler=scheduler_), timer
            )

        return Observable(subscribe)

    return audited
