"""Pace: how fast bytes move, and how often that is told."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 8.0
"""A rate is the mean over so long, or over the time since the bytes began to move if that is shorter."""
MIN_S = 0.5
"""The first bytes count as if they had taken so long, so that a rate does not begin with a leap."""


class Rate:
    """Bytes per second over a sliding window."""

    def __init__(self, done_bytes: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque(((clock(), done_bytes),), maxlen=64)

    def mark(self, done_bytes: int) -> float:
        """Note how many bytes are done by now and return the rate."""
        now = self._clock()
        marks = self._marks
        if now - marks[-1][0] < WINDOW_S / 40 and len(marks) > 1:
            marks[-1] = (marks[-1][0], done_bytes)
        else:
            marks.append((now, done_bytes))
        while len(marks) > 2 and now - marks[0][0] > WINDOW_S:
            marks.popleft()
        while len(marks) > 2 and marks[1][1] == marks[0][1]:
            marks.popleft()  # or the server's rate would climb for seconds while that of a backup is there
        past, bytes_then = marks[0]
        return max(0.0, (done_bytes - bytes_then) / max(now - past, MIN_S))


class Ticker:
    """Calls ``send`` soon after something changed, then rests, so that a burst becomes one frame."""

    def __init__(self, send: Callable[[], None], every_s: float) -> None:
        self._send = send
        self._every_s = every_s
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Say that something changed."""
        self._changed.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._send()
            await asyncio.sleep(self._every_s)
