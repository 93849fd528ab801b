"""A tap on the log of this process: each line as a record, handed to the loop in batches, never waiting."""

import asyncio
import itertools
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from app.runtime.line_numbers import LINE_NUMBERS
from app.runtime.log_format import trace_of
from app.runtime.logging import clean, hide_secrets
from streams.model.logs import LogLine
from streams.model.vocabulary import LogLevel, LogSource

DATABASE_LOGGERS = ("app.catalogue", "app.database", "sqlalchemy", "aiosqlite", "alembic")
"""What is said by these is said by the database."""
MAX_FIELDS = 24
LONGEST_FIELD = 600
LONGEST_TRACE = 8000
LONGEST_MESSAGE = 2000
MAX_ID = 2**63
WAITING_LINES = 5000
"""Lines that wait for a loop that is busy; the oldest go first and are counted."""

_WORDS = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_CLIENT_ID = re.compile(r"[0-9a-f-]{32,36}")
_NOT_FIELDS = frozenset(
    {"event", "level", "logger", "timestamp", "exc_info", "stack_info", "_record", "_from_structlog"}
)
_LEVELS = (
    (logging.ERROR, LogLevel.ERROR),
    (logging.WARNING, LogLevel.WARNING),
    (logging.INFO, LogLevel.INFO),
)

Take = Callable[[tuple[LogLine, ...], int], None]
"""Takes lines in the order they were said, and how many were lost before them."""


class LogTap(logging.Handler):
    """Makes a record of every line of this process; ``take`` gets them on the loop."""

    def __init__(self, own: LogSource, take: Take, *, leave_out: tuple[str, ...] = ()) -> None:
        super().__init__(logging.DEBUG)
        self._own, self._take, self._leave_out = own, take, leave_out
        self._loop = asyncio.get_running_loop()
        self._lines: deque[LogLine] = deque()
        self._lost = 0
        self._woken = False
        self._filling = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line, from whatever thread says it."""
        if record.name.startswith(self._leave_out):
            return
        try:
            line = line_of(record, self._own, LINE_NUMBERS.next())
        except Exception:  # noqa: BLE001  (the program must not fail because of what it says)
            self.handleError(record)
            return
        with self._filling:
            self._lines.append(line)
            if len(self._lines) > WAITING_LINES:
                self._lines.popleft()
                self._lost += 1
            if self._woken:
                return
            self._woken = True
        with suppress(RuntimeError):  # the loop has ended; nobody reads any more
            self._loop.call_soon_threadsafe(self.hand_on)

    def hand_on(self) -> None:
        """Hand on what waits; on the loop."""
        with self._filling:
            lines, self._lines = tuple(self._lines), deque()
            lost, self._lost = self._lost, 0
            self._woken = False
        if lines or lost:
            self._take(lines, lost)

    @contextmanager
    def listening(self) -> Generator["LogTap"]:
        """Hear what is said during a block."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield self
        finally:
            root.removeHandler(self)
            self.hand_on()


def line_of(record: logging.LogRecord, own: LogSource, number: int) -> LogLine:
    """Return a line of structlog or of the standard library as a record, without secrets."""
    if isinstance(record.msg, Mapping):
        said: dict[str, Any] = dict(record.msg)
    else:
        said = {"event": record.getMessage(), **structlog.contextvars.get_contextvars()}
    failure = said.get("exc_info") or record.exc_info
    event = str(clean(str(said.get("event", ""))))
    fields = {k: v for k, v in said.items() if k not in _NOT_FIELDS and v is not None and v != ""}
    hide_secrets(None, "", fields)
    ids = _Ids(fields)
    texts = {_sound(name): _text(value) for name, value in itertools.islice(fields.items(), MAX_FIELDS)}
    trace = _trace(failure)
    if trace:
        texts["exception"] = trace
    event = _sound(event)
    return LogLine(
        id=number,
        at=datetime.fromtimestamp(record.created, UTC),
        level=next((level for least, level in _LEVELS if record.levelno >= least), LogLevel.DEBUG),
        source=LogSource.DATABASE if record.name.startswith(DATABASE_LOGGERS) else own,
        logger=_sound(record.name),
        message=event.replace("_", " ") if _WORDS.fullmatch(event) else event[:LONGEST_MESSAGE],
        fields=texts,
        client_id=ids.client_id,
        run_id=ids.run_id,
        file_id=ids.file_id,
        correlation_id=ids.correlation_id,
    )


class _Ids:
    """What a line is about; taken out of its fields where a name stands beside the id."""

    def __init__(self, fields: dict[str, Any]) -> None:
        client = fields.pop("client_id", None)
        if client is None and _CLIENT_ID.fullmatch(str(fields.get("client", ""))):
            client = fields["client"]
        self.client_id = None if client is None else _sound(str(client))
        self.run_id = _number(fields.get("run") or fields.get("run_id"))
        self.file_id = _number(fields.get("file_id"))
        correlation = fields.pop("correlation_id", None) or fields.get("request_id")
        self.correlation_id = None if correlation is None else _sound(str(correlation))


def _number(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_ID
    return value if fits else None


def _sound(text: str) -> str:
    """Return text that can be written as UTF-8: a name of a file that is none would cost a whole batch."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    text = _sound(text[: LONGEST_FIELD + 1])
    return text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]} …"


def _trace(failure: Any) -> str:
    text = _sound(str(clean(trace_of(failure))))
    return text if len(text) <= LONGEST_TRACE else f"… {text[-LONGEST_TRACE:]}"
