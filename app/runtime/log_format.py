"""Log lines for people: what a terminal shows in the place of JSON."""

import os
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any, Final

from streams.model.safe_text import terminal_text

_WORDS = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_PLAIN = re.compile(r"[^\s=\"']+")
EVENT_WIDTH: Final = 28
"""Room of the event, so that what follows begins at one place."""
_DIM, _CYAN, _END = "\x1b[2m", "\x1b[36m", "\x1b[0m"
_LEVELS: Final = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}


def wants_colors() -> bool:
    """Whether a terminal may be written to in colours; see no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class LineRenderer:
    """Writes ``2026-03-11 14:02:11  warning  disk nearly full  free=1 MiB  app.server.services``.

    ``hide`` takes the secrets out of a trace; those of the fields are out already. Nothing that was said can
    move the cursor or colour the terminal: what cannot be printed is written as an escape.
    """

    def __init__(self, *, colors: bool, hide: Callable[[str], str]) -> None:
        self._colors, self._hide = colors, hide

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> str:
        """Return the line of ``entry``, and the trace of its exception below."""
        at, level = _moment(entry.pop("timestamp", None)), str(entry.pop("level", ""))
        event, name = _event(entry.pop("event", "")), str(entry.pop("logger", ""))
        failure, told = entry.pop("exc_info", None), entry.pop("exception", None)
        parts = [
            self._in(_DIM, at),
            self._in(_LEVELS.get(level, ""), f"{level:<8}"),
            f"{event:<{EVENT_WIDTH}}",
            *(f"{self._in(_CYAN, terminal_text(key))}={_value(value)}" for key, value in entry.items()),
            self._in(_DIM, terminal_text(name)),
        ]
        trace = trace_of(failure) or str(told or "")
        below = "".join(f"\n{terminal_text(line)}" for line in self._hide(trace).splitlines())
        return "  ".join(part for part in parts if part) + below

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{_END}" if self._colors and style and text else text


def _moment(stamp: object) -> str:
    """Return the time of the clocks here; of what has no time none."""
    return f"{datetime.fromisoformat(str(stamp)).astimezone():%Y-%m-%d %H:%M:%S}" if stamp else ""


def _event(event: object) -> str:
    text = str(event)
    return text.replace("_", " ") if _WORDS.fullmatch(text) else terminal_text(text)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else repr(text)


def trace_of(failure: Any) -> str:
    """Return the trace of ``exc_info``: an exception, its three parts, or True for the present one.

    It is without the values of local variables; secrets in its texts are still there.
    """
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, BaseException):
        return "".join(traceback.format_exception(failure))
    if isinstance(failure, tuple) and failure[0] is not None:
        return "".join(traceback.format_exception(*failure))
    return ""
