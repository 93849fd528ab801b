"""The beat of the screen: what has changed is delivered and drawn together, at most once per frame."""

import threading
from collections.abc import Callable, Iterable

from streams.core.schedulers import Job, JobScheduler
from streams.core.types import Seconds, seconds_of

Draw = Callable[[], object]


class _Beat(Job):
    """A job that is done each time it is posted: one for all frames, not one for each."""

    __slots__ = ()

    def run(self) -> None:
        """Do the action, unless it was disposed."""
        self.release = None
        if self.dead or self._action is None:
            return
        try:
            self._action(self._scheduler, self._state)
        except Exception as error:  # noqa: BLE001  (reported; the frames after it must come)
            self._scheduler.report(error)


class Frames:
    """Calls what was wanted once, in one batch on the scheduler, ``gap_s`` apart at least.

    The first want after a quiet time is served at the loop's next turn, so that a single event is on the
    screen at once; a flood is served at the frame rate. A frame has two halves: values are delivered, then
    what they have changed is drawn. What is wanted meanwhile for a half that is over waits for the next
    frame. May be used from any thread.
    """

    def __init__(self, scheduler: JobScheduler, gap_s: Seconds) -> None:
        self._scheduler = scheduler
        self._gap_s = gap_s
        self._lock = threading.Lock()
        self._values: dict[Draw, None] = {}
        self._drawings: dict[Draw, None] = {}
        self._armed = False
        self._job = _Beat(scheduler, self._flush, None)
        self._due_s = scheduler.seconds()
        self.drawn = 0
        """Frames so far, for the tests and the connection panel."""

    def set_gap(self, gap_s: Seconds) -> None:
        """Keep frames this far apart from now on."""
        self._gap_s = gap_s

    def want(self, deliver: Draw) -> None:
        """Have ``deliver`` called in the next frame; wanting it twice calls it once."""
        with self._lock:
            self._values[deliver] = None
            if self._armed:
                return
            self._armed = True
        self._arm()

    def want_drawn(self, draw: Draw) -> None:
        """Have ``draw`` called once the values of a frame are delivered: of this one, if that goes on."""
        with self._lock:
            self._drawings[draw] = None
            if self._armed:
                return
            self._armed = True
        self._arm()

    def forget(self, deliver: Draw) -> None:
        """Call ``deliver`` off."""
        with self._lock:
            self._values.pop(deliver, None)

    def _arm(self) -> None:
        self._scheduler.post(self._job, self._due_s - self._scheduler.seconds())

    def _flush(self, *_: object) -> None:
        with self._lock:
            values, self._values = self._values, {}
            self._armed = bool(values or self._drawings)
        if not self._armed:
            return  # all was called off
        self._due_s = self._scheduler.seconds() + seconds_of(self._gap_s)
        self.drawn += 1
        fault = _call(values)
        if self._drawings:
            with self._lock:
                drawings, self._drawings = self._drawings, {}
            fault = _call(drawings) or fault
        with self._lock:
            again = self._armed = bool(self._values or self._drawings)
        if again:
            self._arm()
        if fault is not None:
            raise fault


def _call(wanted: Iterable[Draw]) -> Exception | None:
    """Call all; return what one of them has raised, once the others have had their turn."""
    fault: Exception | None = None
    for call in wanted:
        try:
            call()
        except Exception as error:  # noqa: BLE001  (raised by _flush)
            fault = fault or error
    return fault
