"""The few threads in which a store does its work, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from app.runtime.tasks import to_the_end
from app.store.errors import failure_of

T = TypeVar("T")


class _Closable(Protocol):
    def close(self) -> None: ...


Closable = TypeVar("Closable", bound=_Closable)


class Threads:
    """So many threads; work that has begun comes to its end, whoever is cancelled."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._threads = ThreadPoolExecutor(width, "store")

    async def close(self) -> None:
        """End the threads once their work is done."""
        await asyncio.to_thread(self._threads.shutdown)

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do work in a thread; a refusal of the file system becomes a StoreFailure."""
        try:
            return await self.run(work, *arguments)
        except OSError as error:
            raise failure_of(error) from error

    async def read(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do work in a thread that only reads; a refusal of the file system becomes StoreUnreadable."""
        try:
            return await self.run(work, *arguments)
        except OSError as error:
            raise failure_of(error, reading=True) from error

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do work in a thread; a cancelled caller leaves when it is done: no file is pulled away."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        await to_the_end(future)
        return future.result()

    async def taken(self, work: Callable[..., Closable], *arguments: Any) -> Closable:
        """Do work that opens something; a caller who is cancelled meanwhile leaves nothing open."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            await to_the_end(future)
        except asyncio.CancelledError:
            if future.exception() is None:
                future.result().close()
            raise
        return future.result()
