"""Listeners by topic of the event socket, and which of them must read everything before they trust it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from streams.model.events import DatabaseFrame, Event, LogFrame, ProgressFrame, StatusFrame, TransferFrame
from streams.model.vocabulary import Topic
from streams.sources.feed import FeedItem, Frame, Lost, Synced

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Listener:
    topics: frozenset[Topic]
    hear: Callable[[FeedItem], None]
    synced: bool = False


def _topics_of(
    frame: StatusFrame | ProgressFrame | TransferFrame | LogFrame | DatabaseFrame,
) -> tuple[Topic, ...]:
    match frame:
        case StatusFrame():
            return (Topic.STATUS,)
        case ProgressFrame():
            return (Topic.PROGRESS,)
        case TransferFrame():
            return (Topic.TRANSFERS,)
        case LogFrame():
            return (Topic.LOGS,)
        case DatabaseFrame():
            return (Topic.DATABASE,)


_FAILED = "feed_listener_failed"
_MAX_ROUTES = 64
"""So many sets of topics are remembered; it is the server that chooses them."""


class Listeners:
    """The sources that listen; ``on_changed`` is told when the union of their topics may have changed."""

    def __init__(self, on_changed: Callable[[], None]) -> None:
        self._on_changed = on_changed
        self._listeners: tuple[_Listener, ...] = ()
        self._routes: dict[tuple[Topic, ...], tuple[Callable[[FeedItem], None], ...]] = {}
        """What hears of any of some topics, worked out once for all frames about the same ones."""
        self._wanted: Counter[Topic] = Counter()
        self.connected = False

    @property
    def topics(self) -> frozenset[Topic]:
        """The union of what is listened to."""
        return frozenset(topic for topic, count in self._wanted.items() if count > 0)

    @property
    def waiting(self) -> bool:
        """Whether somebody has not been told yet that his topics flow."""
        return any(not listener.synced for listener in self._listeners)

    def frames(self, *topics: Topic) -> Observable[FeedItem]:
        """Frames of the server about some topics; see ``Feed.frames``."""
        asked = frozenset(topics)

        def subscribe(
            observer: abc.ObserverBase[FeedItem], _: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            listener = _Listener(asked, observer.on_next)
            self._set((*self._listeners, listener))
            self._wanted.update(asked)
            self._on_changed()
            if not self.connected:
                observer.on_next(Lost())

            def leave() -> None:
                self._set(tuple(other for other in self._listeners if other is not listener))
                self._wanted.subtract(asked)
                self._on_changed()

            return Disposable(leave)

        return Observable(subscribe)

    def synced(self, topics: frozenset[Topic], epoch: str, *, again: bool = False) -> None:
        """Tell those whose topics are among these that they flow from now on; ``again`` after a gap."""
        news = Synced(epoch)
        for listener in self._listeners:
            if listener.topics <= topics and (again or not listener.synced):
                listener.synced = True
                _hand(listener, news)

    def lost(self) -> None:
        """Tell all that nothing flows for now."""
        self.connected = False
        for listener in self._listeners:
            listener.synced = False
            _hand(listener, Lost())

    def tell(self, frame: Frame) -> None:
        """Hand a frame to those who listen to one of its topics."""
        topics = frame.topics if isinstance(frame, Event) else _topics_of(frame)
        try:
            hearers = self._routes[topics]
        except KeyError:
            hearers = self._route(topics)
        for hear in hearers:
            try:
                hear(frame)
            except Exception as error:  # as in _hand, one call the less for each frame
                log.error(_FAILED, exc_info=error)

    def _route(self, topics: tuple[Topic, ...]) -> tuple[Callable[[FeedItem], None], ...]:
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        hearers = tuple(each.hear for each in self._listeners if not each.topics.isdisjoint(topics))
        self._routes[topics] = hearers
        return hearers

    def _set(self, listeners: tuple[_Listener, ...]) -> None:
        self._listeners = listeners
        self._routes.clear()


def _hand(listener: _Listener, item: FeedItem) -> None:
    try:
        listener.hear(item)
    except Exception as error:
        # One source that fails must not take the connection, and with it all others, along.
        log.error(_FAILED, exc_info=error)
