"""The difference between the server's clock and ours, so that times of both can be compared."""

from collections import deque
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

SAMPLES = 16
CLOCK_SET_S = 0.5
HALF_OF_DATE = timedelta(seconds=0.5)
"""So that half of the second by which a date may be wrong is not taken for the way."""


class ClockOffset:
    """Learns from pings; the quickest of the last ones tells best."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def add(self, round_trip_s: float, server_at: datetime, received_at: datetime) -> None:
        """Take one answer: how long it took, the server's time in it, and our time when it came."""
        ours = received_at - timedelta(seconds=round_trip_s / 2)
        ahead_s = (server_at - ours).total_seconds()
        if self._samples:
            best_s, known_s = min(self._samples)
            if abs(ahead_s - known_s) > (round_trip_s + best_s) / 2 + CLOCK_SET_S:
                # More than the two could be wrong by: one of the clocks was set.
                self._samples.clear()
        self._samples.append((round_trip_s, ahead_s))

    def add_date(self, round_trip_s: float, date: str, received_at: datetime) -> None:
        """Take the ``Date`` of an answer over HTTP, which tells whole seconds; another word is left out."""
        try:
            server_at = parsedate_to_datetime(date)
        except ValueError:
            return
        if server_at.tzinfo is not None:
            self.add(round_trip_s + 1.0, server_at + timedelta(seconds=0.5), received_at + HALF_OF_DATE)

    @property
    def seconds(self) -> float:
        """How far the server's clock is ahead of ours; 0 while nothing is known."""
        return min(self._samples)[1] if self._samples else 0.0

    def ours(self, server_at: datetime) -> datetime:
        """Return a time of the server as our clock would have shown it."""
        return server_at - timedelta(seconds=self.seconds)
