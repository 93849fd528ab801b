"""Asking again: what a passing failure of server or network is worth, and when to give up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.agent.backoff import Backoff
from app.agent.failures import Refusal, is_passing
from app.runtime.tasks import end_if_cancelled
from streams.model.failures import TidewatchError

PATIENCE_S = 600.0
"""How long a server may be away in the middle of a backup."""
INTERNAL_TIMES = 5
"""How often in a row the same request may fail inside the server."""

T = TypeVar("T")


class Patience:
    """Repeats requests through an interruption; says once that it began and once that it is over."""

    def __init__(
        self,
        backoff: Callable[[], Backoff],
        *,
        patience_s: float = PATIENCE_S,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._backoff, self._patience_s, self._say = backoff, patience_s, say
        self._said = False
        self._failed_at = 0.0

    async def through(
        self, attempt: Callable[[], Awaitable[T]], *, moved: Callable[[], int] = lambda: 0
    ) -> T:
        """Return what ``attempt`` gives, trying again after failures that may pass; raise all others.

        ``moved`` counts what got through: as long as it grows, patience begins anew.
        """
        backoff: Backoff | None = None
        loop = asyncio.get_running_loop()
        since, internal, last = 0.0, 0, 0
        while True:
            began = loop.time()
            try:
                result = await attempt()
            except TidewatchError as error:
                end_if_cancelled()
                if not is_passing(error):
                    raise
                if backoff is None or moved() != last:
                    backoff, since, last = self._backoff(), loop.time(), moved()
                busy = isinstance(error, Refusal) and error.status in (409, 429)
                if isinstance(error, Refusal) and error.status == 429:
                    # It is there, and will have room for us: however long that takes.
                    since = loop.time()
                internal += isinstance(error, Refusal) and error.server_code == "internal"
                if loop.time() - since > self._patience_s or internal > INTERNAL_TIMES:
                    raise
                if not busy:
                    self._failed_at = loop.time()
                    if not self._said:
                        self._said = True
                        self._say(f"{error.message} Trying again.")
                after = error.retry_after_s if isinstance(error, Refusal) else None
                await asyncio.sleep(max(after or 0.0, backoff.next_s()))
            else:
                # What was under way already when it failed elsewhere may have had its answer before.
                if self._said and began >= self._failed_at:
                    self._said = False
                    self._say("The server is back; going on.")
                return result
