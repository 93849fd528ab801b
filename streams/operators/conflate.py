"""Conflation: at most one delivery a frame, carrying the newest of everything that changed."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

from streams.operators.kinds import Operator, Seconds, seconds_of
from streams.operators.listening import listen

A = TypeVar("A")
B = TypeVar("B")
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def conflate(
    key: Callable[[T], K], every_s: Seconds, *, scheduler: abc.SchedulerBase
) -> Operator[T, dict[K, T]]:
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

    def add(pending: dict[K, T], value: T) -> dict[K, T]:
        pending[key(value)] = value
        return pending

    return conflate_into(first, add, _same, every_s, scheduler=scheduler)


def conflate_merge(
    merge: Callable[[A, A], A], every_s: Seconds, *, scheduler: abc.SchedulerBase
) -> Operator[A, A]:
    """Emit what ``merge(earlier, later)`` makes of the values, at most once in ``every_s``, as ``conflate``.

    ::

        source:   a-b-c-----d--|
        conflate_merge(lambda earlier, later: earlier + later, 0.004)
        result:   a---x-----d--|
        where x = "bc"
    """
    return conflate_into(_same, merge, _same, every_s, scheduler=scheduler)


def conflate_into(
    first: Callable[[T], A],
    add: Callable[[A, T], A],
    finish: Callable[[A], B],
    every_s: Seconds,
    *,
    scheduler: abc.SchedulerBase,
) -> Operator[T, B]:
    """Gather values into something that ``finish`` turns into one delivery, at most once in ``every_s``.

    ``first`` starts it with a value and ``add`` puts one more in; it may change what it was given.
    """

    def conflated(source: Observable[T]) -> Observable[B]:
        def subscribe(
            observer: abc.ObserverBase[B], scheduler_: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            pending: Any = None
            has_pending = False
            in_frame = False
            timer: abc.DisposableBase | None = None

            def on_frame(*_: Any) -> None:
                nonlocal in_frame, timer
                if not has_pending:
                    in_frame = False
                    return
                wait_s = seconds_of(every_s)
                if wait_s > 0:
                    timer = scheduler.schedule_relative(wait_s, on_frame)
                else:
                    in_frame = False
                flush()

            def flush() -> None:
                nonlocal pending, has_pending
                gathered, pending, has_pending = pending, None, False
                try:
                    whole = finish(gathered)
                except Exception as error:  # noqa: BLE001  (an operator hands on what its functions raise)
                    observer.on_error(error)
                    return
                observer.on_next(whole)

            def on_next(value: T) -> None:
                nonlocal pending, has_pending, in_frame, timer
                try:
                    if has_pending:
                        pending = add(pending, value)
                        return
                    pending = first(value)
                except Exception as error:  # noqa: BLE001  (as above)
                    observer.on_error(error)
                    return
                has_pending = True
                if not in_frame:
                    in_frame = True
                    timer = scheduler.schedule(on_frame)

            def on_completed() -> None:
                if has_pending:
                    flush()
                observer.on_completed()

            def dispose() -> None:
                subscription.dispose()
                if timer is not None:
                    timer.dispose()

            subscription = listen(source, on_next, observer.on_error, on_completed, scheduler_)
            return Disposable(dispose)

        return Observable(subscribe)

    return conflated


def _same(value: Any) -> Any:
    return value
