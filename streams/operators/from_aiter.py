"""An asynchronous iterator as a cold stream with back-pressure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from streams.operators.spawning import Spawn, Spawned

T = TypeVar("T")


def from_aiter(
    open_iterator: Callable[[], AsyncIterator[T]],
    *,
    spawn: Spawn,
    yield_every: int = 64,
    paused_stream: Observable[bool] | None = None,
) -> Observable[T]:
    """Pull from a new iterator for each subscriber; the next value only once the last has been taken.

    While ``paused_stream`` says True nothing is pulled, so that buffers and then TCP hold the sender back. An
    iterator that always has a value ready never lets go of the loop by itself: after ``yield_every`` values
    this does. Disposing cancels the pull and closes the iterator. What a subscriber raises goes to the loop's
    exception handler, and the pulling goes on.
    """

    def subscribe(observer: abc.ObserverBase[T], _: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        going = asyncio.Event()
        going.set()

        async def pull() -> None:
            iterator = open_iterator()
            try:
                count = 0
                while True:
                    await going.wait()
                    try:
                        value = await anext(iterator)
                    except StopAsyncIteration:
                        return
                    if spawned.disposed:
                        return
                    _give(observer, value)
                    count += 1
                    if count % yield_every == 0:
                        await asyncio.sleep(0)
            finally:
                await _close(iterator)

        def on_paused(paused: bool) -> None:
            if paused:
                going.clear()
            else:
                going.set()

        spawned = Spawned(observer, pull, emit=False)
        if paused_stream is None:
            return spawned.start(spawn)
        pausing = paused_stream.subscribe(on_paused, observer.on_error)
        return CompositeDisposable(spawned.start(spawn), pausing)

    return Observable(subscribe)


def _give(observer: abc.ObserverBase[T], value: T) -> None:
    try:
        observer.on_next(value)
    except Exception as error:  # noqa: BLE001  (told where asyncio tells what callbacks raise)
        # Not an error of this stream: it would be taken for a lost connection, and connected again.
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a subscriber of an iterator raised", "exception": error}
        )


async def _close(iterator: AsyncIterator[Any]) -> None:
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()
