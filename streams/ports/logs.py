"""Log lines as the screen gets them: changes of one list in order of time, whoever said them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import reactivex as rx
from reactivex import Observable

from streams.model.failures import Failure
from streams.model.logs import LogFilter, LogLine, LogPage
from streams.model.vocabulary import LogSource

LineKey = tuple[datetime, bool, int]
"""Where a line stands among all others; no two lines have the same."""


def key_of(line: LogLine) -> LineKey:
    """Return where a line stands."""
    return (line.at, line.source is LogSource.CONSOLE, line.id)


@dataclass(frozen=True, slots=True)
class LogChange:
    """What came since the last change."""

    lines: tuple[LogLine, ...] = ()
    """In order of time among themselves; they may lie anywhere among those known, or be known already."""
    full: bool = False
    """These replace all that was known: something between lies too far back."""
    dropped: int = 0
    """Lines that were said meanwhile but could not be kept up with."""
    loaded: bool = True
    """Whether there is an answer to show, be it empty."""
    more: bool = False
    """Whether older lines can be asked for."""
    failure: Failure | None = None
    """Why the server's lines do not come."""
    as_of: datetime | None = None
    """When the server last said what there is; None where it has not been asked, or has never answered."""

    def merge(self, later: "LogChange") -> "LogChange":
        """Return one change that does what this one and then ``later`` do."""
        if later.full:
            lines, full = later.lines, True
        else:
            in_order = not self.lines or not later.lines or key_of(self.lines[-1]) < key_of(later.lines[0])
            lines, full = self.lines + later.lines, self.full
            if not in_order:
                lines = tuple(sorted(lines, key=key_of))
        dropped = self.dropped + later.dropped
        return LogChange(lines, full, dropped, later.loaded, later.more, later.failure, later.as_of)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What this process said just now."""

    lines: tuple[LogLine, ...]
    lost: int = 0


class OwnLog(Protocol):
    """What the console itself says."""

    def newest(self) -> tuple[LogLine, ...]:
        """The newest lines, oldest first."""
        ...

    @property
    def spoken(self) -> Observable[Spoken]:
        """Lines as they are said; hot."""
        ...


class SilentLog:
    """The log of a console that says nothing."""

    def newest(self) -> tuple[LogLine, ...]:
        """No lines."""
        return ()

    @property
    def spoken(self) -> Observable[Spoken]:
        """Nothing, ever."""
        return rx.never()


@dataclass(frozen=True, slots=True)
class LogStreams:
    """The log of console, server and database."""

    lines: Callable[[LogFilter, Observable[None]], Observable[LogChange]]
    """The lines a filter lets through, followed live; a value of the second stream asks for older ones."""
    page: Callable[[LogFilter, int | None], Observable[LogPage]]
    """One page of the server's lines, newest first; for an export of all of them."""
    own: Callable[[LogFilter], tuple[LogLine, ...]]
    """The console's own lines that a filter lets through, oldest first."""
