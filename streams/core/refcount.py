"""Something that runs while at least one holder needs it, and a little longer."""

from collections.abc import Callable
from typing import Any

from reactivex import abc
from reactivex.disposable import Disposable, SerialDisposable, SingleAssignmentDisposable

from streams.core.types import Seconds, seconds_of


class Held:
    """Calls ``start`` for the first holder, and disposes what it gave ``linger_s`` after the last left."""

    def __init__(
        self,
        start: Callable[[], abc.DisposableBase],
        *,
        scheduler: abc.SchedulerBase | None = None,
        linger_s: Seconds = 0.0,
    ) -> None:
        self._start = start
        self._scheduler = scheduler
        self._linger_s = linger_s
        self._running: abc.DisposableBase | None = None
        self._lingering = SerialDisposable()
        self.holders = 0

    @property
    def running(self) -> bool:
        """Return whether it has been started and not stopped since."""
        return self._running is not None

    def hold(self) -> abc.DisposableBase:
        """Become a holder; disposing the result, once or more often, is leaving."""
        self.holders += 1
        self._lingering.disposable = Disposable()
        if self._running is None:
            # Whoever comes while it starts does not start it again, and it may stop before it has started.
            running = self._running = SingleAssignmentDisposable()
            running.disposable = self._start()
        return Disposable(self._leave)

    def _leave(self) -> None:
        self.holders -= 1
        if self.holders:
            return
        linger_s = seconds_of(self._linger_s)
        if linger_s > 0 and self._scheduler is not None:
            self._lingering.disposable = self._scheduler.schedule_relative(linger_s, self.stop)
        else:
            self.stop()

    def stop(self, *_: Any) -> None:
        """Dispose what runs, now; the next holder starts it anew."""
        running, self._running = self._running, None
        if running is not None:
            running.dispose()
