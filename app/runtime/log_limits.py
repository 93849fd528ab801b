"""Log lines that repeat: what an outsider can cause, and one for each content of a store that is lost."""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog

EVERY_S = 60.0
FOR_EACH = 100
"""Lines a minute where each tells of another thing, such as a content; the catalogue knows the rest."""
MAX_MESSAGES = 256
"""Messages that the filter remembers at most."""


class LimitedLog:
    """Writes an event at once, then again after a minute at the earliest, with the number left out.

    With ``most`` it writes so many of an event in each minute, the first of the next one with that number.
    One entry is kept for each event name: names are ours, so memory is bounded whatever comes from outside.
    """

    def __init__(
        self,
        log: structlog.stdlib.BoundLogger,
        *,
        most: int = 1,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._most, self._every_s, self._clock = log, most, every_s, clock
        self._next_at: dict[str, float] = {}
        self._written: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def info(self, event: str, *, key: str = "", **fields: Any) -> None:
        """Log at level info; events with different keys, which are words of ours, count apart."""
        self._write(self._log.info, event, key, fields)

    def warning(self, event: str, *, key: str = "", **fields: Any) -> None:
        """Log at level warning."""
        self._write(self._log.warning, event, key, fields)

    def error(self, event: str, *, key: str = "", **fields: Any) -> None:
        """Log at level error."""
        self._write(self._log.error, event, key, fields)

    def _write(self, write: Callable[..., None], event: str, key: str, fields: dict[str, Any]) -> None:
        now, kept = self._clock(), f"{event} {key}"
        if now >= self._next_at.get(kept, now):
            self._next_at[kept] = now + self._every_s
            self._written[kept] = 0
        if self._written[kept] >= self._most:
            self._left_out[kept] = self._left_out.get(kept, 0) + 1
            return
        self._written[kept] += 1
        left_out = self._left_out.pop(kept, 0)
        if left_out:
            fields["left_out"] = left_out
        write(event, **fields)


class RepeatFilter(logging.Filter):
    """Lets a message of a library pass once a minute.

    ``asyncio`` logs ``socket.accept() out of system resource`` once for each place of the backlog and again
    each second, which fills a disk while no file can be opened.
    """

    def __init__(self, *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s, self._clock = every_s, clock
        self._next_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the message was not logged within the last minute."""
        key, now = str(record.msg).partition("\n")[0][:200], self._clock()
        if now < self._next_at.get(key, now):
            return False
        if len(self._next_at) >= MAX_MESSAGES:
            self._next_at.clear()
        self._next_at[key] = now + self._every_s
        return True
