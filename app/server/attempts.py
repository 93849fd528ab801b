"""A limit on guesses: who fails too often from one address waits."""

import time
from collections import deque
from collections.abc import Callable

from app.server.problems import Refused

WITHIN_S = 60.0
ADDRESSES = 10_000
"""Addresses that are remembered at most."""


class Attempts:
    """Counts failures of each address within the last minute."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def allow(self, address: str) -> None:
        """Raise ``Refused`` too_many_attempts where this address has failed too often."""
        failures = self._failures.get(address)
        if failures is None:
            return
        oldest = self._clock() - WITHIN_S
        while failures and failures[0] < oldest:
            failures.popleft()
        if not failures:
            del self._failures[address]
        elif len(failures) >= self._most:
            wait_s = int(failures[0] - oldest) + 1
            raise Refused(
                "too_many_attempts",
                "Too many wrong codes came from there; wait a minute.",
                headers={"Retry-After": str(wait_s)},
            )

    def note_failure(self, address: str) -> None:
        """Count a failure."""
        if address not in self._failures and len(self._failures) >= ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._failures.setdefault(address, deque(maxlen=self._most)).append(self._clock())
