"""The time of the simulated machines: as fast as the clock of this machine, or ``pace`` times so."""

import time
from collections.abc import Callable


class FleetClock:
    """Counts from the moment of its making on, ``pace`` times as fast."""

    def __init__(self, pace: float = 1.0, *, now: Callable[[], float] = time.time) -> None:
        self.pace = pace
        self._now = now
        self._start_s = now()

    def now_s(self) -> float:
        """Return the time of the fleet in seconds since 1970."""
        return self._start_s + (self._now() - self._start_s) * self.pace

    def real_s(self, seconds: float) -> float:
        """Return how long ``seconds`` of the fleet last for us."""
        return seconds / self.pace
