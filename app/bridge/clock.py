"""The difference between the server's clock and ours, so that times of both can be compared."""

from collections import deque
from datetime import datetime, timedelta

SAMPLES = 16


class ClockOffset:
    """Learns from pings; the quickest of the last ones tells best."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def add(self, round_trip_s: float, server_at: datetime, received_at: datetime) -> None:
        """Take one answer: how long it took, the server's time in it, and our time when it came."""
        ours = received_at - timedelta(seconds=round_trip_s / 2)
        self._samples.append((round_trip_s, (server_at - ours).total_seconds()))

    @property
    def seconds(self) -> float:
        """How far the server's clock is ahead of ours; 0 while nothing is known."""
        return min(self._samples)[1] if self._samples else 0.0

    def ours(self, server_at: datetime) -> datetime:
        """Return a time of the server as our clock would have shown it."""
        return server_at - timedelta(seconds=self.seconds)
