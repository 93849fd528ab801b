"""Shared parts of all sources: reading, its period, and how polling and the event socket work together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import reactivex as rx
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable, SerialDisposable

from streams.core.subjects import LoopSubject
from streams.core.types import Seconds
from streams.model.events import Event
from streams.model.vocabulary import Topic
from streams.operators.audit_time import audit_time
from streams.operators.backoff import Backoff
from streams.operators.listening import listen
from streams.operators.poll import poll
from streams.operators.results import Failed, Ok
from streams.sources.feed import Feed, FeedItem, Lost, Synced

B = TypeVar("B")
T = TypeVar("T")

Fetch = Callable[[], Observable[T]]
"""A question to the server, asked anew by each subscription."""

SYNC_S = 0.3
"""How long the first read waits for the event socket, so that one read is enough."""


@dataclass(frozen=True, slots=True)
class Numbered(Generic[T]):
    """An answer, and the number of the last event that is already in it."""

    epoch: str
    seq: int
    value: T


OnResponse = Callable[[Ok[T] | Failed], B | None]
"""What to make of an answer or a failure; None for nothing to say."""
OnEvent = Callable[[FeedItem], B | None]
"""What to make of what the feed says; None for nothing to say."""
SourceFactory = Callable[[], tuple[Fetch[T], OnResponse[T, B], OnEvent[B]]]
"""Called for each subscriber: returns what to ask, and what to make of all that comes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources read; the times are asked for each time, so that a changed setting takes effect."""

    scheduler: abc.SchedulerBase
    feed: Feed
    critical_s: Seconds = 5.0
    background_s: Seconds = 30.0
    timeout_s: Seconds = 4.0
    settle_s: Seconds = 0.25
    backoff: Callable[[int], float] = field(default_factory=Backoff)
    nudges: Observable[Any] = field(default_factory=rx.never)
    """Hints from elsewhere that something has changed; heard only while the event socket is down."""
    ours: Callable[[datetime], datetime] = lambda at: at
    """A time of the server as our clock would have shown it."""

    def polled(
        self,
        begin: SourceFactory[T, B],
        every_s: Seconds,
        *topics: Topic,
        again: Callable[[FeedItem], bool] | None = None,
    ) -> Observable[B]:
        """Read at once and then every ``every_s``, and on_event the topics meanwhile.

        The first read waits until the topics flow, if there is a connection, so that nothing falls between
        the two. It reads at once after a gap, and soon after an item that ``again`` says True to.
        """

        def subscribe(
            observer: abc.ObserverBase[B], _: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            fetch, answered, heard = begin()
            emit = observer.on_next  # looked up once, not for each event
            now_subject: LoopSubject[Any] = LoopSubject()
            soon_subject: LoopSubject[Any] = LoopSubject()
            polling = SerialDisposable()
            nudging = SerialDisposable()
            started = False

            def start(*_: Any) -> None:
                nonlocal started
                if started:
                    return
                started = True
                soon = soon_subject.pipe(audit_time(self.settle_s, scheduler=self.scheduler))
                polls = poll(
                    fetch,
                    every_s,
                    scheduler=self.scheduler,
                    timeout_s=self.timeout_s,
                    backoff=self.backoff,
                    refresh_stream=rx.merge(now_subject, soon),
                )
                polling.disposable = listen(polls, on_answer, observer.on_error, observer.on_completed)

            def on_answer(answer: Ok[T] | Failed) -> None:
                try:
                    result = answered(answer)
                except Exception as error:  # noqa: BLE001  (an operator hands on what its function raises)
                    observer.on_error(error)
                    return
                if result is not None:
                    emit(result)

            def on_item(item: FeedItem) -> None:
                try:
                    result = heard(item)
                except Exception as error:  # noqa: BLE001  (as above)
                    observer.on_error(error)
                    return
                if result is not None:
                    emit(result)
                if isinstance(item, Event):  # first: hundreds of them come a second
                    if again is not None and again(item):
                        soon_subject.on_next(item)
                elif isinstance(item, Synced | Lost):
                    lost = isinstance(item, Lost)
                    nudging.disposable = self.nudges.subscribe(soon_subject.on_next) if lost else Disposable()
                    if not started:
                        start()
                    elif isinstance(item, Synced):
                        now_subject.on_next(item)
                elif again is not None and again(item):
                    soon_subject.on_next(item)

            waiting = self.scheduler.schedule_relative(SYNC_S, start)
            frames = self.feed.frames(*topics)
            listening = listen(frames, on_item, observer.on_error, observer.on_completed)
            return CompositeDisposable(polling, nudging, waiting, listening)

        return Observable(subscribe)

    def queried(
        self, fetch: Fetch[T], topic: Topic, concerns: Callable[[Event], bool] = lambda _: True
    ) -> Observable[Ok[T] | Failed]:
        """Read at once, every ``background_s``, and soon after each event that concerns it."""

        return self.polled(
            lambda: (fetch, _as_it_is, _nothing),
            self.background_s,
            topic,
            again=lambda item: isinstance(item, Event) and concerns(item),
        )


def _as_it_is(answer: Ok[T] | Failed) -> Ok[T] | Failed:
    return answer


def _nothing(_: FeedItem) -> None:
    return None
