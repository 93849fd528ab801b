"""A scheduler whose clock is a counter: hours pass in no time, exact to the microsecond."""

import heapq
from datetime import UTC, datetime
from itertools import count

from streams.core.schedulers import Job, JobScheduler

START = datetime(2026, 1, 1, tzinfo=UTC)
"""What the clock says at frame 0."""

_MAX_ACTIONS = 200_000


class Overrun(AssertionError):
    """The work does not end by itself."""


class VirtualScheduler(JobScheduler):
    """Runs what is due in order of time, then of scheduling; an action that raises, raises in ``run``."""

    def __init__(self, *, most_actions: int = _MAX_ACTIONS) -> None:
        self._now_us = 0
        super().__init__(_raise, lambda: self._now_us / 1_000_000, START)
        self._most_actions = most_actions
        self._order = count()
        self._heap: list[tuple[int, int, Job]] = []

    @property
    def frame(self) -> float:
        """Return the milliseconds since the start."""
        return self._now_us / 1_000

    def run(self) -> None:
        """Run until nothing is left to do."""
        for _ in range(self._most_actions):
            if not self._heap:
                return
            self._now_us, _, job = heapq.heappop(self._heap)
            job.run()
        raise Overrun(
            f"{self._most_actions} actions and no end at {self.frame:g} ms: "
            "an endless stream? Give expect() an unsubscription marble."
        )

    def advance_to(self, frame: float) -> None:
        """Run what is due up to ``frame``, that one included, and stay there."""
        until_us = round(frame * 1_000)
        while self._heap and self._heap[0][0] <= until_us:
            self._now_us, _, job = heapq.heappop(self._heap)
            job.run()
        self._now_us = max(self._now_us, until_us)

    def _post(self, job: Job) -> None:
        heapq.heappush(self._heap, (self._now_us, next(self._order), job))

    def _post_at(self, due_s: float, job: Job) -> None:
        heapq.heappush(self._heap, (round(due_s * 1_000_000), next(self._order), job))


def _raise(error: Exception) -> None:
    raise error
