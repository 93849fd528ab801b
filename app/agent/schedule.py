"""Tells when the next backup is due, with clocks that may jump and machines that sleep."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

LOOK_S = 30.0
"""How often the wall clock is looked at: while a machine sleeps nothing else moves on."""


class Schedule:
    """The next backup is due by whichever of two clocks says so first.

    The wall clock goes on while the machine sleeps, and may be set to anything. The monotonic clock cannot be
    set, and stands while the machine sleeps. So no clock that is wrong delays a backup by more than its
    interval.
    """

    def __init__(
        self,
        every_s: float,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_s, self._now, self._monotonic = every_s, now, monotonic
        self._due_at = now()
        self._due_monotonic = monotonic()

    def begin(self, last_done_at: datetime | None) -> None:
        """Take up what was kept; a backup in the time to come was noted by a clock that was wrong."""
        if last_done_at is None or last_done_at > self._now():
            self.postpone(0.0)
        else:
            self.postpone(self._every_s - (self._now() - last_done_at).total_seconds())

    def postpone(self, seconds: float) -> None:
        """Have the next backup due in so many seconds."""
        self._due_at = self._now() + timedelta(seconds=max(0.0, seconds))
        self._due_monotonic = self._monotonic() + max(0.0, seconds)

    def remaining_s(self) -> float:
        """Return how long it is until the next backup is due; 0 once it is."""
        by_wall = (self._due_at - self._now()).total_seconds()
        return max(0.0, min(by_wall, self._due_monotonic - self._monotonic()))

    def wait_s(self) -> float:
        """Return how long to wait before asking again."""
        return min(self.remaining_s(), LOOK_S)
