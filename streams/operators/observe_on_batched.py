"""Hand values over to a loop in batches: one hop for a burst, not one for each value."""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator

T = TypeVar("T")

_END = object()


def observe_on_batched(
    scheduler: abc.SchedulerBase,
    *,
    on_fault: Callable[[Exception], None] | None = None,
    at_most: int = 256,
    limit: int | None = None,
    on_overflow: Callable[[Any], None] | None = None,
) -> Operator[T, T]:
    """Deliver everything on ``scheduler``, in order; values may come from any thread.

    What comes before the loop gets round to it is delivered in one go of up to ``at_most`` values, then the
    loop gets its turn. What a subscriber raises goes to ``on_fault``, or else to the scheduler, and the
    values behind it still arrive. With ``limit``, at most so many wait; the oldest makes room and goes to
    ``on_overflow``.

    ::

        source:   ab-(cd)--|
        observe_on_batched(scheduler)
        result:   ab-(cd)--|
    """

    def observed(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler_: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            handover: _Handover = _Handover(
                observer,
                scheduler,
                on_fault=on_fault,
                at_most=at_most,
                limit=limit,
                on_overflow=on_overflow,
            )
            subscription = source.subscribe(
                handover.on_next, handover.on_error, handover.on_completed, scheduler=scheduler_
            )
            return CompositeDisposable(subscription, handover.hop)

        return Observable(subscribe)

    return observed


class _Handover:
    def __init__(
        self,
        observer: abc.ObserverBase[Any],
        scheduler: abc.SchedulerBase,
        *,
        on_fault: Callable[[Exception], None] | None,
        at_most: int,
        limit: int | None,
        on_overflow: Callable[[Any], None] | None,
    ) -> None:
        self._observer = observer
        self._scheduler = scheduler
        self._on_fault = on_fault
        self._at_most = at_most
        self._limit = limit
        self._on_overflow = on_overflow
        self._queue: deque[Any] = deque()
        self._error: Exception | None = None
        self._hopping = False
        self.hop = SerialDisposable()

    def on_next(self, value: Any) -> None:
        self._queue.append(value)
        if self._limit is not None and len(self._queue) > self._limit:
            oldest = self._queue.popleft()
            if self._on_overflow is not None:
                self._on_overflow(oldest)
        if not self._hopping:
            self._go()

    def on_error(self, error: Exception) -> None:
        self._error = error
        self.on_completed()

    def on_completed(self) -> None:
        self._queue.append(_END)
        if not self._hopping:
            self._go()

    def _go(self) -> None:
        # Two threads may both come here: then the second hop finds nothing to do.
        self._hopping = True
        self.hop.disposable = self._scheduler.schedule(self._deliver)

    def _deliver(self, *_: Any) -> None:
        take, emit = self._queue.popleft, self._observer.on_next
        try:
            for _turn in range(self._at_most):
                try:
                    value = take()
                except IndexError:
                    break
                if value is _END:
                    self._end()
                    return
                try:
                    emit(value)
                except Exception as error:
                    if self._on_fault is None:
                        raise
                    self._on_fault(error)
        finally:
            # Looked at after the flag falls: whoever saw it up has put its value in before.
            self._hopping = False
            if self._queue:
                self._go()

    def _end(self) -> None:
        if self._error is not None:
            self._observer.on_error(self._error)
        else:
            self._observer.on_completed()
