"""The console's own log lines, kept for its log view; implements ``streams.ports.logs.OwnLog``."""

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from reactivex import Observable

from app.runtime.log_handler import LogTap
from streams.core.subjects import LoopSubject
from streams.model.logs import LogLine
from streams.model.vocabulary import LogSource
from streams.ports.logs import Spoken

KEPT_LINES = 5000


class ConsoleLog:
    """The newest lines of this process, in bounded memory."""

    def __init__(self) -> None:
        self._kept: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self._spoken_subject: LoopSubject[Spoken] = LoopSubject()

    @contextmanager
    def listening(self) -> Generator["ConsoleLog"]:
        """Hear what this process says during a block."""
        with LogTap(LogSource.CONSOLE, self._take).listening():
            yield self

    def newest(self) -> tuple[LogLine, ...]:
        """The newest lines, oldest first."""
        return tuple(self._kept)

    @property
    def spoken(self) -> Observable[Spoken]:
        """Lines as they are said; hot."""
        return self._spoken_subject

    def _take(self, lines: tuple[LogLine, ...], lost: int) -> None:
        self._kept.extend(lines)
        self._spoken_subject.on_next(Spoken(lines, lost))
