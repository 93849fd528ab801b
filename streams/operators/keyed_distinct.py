"""Keyed deduplication: one dictionary for all keys, not one stream for each."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from reactivex import Observable, abc

from streams.core.types import Operator
from streams.operators.listening import listen

T = TypeVar("T")

_MISSING: Any = object()


def keyed_distinct(
    key: Callable[[T], Hashable],
    version: Callable[[T], Any] | None = None,
    *,
    same: Callable[[Any, Any], Any] | None = None,
    forget: Callable[[T], bool] | None = None,
) -> Operator[T, T]:
    """Let a value through only if it differs from the last one of its key.

    What is compared is ``version(value)``, or the whole value; with ``same``, and never with itself as
    mutated. A value for which ``forget`` says True always passes and frees the memory of its key.

    ::

        source:   a-A-a-b-c-a-|
        keyed_distinct(str.lower, version=lambda letter: letter)
        result:   a-A-a-b-c---|
    """

    def distinct(source: Observable[T]) -> Observable[T]:
        def subscribe(
            observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            seen: dict[Hashable, Any] = {}
            last_of = seen.get
            emit = observer.on_next

            def on_next(value: T) -> None:
                try:
                    name = key(value)
                    current = value if version is None else version(value)
                    last = last_of(name, _MISSING)
                    if forget is not None and forget(value):
                        seen.pop(name, None)
                    elif last is not _MISSING and (
                        last is current or (last == current if same is None else same(last, current))
                    ):
                        return
                    else:
                        seen[name] = current
                except Exception as error:  # noqa: BLE001  (an operator hands on what its functions raise)
                    observer.on_error(error)
                    return
                emit(value)

            return listen(source, on_next, observer.on_error, observer.on_completed, scheduler)

        return Observable(subscribe)

    return distinct
