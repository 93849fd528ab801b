"""One subscription for all, and the latest value for those who come late."""

from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from streams.core.refcount import Held
from streams.core.subjects import LoopSubject
from streams.core.types import Operator, Seconds

T = TypeVar("T")

_NONE: Any = object()


def share_latest(*, scheduler: abc.SchedulerBase | None = None, linger_s: Seconds = 0.0) -> Operator[T, T]:
    """Share one subscription; who comes late gets the latest value at once, as ``shareReplay`` of RxJS does.

    When the last has left, the source is kept for ``linger_s`` (needs ``scheduler``), then disposed and its
    value forgotten. After an error the next subscriber begins anew; after completion it gets the last value
    and the end.

    ::

        source (cold):  -a--b--c|
        share_latest()
        first:          -a--b--c|
        first watched:  ^
        second:         -----b-c|
        second watched: -----^
        source subs:    ^-------!
    """
    if scheduler is None and (callable(linger_s) or linger_s > 0):
        raise ValueError("share_latest: linger_s needs a scheduler")

    def shared(source: Observable[T]) -> Observable[T]:
        return Observable(_Sharing(source, scheduler, linger_s).subscribe)

    return shared


class _Sharing:
    def __init__(
        self, source: Observable[Any], scheduler: abc.SchedulerBase | None, linger_s: Seconds
    ) -> None:
        self._source = source
        self._scheduler = scheduler
        self._linger_s = linger_s
        self._completed = False
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._latest = _NONE
        self._subject: LoopSubject[Any] = LoopSubject()
        self._held = Held(self._connect, scheduler=self._scheduler, linger_s=self._linger_s)

    def subscribe(
        self, observer: abc.ObserverBase[Any], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        subject, held = self._subject, self._held
        if self._latest is not _NONE:
            observer.on_next(self._latest)
        listening = subject.attach(observer)
        if self._completed:
            return listening
        return CompositeDisposable(listening, held.hold())

    def _connect(self) -> abc.DisposableBase:
        subject = self._subject

        def on_next(value: Any) -> None:
            self._latest = value
            subject.on_next(value)

        def on_error(error: Exception) -> None:
            self._begin_anew()
            subject.on_error(error)

        def on_completed() -> None:
            self._completed = True
            subject.on_completed()

        def on_disposed() -> None:
            if not self._completed and self._subject is subject:
                self._begin_anew()

        return CompositeDisposable(
            self._source.subscribe(on_next, on_error, on_completed), Disposable(on_disposed)
        )
