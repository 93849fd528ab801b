"""A log without a server: lines that a test says, and pages of older ones."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import reactivex as rx
from reactivex import Observable
from reactivex.subject import Subject

from streams.model.failures import Failure
from streams.model.log_match import matcher
from streams.model.logs import LogFilter, LogLine, LogPage
from streams.model.vocabulary import LogLevel as L
from streams.model.vocabulary import LogSource as S
from streams.ports.logs import LogChange, LogStreams, key_of

PAGE = 500
SAID = (
    (L.INFO, S.SERVER, "run finished", {"client": "web-03", "run": "8812", "files": "1204"}),
    (L.DEBUG, S.SERVER, "answered", {"method": "GET", "path": "/api/clients", "status": "200"}),
    (L.INFO, S.SERVER, "client online", {"client": "lab-printer"}),
    (L.WARNING, S.DATABASE, "slow statement", {"seconds": "0.412", "sql": "SELECT … FROM files"}),
    (L.INFO, S.DATABASE, "checkpoint", {"pages": "212", "moved": "212", "held_up": "False"}),
    (L.INFO, S.SERVER, "run started", {"client": "db-02", "run": "8813", "trigger": "schedule"}),
    (L.INFO, S.CONSOLE, "settings changed", {"file": "tidewatch.toml"}),
    (
        L.ERROR, S.SERVER, "run finished",
        {"client": "mail-gw", "run": "8809", "state": "failed", "reason": "disk full at client"},
    ),
)  # fmt: skip


class FakeLogs:
    """``say`` pushes lines to whoever looks; what was said before is there in pages."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = count(1)
        self._past: list[LogLine] = []
        self._lines_to_make = 0
        self._filled_at = now()
        self.filters: list[LogFilter] = []
        self.asked_older = 0
        self.failure: Failure | None = None
        self.as_of: datetime | None = None
        self.loading = False
        self._said: Subject[LogChange] = Subject()

    @property
    def streams(self) -> LogStreams:
        """What a view is given."""
        return LogStreams(lines=self._lines, page=self._page, own=lambda _wanted: ())

    def line(self, index: int, at: datetime) -> LogLine:
        """One line of a day like any other."""
        number = next(self._numbers)
        level, source, message, fields = SAID[index % len(SAID)]
        run = fields.get("run")
        return LogLine(
            id=number,
            at=at,
            level=level,
            source=source,
            logger="app.server.event_log",
            message=message,
            fields=fields,
            client_id=f"id-{fields['client']}" if "client" in fields else None,
            run_id=int(run) if run else None,
            correlation_id=f"correlation-{run}" if run else None,
        )

    def fill(self, lines: int = 3000) -> None:
        """Have a past: a line a second up to now, with a busy minute in it."""
        self._past, self._lines_to_make, self._filled_at = [], lines, self._now()

    @property
    def past(self) -> list[LogLine]:
        """What has been said, oldest first; made when somebody looks, which most tests do not."""
        lines, self._lines_to_make = self._lines_to_make, 0
        start = self._filled_at - timedelta(seconds=lines)
        self._past += [
            self.line(
                i // 7 if 0 < i % 900 < 60 else i * 5 % len(SAID) if i % 3 else 0,
                start + timedelta(seconds=i, milliseconds=i * 37 % 1000),
            )
            for i in range(lines)
        ]
        return self._past

    @past.setter
    def past(self, lines: list[LogLine]) -> None:
        self._past, self._lines_to_make = lines, 0

    def say(self, *lines: LogLine, dropped: int = 0) -> None:
        """Say lines now."""
        self.past += lines
        self.past.sort(key=key_of)
        said = LogChange(lines, dropped=dropped, more=True, failure=self.failure, as_of=self.as_of)
        self._said.on_next(said)

    def fail(self, failure: Failure) -> None:
        """The server's lines do not come any more, from now on; the console's own do."""
        self.failure, self.as_of = failure, self._now() if self.past else None
        self._said.on_next(LogChange(failure=failure, loaded=bool(self.past), as_of=self.as_of))

    def _page(self, wanted: LogFilter, before: int | None) -> Observable[LogPage]:
        matches = matcher(wanted)
        found = [x for x in self.past if matches(x) and (before is None or x.id < before)]
        lines = tuple(reversed(found[-PAGE:]))
        return rx.of(LogPage(lines=lines, next_before=lines[-1].id if len(found) > PAGE else None))

    def _lines(self, wanted: LogFilter, more_stream: Observable[None]) -> Observable[LogChange]:
        self.filters.append(wanted)
        matches = matcher(wanted)

        def subscribe(observer: rx.abc.ObserverBase[LogChange], _: object = None) -> rx.abc.DisposableBase:
            found = [line for line in self.past if matches(line)]
            start = max(0, len(found) - PAGE)
            observer.on_next(LogChange(full=True, loaded=False))
            if self.failure is not None:
                observer.on_next(LogChange(failure=self.failure, loaded=False))
            elif not self.loading:
                observer.on_next(LogChange(tuple(found[start:]), more=start > 0))

            def older(_: None) -> None:
                nonlocal start
                self.asked_older += 1
                end, start = start, max(0, start - PAGE)
                observer.on_next(LogChange(tuple(found[start:end]), more=start > 0))

            def said(change: LogChange) -> None:
                lines = tuple(line for line in change.lines if matches(line))
                observer.on_next(replace(change, lines=lines, more=start > 0))

            return rx.disposable.CompositeDisposable(more_stream.subscribe(older), self._said.subscribe(said))

        return rx.create(subscribe)
