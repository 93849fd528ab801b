"""Conflation: at most one delivery a frame, carrying the newest of everything that changed."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from streams.core.schedulers import JobScheduler
from streams.core.types import Operator, Seconds
from streams.operators.frames import Frames
from streams.operators.listening import listen

A = TypeVar("A")
B = TypeVar("B")
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Gather = tuple[Callable[[T], Any], Callable[[Any, T], Any], Callable[[Any], B]]
"""How values are gathered: begun with the first, one more added, and made into what is delivered.

What adds returns what goes on gathering, or None if that is still the same.
"""


def conflate(key: Callable[[T], K], every_s: Seconds, *, scheduler: JobScheduler) -> Operator[T, dict[K, T]]:
    """Emit the newest value of each key that changed, as one new dictionary, at most once in ``every_s``.

    The first value after a quiet time goes out with all others of the same turn of the loop; those that come
    within ``every_s`` after a delivery wait for its end. Completion delivers what is left; an error does not.

    ::

        source:   a-b-A-----a-b|
        conflate(str.lower, 0.004)
        result:   w---x-----y--(z|)
        where w = {a: a}, x = {b: b, a: A}, y = {a: a}, z = {b: b}
    """

    def first(value: T) -> dict[K, T]:
        return {key(value): value}

    def add(pending: dict[K, T], value: T) -> None:
        pending[key(value)] = value

    return conflate_into(first, add, _same, lambda: Frames(scheduler, every_s))


def conflate_merge(
    merge: Callable[[A, A], A], every_s: Seconds, *, scheduler: JobScheduler
) -> Operator[A, A]:
    """Emit what ``merge(earlier, later)`` makes of the values, at most once in ``every_s``, as ``conflate``.

    ::

        source:   a-b-c-----d--|
        conflate_merge(lambda earlier, later: earlier + later, 0.004)
        result:   a---x-----d--|
        where x = "bc"
    """
    return conflate_into(_same, merge, _same, lambda: Frames(scheduler, every_s))


def conflate_into(
    first: Callable[[T], A],
    add: Callable[[A, T], A | None],
    finish: Callable[[A], B],
    frames: Callable[[], Frames],
) -> Operator[T, B]:
    """Gather values into something that ``finish`` turns into one delivery a frame.

    ``first`` starts it with a value and ``add`` puts one more in, as ``Gather`` says. ``frames`` is asked at
    each subscription: those that get the same ones are delivered together.
    """

    def conflated(source: Observable[T]) -> Observable[B]:
        def subscribe(
            observer: abc.ObserverBase[B], scheduler_: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            beat = frames()
            pending: Any = None
            has_pending = False

            def deliver() -> None:
                nonlocal pending, has_pending
                if not has_pending:
                    return
                gathered, pending, has_pending = pending, None, False
                try:
                    whole = finish(gathered)
                except Exception as error:  # noqa: BLE001  (an operator hands on what its functions raise)
                    observer.on_error(error)
                    return
                observer.on_next(whole)

            def on_next(value: T) -> None:
                nonlocal pending, has_pending
                try:
                    if has_pending:
                        other = add(pending, value)
                        if other is not None:
                            pending = other
                        return
                    pending = first(value)
                except Exception as error:  # noqa: BLE001  (as above)
                    observer.on_error(error)
                    return
                has_pending = True
                beat.want(deliver)

            def on_completed() -> None:
                deliver()
                observer.on_completed()

            def dispose() -> None:
                nonlocal pending, has_pending
                subscription.dispose()
                pending, has_pending = None, False
                beat.forget(deliver)

            subscription = listen(source, on_next, observer.on_error, on_completed, scheduler_)
            return Disposable(dispose)

        return Observable(subscribe)

    return conflated


def _same(value: Any) -> Any:
    return value
