"""Subscribing from within an operator, without the guard that the end of the chain has already."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable

T = TypeVar("T")


class _Step(NamedTuple):
    """Three functions as an observer; calling one of them is all it costs."""

    on_next: Callable[[Any], None]
    on_error: Callable[[Exception], None]
    on_completed: Callable[[], None]


def listen(
    source: Observable[T],
    on_next: Callable[[T], None],
    on_error: Callable[[Exception], None],
    on_completed: Callable[[], None],
    scheduler: abc.SchedulerBase | None = None,
) -> abc.DisposableBase:
    """Subscribe to ``source`` as ``source.subscribe`` does, but guard nothing.

    Only for operators that hand each end on at once, and return what this returns: then the observer at the
    end of the chain ends everything above it and is silent afterwards, which is what the guard would do again
    at each step, for each value.
    """
    step: Any = _Step(on_next, on_error, on_completed)
    subscription: Any = source._subscribe_core(step, scheduler)
    return subscription if isinstance(subscription, abc.DisposableBase) else Disposable(subscription)
