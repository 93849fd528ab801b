"""Bodies of requests and answers: read and sent within a size, a time and a share of memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web

from app.server.problems import Refused

OPEN_BODY_BYTES = 16 * 1024
"""The largest body of a route that needs no token."""
OPEN_BODY_S = 10.0
BODY_IDLE_S = 30.0
BODY_S = 600.0
"""A body of the largest size takes that long at 30 kB/s."""
BUDGET_BYTES = 128 * 1024 * 1024
"""Bodies that are held in memory at once, over all connections."""
BUDGET_WAIT_S = 20.0


class BodyBudget:
    """Holds back bodies that would not fit into memory together; a quarter of it is for one token.

    They wait for ``wait_s``, None for as long as it takes, and no more than ``most_waiting`` of one token.
    """

    def __init__(
        self,
        total_bytes: int = BUDGET_BYTES,
        *,
        wait_s: float | None = BUDGET_WAIT_S,
        most_waiting: int | None = None,
    ) -> None:
        self._total, self._wait_s, self._most_waiting = total_bytes, wait_s, most_waiting
        self._held: dict[object, int] = {}
        self._waiting: Counter[object] = Counter()
        self._freed = asyncio.Condition()

    @property
    def held_bytes(self) -> int:
        """Return how much is held now."""
        return sum(self._held.values())

    @property
    def waiting(self) -> int:
        """Return how many bodies wait for memory."""
        return self._waiting.total()

    @asynccontextmanager
    async def hold(self, owner: object, size_bytes: int) -> AsyncGenerator[None]:
        """Reserve memory for the body of a token; raises ``Refused`` busy where none gets free in time."""
        async with self._freed:
            await self._until_free(owner, size_bytes)
            self._held[owner] = self._held.get(owner, 0) + size_bytes
        try:
            yield
        finally:
            left = self._held[owner] - size_bytes
            if left:
                self._held[owner] = left
            else:
                del self._held[owner]
            async with self._freed:
                self._freed.notify_all()

    async def _until_free(self, owner: object, size_bytes: int) -> None:
        if self._fits(owner, size_bytes):
            return
        if self._most_waiting is not None and self._waiting[owner] >= self._most_waiting:
            raise _busy()
        self._waiting[owner] += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._freed.wait_for(lambda: self._fits(owner, size_bytes))
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner]

    def _fits(self, owner: object, size_bytes: int) -> bool:
        own = self._held.get(owner, 0)
        # What is larger than a share goes alone.
        fair = not own or own + size_bytes <= self._total // 4
        return fair and (not self._held or self.held_bytes + size_bytes <= self._total)


def _busy() -> Refused:
    return Refused(
        "busy", "The server has too much at once to take or to send.", headers={"Retry-After": "1"}
    )


def announced_bytes(request: web.BaseRequest, most_bytes: int) -> int:
    """Return how large the body may become; raises ``Refused`` payload_too_large before any of it is read."""
    length = request.content_length
    if length is not None and length > most_bytes:
        raise Refused("payload_too_large", "The body is too large.")
    return most_bytes if length is None else length


async def read_body(
    request: web.BaseRequest, most_bytes: int, *, idle_s: float = BODY_IDLE_S, within_s: float = BODY_S
) -> bytes:
    """Return the whole body; raises ``Refused`` payload_too_large or body_too_slow."""
    announced_bytes(request, most_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while True:
                async with asyncio.timeout(idle_s):
                    chunk = await request.content.readany()
                if not chunk:
                    return bytes(body)
                body += chunk
                if len(body) > most_bytes:
                    raise Refused("payload_too_large", "The body is too large.")
    except TimeoutError:
        raise Refused(
            "body_too_slow", "The body did not come in time.", headers={"Connection": "close"}
        ) from None
