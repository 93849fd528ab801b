"""The gate of uploads: so many of one client at once, so many of all, and each client its turn.

An upload may take hours, and its turn lasts as long: so a client that has none in gets in even where others
have taken all the places.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.server.limits import Limits
from app.server.problems import Refused


class UploadGate:
    """Lets uploads in: round robin between clients, in order within a client."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: dict[str, int] = {}
        self._total = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def running(self) -> int:
        """How many uploads are in."""
        return self._total

    @property
    def waiting(self) -> int:
        """How many uploads wait for their turn."""
        return sum(len(queue) for queue in self._waiting.values())

    @asynccontextmanager
    async def turn(self, client_id: str) -> AsyncGenerator[None]:
        """Hold a place; raises ``Refused`` too_many_uploads where too many of this client wait already."""
        await self._enter(client_id)
        try:
            yield
        finally:
            self._leave(client_id)

    async def _enter(self, client_id: str) -> None:
        queue = self._waiting.setdefault(client_id, deque())
        if len(queue) >= self._limits.uploads_waiting:
            raise _come_again()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        self._admit()
        try:
            async with asyncio.timeout(self._limits.upload_turn_s):
                await place
        except (asyncio.CancelledError, TimeoutError) as error:
            if place.done() and not place.cancelled():
                self._leave(client_id)
            elif place in queue:
                queue.remove(place)
                if not queue:
                    self._waiting.pop(client_id, None)
            raise _come_again() if isinstance(error, TimeoutError) else error from None

    def _leave(self, client_id: str) -> None:
        self._total -= 1
        left = self._running[client_id] - 1
        if left:
            self._running[client_id] = left
        else:
            del self._running[client_id]
        self._admit()

    def _admit(self) -> None:
        while (client_id := next((name for name in self._waiting if self._may(name)), None)) is not None:
            queue = self._waiting[client_id]
            place = queue.popleft()
            if queue:
                self._waiting.move_to_end(client_id)
            else:
                del self._waiting[client_id]
            if not place.cancelled():
                self._running[client_id] = self._running.get(client_id, 0) + 1
                self._total += 1
                place.set_result(None)

    def _may(self, client_id: str) -> bool:
        own, limits = self._running.get(client_id, 0), self._limits
        places = limits.uploads_at_once + (0 if own else limits.uploads_first)
        return own < limits.uploads_per_client and self._total < places


def _come_again() -> Refused:
    return Refused(
        "too_many_uploads", "Too many uploads of this client wait already.", headers={"Retry-After": "1"}
    )
