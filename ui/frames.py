"""The beat of the screen: whatever wants to be drawn is drawn together, at most once per frame."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from reactivex.abc import SchedulerBase

Draw = Callable[[], None]


class Frames:
    """Calls each ``draw`` that was wanted once, in one batch on the scheduler, ``frame_s`` apart at least.

    The first want after a quiet time is served at the loop's next turn, so that a single event is on the
    screen at once; a flood is served at the frame rate. ``want`` may be called from any thread.
    """

    def __init__(self, scheduler: SchedulerBase, frame_s: float) -> None:
        self._scheduler = scheduler
        self._gap = timedelta(seconds=frame_s)
        self._lock = threading.Lock()
        self._wanted: dict[Draw, None] = {}
        self._armed = False
        self._last: datetime | None = None
        self.drawn = 0
        """Frames so far, for the tests and the connection panel."""

    def set_gap(self, frame_s: float) -> None:
        """Keep frames this far apart from now on."""
        self._gap = timedelta(seconds=frame_s)

    def want(self, draw: Draw) -> None:
        """Have ``draw`` called in the next frame; wanting it twice calls it once."""
        with self._lock:
            self._wanted[draw] = None
            if self._armed:
                return
            self._armed = True
        now = self._scheduler.now
        due = self._last + self._gap if self._last is not None else now
        if due <= now:
            self._scheduler.schedule(self._flush)
        else:
            self._scheduler.schedule_relative(due - now, self._flush)

    def _flush(self, _scheduler: SchedulerBase, _state: object = None) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, {}
            self._armed = False
            self._last = self._scheduler.now
        self.drawn += 1
        for draw in wanted:
            draw()
