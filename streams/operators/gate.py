"""Gates: what a hidden view does not need is not read, or not shown."""

from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator, Seconds, seconds_of

T = TypeVar("T")


def gate(
    visible_stream: Observable[bool], *, scheduler: abc.SchedulerBase, linger_s: Seconds = 0.0
) -> Operator[T, T]:
    """Subscribe to a cold source only while visible: opening subscribes anew, closing ends what it was doing.

    A closing shorter than ``linger_s`` goes unnoticed, so that a quick flip through the tabs costs nothing.
    Ends with the source; or when ``visible_stream`` ends closed, since nothing can follow.

    ::

        source (cold):  a-b-c-d|
        visible:        --t---f-----t-----
        gate(visible)
        result:         --a-b-------a-b-c-d|
        source subs:    --^---!
        source subs:    ------------^------!
    """

    def gated(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], _: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            return _Gate(source, observer, visible_stream, scheduler, linger_s).open()

        return Observable(subscribe)

    return gated


class _Gate:
    def __init__(
        self,
        source: Observable[Any],
        observer: abc.ObserverBase[Any],
        visible_stream: Observable[bool],
        scheduler: abc.SchedulerBase,
        linger_s: Seconds,
    ) -> None:
        self._source = source
        self._observer = observer
        self._visible_stream = visible_stream
        self._scheduler = scheduler
        self._linger_s = linger_s
        self._current = SerialDisposable()
        self._closing = SerialDisposable()
        self._visible = False
        self._subscribed = False

    def open(self) -> abc.DisposableBase:
        watching = SerialDisposable()
        whole = CompositeDisposable(self._current, self._closing, watching)
        watching.disposable = self._visible_stream.subscribe(
            self._on_visible, self._observer.on_error, self._on_visible_ended
        )
        return whole

    def _on_visible(self, visible: bool) -> None:
        if visible == self._visible:
            return
        self._visible = visible
        if not visible:
            linger_s = seconds_of(self._linger_s)
            if linger_s > 0:
                self._closing.disposable = self._scheduler.schedule_relative(linger_s, self._close)
            else:
                self._close()
            return
        self._closing.disposable = _nothing()
        if not self._subscribed:
            self._subscribed = True
            self._current.disposable = self._source.subscribe(self._observer, scheduler=self._scheduler)

    def _close(self, *_: Any) -> None:
        self._subscribed = False
        self._current.disposable = _nothing()

    def _on_visible_ended(self) -> None:
        if not self._visible:
            self._observer.on_completed()


def _nothing() -> abc.DisposableBase:
    return CompositeDisposable()


def gate_latest(visible_stream: Observable[bool]) -> Operator[T, T]:
    """Let a hot source through only while visible; opening shows the newest value that was missed, if any.

    ::

        source:   -a-b-c---d---e-|
        visible:  t---f------t----
        gate_latest(visible)
        result:   -a-b-------d-e-|
    """

    def gated(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            visible = False
            missed: list[T] = []

            def on_visible(now_visible: bool) -> None:
                nonlocal visible
                visible = now_visible
                if visible and missed:
                    observer.on_next(missed.pop())

            def on_next(value: T) -> None:
                if visible:
                    observer.on_next(value)
                else:
                    missed[:] = (value,)

            watching = visible_stream.subscribe(on_visible, observer.on_error)
            return CompositeDisposable(
                watching,
                source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler),
            )

        return Observable(subscribe)

    return gated
