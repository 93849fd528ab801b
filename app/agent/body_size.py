"""The size of request bodies, adapted to lines that break and to proxies with a limit."""

from collections.abc import Callable, Sequence

from app.wire.blob_batch import BATCH_BYTES

MIN_BODY_BYTES = 16 * 1024
"""Smaller parts are not tried."""
GROW_AFTER = 8
"""Bodies of one size that got through before larger ones are tried again."""


class BodySize:
    """A limit in bytes that is halved when a body does not get through, and doubled after successes."""

    def __init__(self, most: int) -> None:
        self._most = self.limit = most
        self._streak = 0

    def take(self, names: Sequence[str], size_of: Callable[[str], int]) -> list[str]:
        """Return as many of the first names as fit, at least one."""
        taken: list[str] = []
        size = 0
        for name in names:
            size += size_of(name)
            if taken and size > self.limit:
                break
            taken.append(name)
        return taken

    def succeed(self) -> None:
        """Note that a body got through."""
        self._streak += 1
        if self._streak >= GROW_AFTER and self.limit < self._most:
            self.limit, self._streak = min(self._most, self.limit * 2), 0

    def fail(self, tried: int, *, for_good: bool = False) -> bool:
        """Note that a body did not get through; return whether a smaller one is left to be tried.

        ``for_good``: something between refuses its size, so that it need not be tried again.
        """
        self._streak = 0
        smaller = tried > MIN_BODY_BYTES
        self.limit = max(MIN_BODY_BYTES, min(self.limit, tried, 2 * BATCH_BYTES) // 2)
        if for_good:
            self._most = self.limit
        return smaller
