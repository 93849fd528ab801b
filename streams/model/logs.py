"""Log lines: what the parts of Tidewatch say of their work, and which of them somebody wants to see."""

from datetime import datetime, timedelta

from streams.model.base import Record
from streams.model.vocabulary import LogLevel, LogSource

PAGE_LINES = 500
"""Lines of one page, unless asked otherwise."""


class LogLine(Record, frozen=True, kw_only=True):
    """One line of a log, with its secrets taken out."""

    id: int
    """Rises within one process and over its restarts; a line of another process may have the same."""
    at: datetime
    level: LogLevel
    source: LogSource
    logger: str
    """The module that said it."""
    message: str
    fields: dict[str, str] = {}  # noqa: RUF012  (msgspec copies it)
    """What else it says, as text, in the order of the call."""
    client_id: str | None = None
    run_id: int | None = None
    file_id: int | None = None
    correlation_id: str | None = None
    """What all lines about one backup or one request share."""


class LogPage(Record, frozen=True, kw_only=True):
    """Lines, newest first, and the id before which the next page starts; None where there is no more."""

    lines: tuple[LogLine, ...]
    next_before: int | None = None


class LogFilter(Record, frozen=True, kw_only=True):
    """Which lines are wanted."""

    sources: frozenset[LogSource] = frozenset(LogSource)
    levels: frozenset[LogLevel] = frozenset(LogLevel) - {LogLevel.DEBUG}
    text: str = ""
    """Words that a line must contain, or ``/expression/``; the case does not matter."""
    client_id: str | None = None
    run_id: int | None = None
    correlation_id: str | None = None
    until: datetime | None = None
    """No line after this; None follows the present."""


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def id_at(moment: datetime) -> int:
    """Return the least id that a line said at ``moment`` can have."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
