"""The event socket: reconnects by itself, resumes at the last number, delivers each event exactly once."""

import itertools
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, perf_counter

import structlog
from reactivex import Observable, abc
from reactivex.disposable import SerialDisposable

from app.bridge.clock import ClockOffset
from app.bridge.http import HttpClient
from app.bridge.listeners import Listeners
from app.bridge.socket import EventSession, event_session
from streams.core.subjects import LoopSubject
from streams.model.base import utc_now
from streams.model.events import (
    Event,
    Hello,
    Ping,
    Pong,
    Reset,
    Resume,
    ServerFrame,
    SocketProblem,
    Subscribe,
)
from streams.model.failures import TidewatchError
from streams.model.vocabulary import Scope, Topic
from streams.operators.exactly_once import exactly_once
from streams.operators.from_aiter import from_aiter
from streams.operators.reconnecting import Down, Msg, Up, reconnecting
from streams.operators.results import SourceCancelled
from streams.operators.spawning import Spawn
from streams.sources.feed import FeedItem

log = structlog.stdlib.get_logger(__name__)

Item = Up | Msg[ServerFrame] | Down


@dataclass(frozen=True, slots=True)
class SocketUp:
    """The server has greeted; ``number`` is 1 the first time."""

    number: int
    server_version: str
    scopes: tuple[Scope, ...] = ()
    """What the token may do."""


@dataclass(frozen=True, slots=True)
class SocketDown:
    """The connection ended or could not be made; the next try comes after ``retry_in_s``."""

    error: TidewatchError
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class SocketPong:
    """The server has answered a ping."""

    round_trip_s: float


SocketNews = SocketUp | SocketDown | SocketPong


def _number(item: Item) -> int | None:
    return item.value.seq if isinstance(item, Msg) and isinstance(item.value, Event) else None


def _restart(item: Item) -> int | None:
    return item.value.last_seq if isinstance(item, Msg) and isinstance(item.value, Reset) else None


class RealtimeUpdater:
    """Follows the server's events on behalf of all sources; implements ``streams.sources.feed.Feed``."""

    def __init__(
        self,
        http: HttpClient,
        *,
        scheduler: abc.SchedulerBase,
        spawn: Spawn,
        backoff: Callable[[int], float],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._http = http
        self._scheduler = scheduler
        self._spawn = spawn
        self._backoff = backoff
        self._now = now
        self._listeners = Listeners(self._retopic_soon)
        self._asked: frozenset[Topic] = frozenset()
        self._retopic = SerialDisposable()
        self._session: EventSession | None = None
        self._ids = itertools.count(1)
        self._pings: dict[int, float] = {}
        self._syncs: dict[int, frozenset[Topic]] = {}
        self._news_subject: LoopSubject[SocketNews] = LoopSubject()
        self._hurry_subject: LoopSubject[None] = LoopSubject()
        self._following = SerialDisposable()
        self.offset = ClockOffset()
        self.epoch: str | None = None
        self.last_seq = 0
        self.on_event: Callable[[], None] = lambda: None
        """Told of each event that is handed on."""
        self.heard_at: datetime | None = None
        """When the last frame of any kind came."""
        self.heard_s: float | None = None
        """The same by the monotonic clock, by which silence is judged: the other one can be set."""

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._session is not None

    @property
    def news(self) -> Observable[SocketNews]:
        """What becomes of the connection, as it happens."""
        return self._news_subject

    def frames(self, *topics: Topic) -> Observable[FeedItem]:
        """Frames of the server about some topics; see ``Feed.frames``."""
        return self._listeners.frames(*topics)

    def start(self) -> None:
        """Connect, and stay connected until ``stop``."""
        self._following.disposable = (
            reconnecting(
                lambda: from_aiter(self._follow, spawn=self._spawn),
                scheduler=self._scheduler,
                backoff=self._backoff,
                hurry_stream=self._hurry_subject,
            )
            .pipe(exactly_once(_number, restart=_restart))
            .subscribe(self._on_item, self._on_error)
        )

    def stop(self) -> None:
        """Disconnect for good."""
        self._following.dispose()
        self._retopic.dispose()

    def hurry(self) -> None:
        """Try now instead of at the next retry."""
        self._hurry_subject.on_next(None)

    def cut(self) -> None:
        """Break the connection, as a failing network would; it comes back by itself."""
        if self._session is not None:
            self._session.cut()

    def note_date(self, round_trip_s: float, date: str) -> None:
        """Learn of the server's clock from an answer over HTTP, where no ping tells it better."""
        if not self.up:
            self.offset.add_date(round_trip_s, date, self._now())

    def ping(self) -> None:
        """Measure the round trip, if there is a connection."""
        if self._session is not None:
            self._send_ping(self._session)

    async def _follow(self) -> AsyncGenerator[ServerFrame]:
        async with event_session(self._http, self._resume) as session:
            self._on_up(session)
            try:
                yield session.hello
                async for frame in session.read():
                    self.heard_at, self.heard_s = self._now(), monotonic()
                    yield frame
            finally:
                self._session = None
                self._syncs.clear()
                self._listeners.lost()

    def _resume(self, hello: Hello) -> Resume:
        known = self.epoch
        if known is None:
            self.epoch, self.last_seq = hello.epoch, hello.last_seq
        self._asked = self._listeners.topics
        return Resume(epoch=known, after_seq=self.last_seq, topics=tuple(sorted(self._asked)))

    def _on_up(self, session: EventSession) -> None:
        self._session = session
        self._listeners.connected = True
        self.heard_at, self.heard_s = self._now(), monotonic()
        self._pings.clear()
        self._syncs = {self._send_ping(session): self._asked}
        self._retopic_soon()

    def _on_item(self, item: Item) -> None:
        match item:
            case Up(session=number):
                version = self._session.hello.server_version if self._session else ""
                scopes = self._session.hello.scopes if self._session else ()
                log.info("connected" if number == 1 else "connected_again", server_version=version)
                self._news_subject.on_next(SocketUp(number, version, scopes))
            case Down(error=error, retry_in_s=retry_in_s, attempts=attempts):
                if not isinstance(error, TidewatchError):
                    log.error("event_socket_failed", exc_info=error)
                    error = TidewatchError("The event socket failed; the log says why.")
                if attempts == 1:  # said once when it starts, not with each try
                    log.warning("connection_lost", reason=error.message)
                self._news_subject.on_next(SocketDown(error, retry_in_s))
            case Msg(value=frame):
                self._on_frame(frame)

    def _on_frame(self, frame: ServerFrame) -> None:
        match frame:
            case Event(seq=seq):
                self.last_seq = seq
                self.on_event()
                self._listeners.tell(frame)
            case Pong():
                self._on_pong(frame)
            case Reset(epoch=epoch, last_seq=last_seq):
                self.epoch, self.last_seq = epoch, last_seq
                if not self._syncs:  # otherwise the answer under way tells them
                    self._listeners.synced(self._asked, epoch, again=True)
            case Hello():
                pass  # the session's first frame; checked when it came
            case SocketProblem():
                pass  # the session ends with it as its failure
            case _:
                self._listeners.tell(frame)

    def _on_pong(self, pong: Pong) -> None:
        sent_s = self._pings.pop(pong.id, None)
        if sent_s is not None:
            round_trip_s = perf_counter() - sent_s
            self.offset.add(round_trip_s, pong.at, self._now())
            self._news_subject.on_next(SocketPong(round_trip_s))
        topics = self._syncs.pop(pong.id, None)
        if topics is not None:
            self._listeners.synced(topics, self.epoch or "")

    def _on_error(self, error: Exception) -> None:
        if not isinstance(error, SourceCancelled):
            log.error("event_socket_ended", exc_info=error)

    def _retopic_soon(self) -> None:
        """Tell the server once, however many come and go in this turn of the loop."""
        self._retopic.disposable = self._scheduler.schedule(lambda *_: self._tell_topics())

    def _tell_topics(self) -> None:
        session, topics = self._session, self._listeners.topics
        if session is None:
            return
        if topics != self._asked:
            self._asked = topics
            session.send(Subscribe(topics=tuple(sorted(topics))))
        elif self._syncs:
            return  # the answer under way tells the waiting ones
        if self._listeners.waiting:
            # The server reads its frames in order: once it has answered, it sends these topics.
            self._syncs[self._send_ping(session)] = topics

    def _send_ping(self, session: EventSession) -> int:
        number = next(self._ids)
        self._pings[number] = perf_counter()
        session.send(Ping(id=number))
        return number
