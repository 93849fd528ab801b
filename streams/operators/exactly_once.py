"""Numbered values exactly once, although a replay and the live flow overlap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from reactivex import Observable, abc

from streams.core.types import Operator
from streams.operators.listening import listen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that never came: everything after ``after`` and before ``before``."""

    after: int
    before: int


def exactly_once(
    number_of: Callable[[T], int | None],
    *,
    after: int | None = None,
    restart: Callable[[T], int | None] | None = None,
    on_gap: Callable[[Gap], None] | None = None,
) -> Operator[T, T]:
    """Drop values whose number has been seen; values without a number pass.

    Numbers up to ``after`` count as seen; with None the first one decides. A value for which ``restart``
    gives a number passes and starts the count afresh from there, as a new epoch does. A jump in the numbers
    is told to ``on_gap`` before the value behind it is emitted; where numbers are left out on purpose,
    leave it out too.

    ::

        source:   1-2-2-1-3--5-4-|
        exactly_once(int, after=0, on_gap=gaps.append)
        result:   1-2-----3--5---|
    """

    def once(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            last = after

            def fresh(value: T) -> bool:
                nonlocal last
                if restart is not None:
                    start = restart(value)
                    if start is not None:
                        last = start
                        return True
                number = number_of(value)
                if number is None:
                    return True
                if last is not None:
                    if number <= last:
                        return False
                    if number > last + 1 and on_gap is not None:
                        on_gap(Gap(last, number))
                last = number
                return True

            def on_next(value: T) -> None:
                try:
                    passes = fresh(value)
                except Exception as error:  # noqa: BLE001
                    observer.on_error(error)
                    return
                if passes:
                    observer.on_next(value)

            return listen(source, on_next, observer.on_error, observer.on_completed, scheduler)

        return Observable(subscribe)

    return once
