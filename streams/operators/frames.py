"""The beat of the screen: what has changed is delivered and drawn together, at most once per frame."""

import threading
from collections.abc import Callable, Iterable

from reactivex import abc

from streams.operators.kinds import Seconds, seconds_of
from streams.schedulers import JobScheduler

Draw = Callable[[], object]


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
        self._job: abc.DisposableBase | None = None
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
            job = None if self._values or self._drawings else self._job
            if job is not None:
                self._job, self._armed = None, False
        if job is not None:
            job.dispose()

    def _arm(self) -> None:
        left_s = self._due_s - self._scheduler.seconds()
        if left_s > 0:
            self._job = self._scheduler.schedule_relative(left_s, self._flush)
        else:
            self._job = self._scheduler.schedule(self._flush)

    def _flush(self, _scheduler: abc.SchedulerBase, _state: object = None) -> None:
        self._job = None
        self._due_s = self._scheduler.seconds() + seconds_of(self._gap_s)
        self.drawn += 1
        with self._lock:
            values, self._values = self._values, {}
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
