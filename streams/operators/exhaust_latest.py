"""Never two at once, and never the last one lost: the operator for "read again"."""

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.core.types import Operator

A = TypeVar("A")
B = TypeVar("B")


def exhaust_latest(project: Callable[[A], Observable[B]]) -> Operator[A, B]:
    """Follow one inner stream to its end, ignoring values meanwhile; then do the newest of those.

    So a steady flow of values starves nothing, and what follows the last value is never missing.

    ::

        source:         a-bc-------d|
        inner (cold):   ---(x|)
        exhaust_latest(lambda value: inner)
        result:         ---x--x-------(x|)
        inner subs:     ^--!
        inner subs:     ---^--!
        inner subs:     -----------^--!
    """

    def exhausted(source: Observable[A]) -> Observable[B]:
        def subscribe(
            observer: abc.ObserverBase[B], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            inner = SerialDisposable()
            waiting: list[A] = []
            busy = False
            completed = False

            def start(value: A) -> None:
                nonlocal busy
                busy = True
                try:
                    stream = project(value)
                except Exception as error:  # noqa: BLE001
                    observer.on_error(error)
                    return
                inner.disposable = stream.subscribe(
                    observer.on_next, observer.on_error, on_inner_completed, scheduler=scheduler
                )

            def on_next(value: A) -> None:
                if busy:
                    waiting[:] = (value,)
                else:
                    start(value)

            def on_inner_completed() -> None:
                nonlocal busy
                busy = False
                if waiting:
                    start(waiting.pop())
                elif completed:
                    observer.on_completed()

            def on_completed() -> None:
                nonlocal completed
                completed = True
                if not busy:
                    observer.on_completed()

            return CompositeDisposable(
                source.subscribe(on_next, observer.on_error, on_completed, scheduler=scheduler), inner
            )

        return Observable(subscribe)

    return exhausted
