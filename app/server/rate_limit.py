"""Limits on guesses: wrong codes and tokens, counted by the caller's address and by the name that is tried.

Nobody is locked out by the guesses of others behind the same proxy or address translation: the right code
is taken whatever was counted, after a delay that grows with the failures. Only wrong ones are refused.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from app.server.problems import Refused

WITHIN_S = 60.0
KEYS = 10_000
"""Addresses and names that are remembered at most; the least recent failure goes first."""
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 2.0


class GuessLimit:
    """Counts the failures of each key within the last minute."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def delay_s(self, *keys: str) -> float:
        """Return how long the next attempt has to wait: nothing at first, then doubled with each failure."""
        over = max((len(self._recent(key)) for key in keys), default=0) - self._most
        return 0.0 if over < 0 else min(FIRST_DELAY_S * 2.0 ** min(over, 16), MAX_DELAY_S)

    async def wait(self, *keys: str) -> None:
        """Wait out the delay."""
        if delay_s := self.delay_s(*keys):
            await asyncio.sleep(delay_s)

    def note_failure(self, *keys: str) -> Refused | None:
        """Count a failure; return the refusal for a key that has failed too often already."""
        refusal = None
        for key in keys:
            recent = self._recent(key)
            if len(recent) >= self._most:
                refusal = _too_many(int(recent[0] + WITHIN_S - self._clock()) + 1)
            recent.append(self._clock())
            self._failures[key] = recent
            self._failures.move_to_end(key)
        while len(self._failures) > KEYS:
            self._failures.popitem(last=False)
        return refusal

    def _recent(self, key: str) -> deque[float]:
        recent = self._failures.get(key)
        if recent is None:
            return deque(maxlen=self._most + 16)
        oldest = self._clock() - WITHIN_S
        while recent and recent[0] < oldest:
            recent.popleft()
        if not recent:
            del self._failures[key]
        return recent


def _too_many(wait_s: int) -> Refused:
    return Refused(
        "too_many_attempts",
        "Too many wrong attempts came from there; wait a minute.",
        headers={"Retry-After": str(max(wait_s, 1)), "Connection": "close"},
    )
