"""Numbers of log lines and audit rows: one rising row for both, whatever the clock does.

They are microseconds of the clock, so that they go on rising after a restart too, or one more than the last
where the clock was set back. Without that all older lines of the log would be hidden behind newer ones.
"""

import threading
import time
from collections.abc import Callable


class LineNumbers:
    """Gives out rising numbers; from any thread."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._last = 0
        self._lock = threading.Lock()

    def next(self, at_least: int = 0) -> int:
        """Return the next number, which is not below ``at_least``."""
        with self._lock:
            self._last = max(self._last + 1, self._now_ns() // 1000, at_least)
            return self._last

    def go_on_after(self, number: int) -> None:
        """Give out higher numbers than this one from now on."""
        with self._lock:
            self._last = max(self._last, number)


LINE_NUMBERS = LineNumbers()
"""Of this process."""
