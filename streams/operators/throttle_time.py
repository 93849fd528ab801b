"""Rate limits as those of RxJS: by timers only, so that no clock that is set can freeze them."""

from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator, Seconds, seconds_of

T = TypeVar("T")


def throttle_time(
    time_s: Seconds, *, scheduler: abc.SchedulerBase, leading: bool = True, trailing: bool = False
) -> Operator[T, T]:
    """Emit a value and ignore those of the next ``time_s``; with ``trailing``, emit their last at its end.

    A trailing value opens a new window. As ``throttleTime`` of RxJS.

    ::

        source:   a-b-c------d-e-|
        throttle_time(0.005, trailing=True)
        result:   a----c-----d----(e|)
    """

    def throttled(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler_: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            window = _Window(observer, time_s, scheduler, leading=leading, trailing=trailing)
            return CompositeDisposable(
                source.subscribe(
                    window.on_next, observer.on_error, window.on_completed, scheduler=scheduler_
                ),
                window.timer,
            )

        return Observable(subscribe)

    return throttled


class _Window:
    def __init__(
        self,
        observer: abc.ObserverBase[Any],
        time_s: Seconds,
        scheduler: abc.SchedulerBase,
        *,
        leading: bool,
        trailing: bool,
    ) -> None:
        self._observer = observer
        self._time_s = time_s
        self._scheduler = scheduler
        self._leading = leading
        self._trailing = trailing
        self._value: Any = None
        self._has_value = False
        self._open = False
        self._completed = False
        self.timer = SerialDisposable()

    def on_next(self, value: Any) -> None:
        self._value = value
        self._has_value = True
        if self._open:
            return
        if self._leading:
            self._send()
        else:
            self._start()

    def on_completed(self) -> None:
        self._completed = True
        if not (self._trailing and self._has_value and self._open):
            self._observer.on_completed()

    def _start(self) -> None:
        self._open = True
        self.timer.disposable = self._scheduler.schedule_relative(seconds_of(self._time_s), self._end)

    def _end(self, *_: Any) -> None:
        self._open = False
        if self._trailing:
            self._send()
            if self._completed:
                self._observer.on_completed()

    def _send(self) -> None:
        if not self._has_value:
            return
        value, self._value, self._has_value = self._value, None, False
        if not self._completed:
            self._start()
        self._observer.on_next(value)
