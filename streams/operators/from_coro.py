"""A coroutine function as a cold stream of one value."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from reactivex import Observable, abc

from streams.operators.spawning import Spawn, Spawned

T = TypeVar("T")


def from_coro(function: Callable[[], Coroutine[Any, Any, T]], *, spawn: Spawn) -> Observable[T]:
    """Run ``function`` once for each subscriber; its result is the value, its exception the error.

    Disposing cancels the coroutine and mutes it. If somebody else cancels it, the stream ends with
    ``SourceCancelled``, which the policies of ``resubscribe`` never retry.
    """

    def subscribe(observer: abc.ObserverBase[T], _: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        return Spawned(observer, function, emit=True).start(spawn)

    return Observable(subscribe)
