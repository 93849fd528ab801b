"""Marble tests: streams drawn as text, played in virtual time, compared as text.

::

    m = Marbles()
    keys = m.hot("-a-b------c-------")
    hits = m.cold("--(r|)")
    m.expect(keys.pipe(search(lambda _: hits)), "^ 19ms !").to_be("---r")
    m.expect_subscriptions(hits).to_be("-^-!")
    m.flush()
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SingleAssignmentDisposable

from streams.core.subjects import LoopSubject
from streams.testing.drawing import difference, draw_events, draw_spans
from streams.testing.syntax import Event, MarbleError, Span, parse, parse_span
from streams.testing.virtual_time import Overrun, VirtualScheduler

__all__ = ["Event", "MarbleError", "Marbles", "MarblesDiffer", "Overrun", "Span"]


class MarblesDiffer(AssertionError):
    """What happened is not what was drawn."""


class Recorded(Protocol):
    """A source that remembers who was subscribed, and when."""

    spans: list[Span]


class ColdSource(Observable[Any]):
    """Plays its diagram to each subscriber, from the moment of its subscription."""

    def __init__(self, scheduler: VirtualScheduler, events: list[Event]) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self._scheduler = scheduler
        self._events = events

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        parts = CompositeDisposable(_note_span(self.spans, self._scheduler))
        for event in self._events:
            parts.add(self._scheduler.schedule_relative(event.frame / 1_000, _teller(observer, event)))
        return parts


class HotSource(LoopSubject[Any]):
    """Plays its diagram once, whether anybody listens or not."""

    def __init__(self, scheduler: VirtualScheduler, events: list[Event]) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self._scheduler = scheduler
        self._events = events

    def _subscribe_core(
        self, observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        noted = _note_span(self.spans, self._scheduler)
        return CompositeDisposable(super()._subscribe_core(observer, scheduler), noted)

    def arrange(self) -> None:
        """Put all that will happen on the scheduler; what lies before frame 0 nobody can hear."""
        for event in self._events:
            if event.frame >= 0:
                self._scheduler.schedule_relative(event.frame / 1_000, _teller(self, event))


def _note_span(spans: list[Span], scheduler: VirtualScheduler) -> abc.DisposableBase:
    index = len(spans)
    spans.append(Span(scheduler.frame))

    def end() -> None:
        if spans[index].end is None:
            spans[index] = Span(spans[index].start, scheduler.frame)

    return Disposable(end)


def _teller(observer: abc.ObserverBase[Any], event: Event) -> Callable[..., None]:
    def tell(*_: Any) -> None:
        if event.kind == "next":
            observer.on_next(event.value)
        elif event.kind == "error":
            observer.on_error(event.value)
        else:
            observer.on_completed()

    return tell


class Marbles:
    """One test in virtual time; draw sources, expect drawings, then ``flush``.

    In one frame what was asked for first happens first: expectations in the order they were written,
    subscribing and unsubscribing before any source speaks, as in RxJS.
    """

    def __init__(self) -> None:
        self.scheduler = VirtualScheduler()
        self._hot: list[HotSource] = []
        self._checks: list[Callable[[], str | None]] = []
        self.flushed = True
        """Whether all that was expected has been compared."""

    def hot(self, diagram: str, values: Mapping[str, Any] | None = None, error: Any = None) -> HotSource:
        """Return a source that is under way; ``^`` is the moment the test begins."""
        source = HotSource(self.scheduler, parse(diagram, values, error, hot=True))
        self._hot.append(source)
        return source

    def cold(self, diagram: str, values: Mapping[str, Any] | None = None, error: Any = None) -> ColdSource:
        """Return a source that begins anew for each subscriber."""
        return ColdSource(self.scheduler, parse(diagram, values, error))

    def at(self, frame: float, action: Callable[[], object]) -> None:
        """Do something in a frame."""
        self.flushed = False
        self.scheduler.schedule_relative(frame / 1_000, lambda *_: _ignore(action()))

    def record(self, stream: Observable[Any], watched: str | None = None) -> list[Event]:
        """Return a list that fills, while the test is played, with what ``stream`` says."""
        events: list[Event] = []
        span = parse_span(watched)
        self.flushed = False
        subscription = SingleAssignmentDisposable()

        def say(event: Event) -> None:
            events.append(event)

        def begin(*_: Any) -> None:
            subscription.disposable = stream.subscribe(
                lambda value: say(Event(self.scheduler.frame, "next", value)),
                lambda error: say(Event(self.scheduler.frame, "error", error)),
                lambda: say(Event(self.scheduler.frame, "completed")),
            )

        self.scheduler.schedule_relative(span.start / 1_000, begin)
        if span.end is not None:
            self.scheduler.schedule_relative(span.end / 1_000, lambda *_: subscription.dispose())
        return events

    def expect(self, stream: Observable[Any], watched: str | None = None) -> "Expectation":
        """Expect something of a stream, subscribed to as the subscription diagram ``watched`` says."""
        return Expectation(self, self.record(stream, watched))

    def expect_subscriptions(self, source: Recorded) -> "SubscriptionExpectation":
        """Expect something of who was subscribed to a drawn source, and when."""
        return SubscriptionExpectation(self, source)

    def check(self, check: Callable[[], str | None]) -> None:
        """Have ``check`` called after the test is played; what it returns is what went wrong."""
        self.flushed = False
        self._checks.append(check)

    def flush(self) -> None:
        """Play the test and compare; raises one ``MarblesDiffer`` that draws all that differs."""
        __tracebackhide__ = True
        self.flushed = True
        for source in self._hot:
            source.arrange()
        self._hot.clear()
        self.scheduler.run()
        checks, self._checks = self._checks, []
        found = [text for check in checks if (text := check()) is not None]
        if found:
            raise MarblesDiffer("\n".join(found))


class Expectation:
    """What a stream should say."""

    def __init__(self, marbles: Marbles, actual: list[Event]) -> None:
        self._marbles = marbles
        self._actual = actual

    def to_be(self, diagram: str, values: Mapping[str, Any] | None = None, error: Any = None) -> None:
        """Expect the diagram; letters stand for ``values``, ``#`` for ``error``, which may be a type."""
        self._compare(parse(diagram, values, error), values)

    def to_equal(self, other: Observable[Any], watched: str | None = None) -> None:
        """Expect the same as another stream says."""
        self._compare(self._marbles.record(other, watched), None)

    def _compare(self, expected: list[Event], values: Mapping[str, Any] | None) -> None:
        def check() -> str | None:
            alike = len(expected) == len(self._actual) and all(
                left.frame == right.frame
                and left.kind == right.kind
                and difference(left.value, right.value) is None
                for left, right in zip(expected, self._actual, strict=True)
            )
            return None if alike else "marbles differ\n" + draw_events(expected, self._actual, values)

        self._marbles.check(check)


class SubscriptionExpectation:
    """When a source should have been subscribed to."""

    def __init__(self, marbles: Marbles, source: Recorded) -> None:
        self._marbles = marbles
        self._source = source

    def to_be(self, *diagrams: str) -> None:
        """Expect one subscription for each diagram, in order of their beginning; none for none."""
        expected = [parse_span(diagram) for diagram in diagrams]

        def check() -> str | None:
            actual = self._source.spans
            return None if expected == actual else "subscriptions differ\n" + draw_spans(expected, actual)

        self._marbles.check(check)


def _ignore(_: object) -> None:
    """Keep what an action returns from being taken for something to dispose."""
