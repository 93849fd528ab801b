"""Log lines: the server's by page and by frame, the console's own, merged in order of time."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, SerialDisposable

from streams.model.base import utc_now
from streams.model.events import LogFrame
from streams.model.failures import Failure, as_failure
from streams.model.log_match import matcher
from streams.model.logs import LogFilter, LogLine, LogPage, id_at
from streams.model.vocabulary import LogSource, Topic
from streams.operators.results import Failed, Ok
from streams.ports.logs import LogChange, LogStreams, OwnLog, Spoken, key_of
from streams.sources.feed import FeedItem, Lost, Synced
from streams.sources.reading import Reading
from streams.state.environment import Began, not_before

SERVER_SIDE = frozenset({LogSource.SERVER, LogSource.DATABASE, LogSource.AUDIT})
FEW_LINES = 40
"""With fewer of them older ones are asked for at once: a question looks at a part of the log only."""
MAX_EARLY = 10_000
MIN_SHIFT_S = 1.0
"""Clocks that differ by less are taken as one; correcting by what is merely measured would shuffle lines."""

FetchPage = Callable[[LogFilter, int | None], Observable[LogPage]]
"""Asks for the lines before an id, the newest for None."""


def log_lines(
    wanted: LogFilter,
    more_stream: Observable[None],
    fetch: FetchPage,
    own: OwnLog,
    reading: Reading,
    *,
    now: Callable[[], datetime] = utc_now,
    began: Began = not_before,
) -> Observable[LogChange]:
    """The lines that a filter lets through.

    Source:  GET /api/logs at once, every ``background_s`` and after each gap; log frames of the WebSocket;
             what this process says; and a page further back for each value of ``more_stream``.
    Emits:   a change at once, then on each batch of new or older lines and each failure.
    Shape:   up to 500 lines a change; some thousand lines a second.
    Sharing: none.
    Errors:  WrongExpression at the call; what goes wrong outside is LogChange.failure, and the console's own
             lines come all the same.
    """
    matches = matcher(wanted)
    asks_server = not wanted.sources.isdisjoint(SERVER_SIDE)

    def subscribe(
        observer: abc.ObserverBase[LogChange], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        gather = Gather(matches, own, reading.ours, asks_server=asks_server, now=now, began=began)
        older = SerialDisposable()
        busy = False

        def tell(change: LogChange | None) -> None:
            if change is not None:
                observer.on_next(change)
            if gather.found_few_yet:
                ask_older()

        def ask_older(*_: object) -> None:
            nonlocal busy
            before = gather.next_before
            if busy or before is None:
                return
            busy = True

            def on_page(page: LogPage) -> None:
                nonlocal busy
                busy = False
                tell(gather.older(page))

            def on_error(error: Exception) -> None:
                nonlocal busy
                busy = False
                observer.on_next(gather.failed(error))

            older.disposable = fetch(wanted, before).subscribe(on_page, on_error)

        parts = CompositeDisposable(older)
        observer.on_next(gather.begin())
        if LogSource.CONSOLE in wanted.sources:
            parts.add(own.spoken.subscribe(lambda said: tell(gather.said(said)), observer.on_error))
        if asks_server:
            parts.add(more_stream.subscribe(ask_older, observer.on_error))
            heard = reading.polled(
                lambda: (lambda: fetch(wanted, None), gather.read, gather.on_event),
                reading.background_s,
                Topic.LOGS,
            )
            parts.add(heard.subscribe(tell, observer.on_error))
        return parts

    return Observable(subscribe)


def log_streams(fetch: FetchPage, own: OwnLog, reading: Reading, began: Began = not_before) -> LogStreams:
    """Return the log as the screen gets it."""

    def own_lines(wanted: LogFilter) -> tuple[LogLine, ...]:
        matches, shift = matcher(wanted), shift_of(reading.ours, utc_now())
        return tuple(line for line in shifted(own.newest(), shift) if matches(line))

    return LogStreams(
        lines=lambda wanted, more_stream: log_lines(wanted, more_stream, fetch, own, reading, began=began),
        page=fetch,
        own=own_lines,
    )


def shift_of(ours: Callable[[datetime], datetime], here: datetime) -> timedelta:
    """Return how far the server's clock is ahead of this one, nothing where that is little."""
    ahead = here - ours(here)
    return ahead if abs(ahead.total_seconds()) >= MIN_SHIFT_S else timedelta()


def shifted(lines: Iterable[LogLine], shift: timedelta) -> list[LogLine]:
    """Return own lines with the times that the server's clock has shown: one clock for the whole log."""
    if not shift:
        return list(lines)
    return [msgspec.structs.replace(line, at=line.at + shift) for line in lines]


class Gather:
    """What is known of the log so far, and what of each piece of news is new."""

    def __init__(
        self,
        matches: Callable[[LogLine], bool],
        own: OwnLog,
        ours: Callable[[datetime], datetime],
        *,
        asks_server: bool,
        now: Callable[[], datetime],
        began: Began,
    ) -> None:
        self._matches, self._own, self._ours, self._now = matches, own, ours, now
        self._began = began
        self._asks_server = asks_server
        self._loaded = not asks_server
        self._failure: Failure | None = None
        self._as_of: datetime | None = None
        self._live = False
        self._known_upto = -1
        """Every line of the server up to this id, and not below the oldest page, is known."""
        self._newest = -1
        self._found = 0
        """Lines that the pages had so far."""
        self._shift = shift_of(ours, now())
        """What has to be added to the times of own lines."""
        self._held: list[LogLine] = []
        """Own lines from before the oldest page: they would stand where lines of the server are missing."""
        self._early: deque[LogLine] = deque(maxlen=MAX_EARLY)
        """Lines that were told live while no page was known to which they join; the next may have them."""
        self.next_before: int | None = None
        self._reach = 0
        """Down to where lines are known, as an id that was given out by the clock."""

    @property
    def found_few_yet(self) -> bool:
        """Whether the pages had less than fills a screen, but older ones may have more."""
        fine = self._loaded and self._failure is None
        return fine and self._found < FEW_LINES and self.next_before is not None

    def begin(self) -> LogChange:
        """Return what is known at once: this console's own lines, unless the server's have to come first."""
        lines = self._own_lines(self._own.newest())
        if self._asks_server:
            self._held = lines
            lines = []
        return self._change(lines, full=True)

    def said(self, said: Spoken) -> LogChange | None:
        """Take what this console says."""
        lines = self._own_lines(said.lines)
        if not self._loaded and self._failure is None:
            self._held += lines
            return None
        return self._change(lines, dropped=said.lost) if lines or said.lost else None

    def read(self, answer: Ok[LogPage] | Failed) -> LogChange:
        """Take an answer of the server, or a failure."""
        return self._newest_page(answer.value) if isinstance(answer, Ok) else self.failed(answer.error)

    def on_event(self, item: FeedItem) -> LogChange | None:
        """Take what the event socket says."""
        match item:
            case LogFrame():
                return self._frame(item)
            case Synced() | Lost():
                # What comes from here on does not join what is known, until the next page has closed the gap.
                self._live = False
            case _:
                pass  # of other topics
        return None

    def older(self, page: LogPage) -> LogChange:
        """Take a page from before all that is known."""
        self._reach_back(page)
        self._found += len(page.lines)
        return self._change([*page.lines, *self._release()])

    def failed(self, error: Exception) -> LogChange:
        """Take a failure of the server; what this console says is shown all the same."""
        since = self._failure.since if self._failure is not None else self._began(error) or self._now()
        self._failure = as_failure(error, since=since)
        lines: list[LogLine] = []
        if not self._loaded:
            lines, self._held = self._held, []
        return self._change(lines)

    def _newest_page(self, page: LogPage) -> LogChange:
        self._failure, self._as_of = None, self._now()
        first = not self._loaded
        # The page reaches back to its last line, or as far as the question has looked.
        reach = -1 if page.next_before is None else page.next_before
        gap = not first and reach > self._known_upto + 1
        if first or gap:
            self._loaded = True
            self._reach_back(page)
            self._found = len(page.lines)
            self._shift = shift_of(self._ours, self._now())
            self._held = self._own_lines(self._own.newest())
        fresh = self._fresh(page, first=first, gap=gap)
        self._newest = max([self._newest, *(line.id for line in page.lines)])
        self._known_upto, self._live = self._newest, True
        return self._change([*fresh, *self._release()], full=gap)

    def _fresh(self, page: LogPage, *, first: bool, gap: bool) -> list[LogLine]:
        """Return the lines of a page that were not told yet; all of what is known where it stands alone."""
        early, self._early = self._early, deque(maxlen=MAX_EARLY)
        if gap:
            listed = {line.id for line in page.lines}
            return [*page.lines, *(line for line in early if line.id not in listed)]
        told = {line.id for line in early}
        lines = (line for line in page.lines if line.id not in told)
        return [line for line in lines if first or line.id > self._known_upto]

    def _frame(self, frame: LogFrame) -> LogChange | None:
        if frame.lines:
            self._newest = max(self._newest, frame.lines[-1].id)
            if self._live:
                self._known_upto, self._as_of = self._newest, self._now()
        matching = [line for line in frame.lines if self._matches(line)]
        if not self._live:
            self._early += matching
        return self._change(matching, dropped=frame.dropped) if matching or frame.dropped else None

    def _own_lines(self, lines: Iterable[LogLine]) -> list[LogLine]:
        """Return what this console said and the filter lets through, by the server's clock."""
        return [line for line in shifted(lines, self._shift) if self._matches(line)]

    def _release(self) -> list[LogLine]:
        """Return the own lines that stand above the oldest page now."""
        if self.next_before is None:
            free, self._held = self._held, []
            return free
        free = [line for line in self._held if id_at(line.at) >= self._reach]
        self._held = [line for line in self._held if id_at(line.at) < self._reach]
        return free

    def _reach_back(self, page: LogPage) -> None:
        self.next_before = page.next_before
        reach = page.next_before or 0
        # After a clock was set back ids are ahead of the times of their lines.
        self._reach = min(reach, id_at(page.lines[-1].at)) if page.lines else reach

    def _change(self, lines: list[LogLine], *, full: bool = False, dropped: int = 0) -> LogChange:
        return LogChange(
            lines=tuple(sorted(lines, key=key_of)),
            full=full,
            dropped=dropped,
            loaded=self._loaded,
            more=self.next_before is not None,
            failure=self._failure,
            as_of=self._as_of,
        )
