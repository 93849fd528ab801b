"""The state of the link to the server: live, polling, stale or down; since when, why, until when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from app.bridge.realtime import RealtimeUpdater, SocketDown, SocketNews, SocketPong, SocketUp
from streams.core.refcount import Held
from streams.core.subjects import LoopSubject
from streams.core.types import Seconds, seconds_of
from streams.model.base import utc_now
from streams.model.failures import (
    Failure,
    ServerRefused,
    ServerUnreachable,
    TidewatchError,
    WrongCertificate,
    WrongToken,
    WrongVersion,
    as_failure,
)
from streams.model.link import Link
from streams.model.tokens import ConsoleToken
from streams.model.vocabulary import LinkState

TICK_S = 1.0


class ConnectionManager:
    """Keeps the link's state from what the event socket and the requests tell; measures the round trip."""

    def __init__(
        self,
        updater: RealtimeUpdater,
        *,
        scheduler: abc.SchedulerBase,
        now: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = monotonic,
        ping_s: Seconds = 5.0,
        critical_s: Seconds = 5.0,
        stale_factor: Seconds = 2.5,
        probe: Callable[[], object] = lambda: None,
    ) -> None:
        """``probe`` asks the server something; ``heard`` is told how that ended, as of every request."""
        self._probe = probe
        self._updater = updater
        self._scheduler = scheduler
        self._now, self._seconds = now, seconds
        self._ping_s, self._critical_s, self._stale_factor = ping_s, critical_s, stale_factor
        self._link = Link(state=LinkState.CONNECTING, since=now())
        self._link_subject: LoopSubject[Link] = LoopSubject()
        self._answered_s: float | None = None
        self._failure: Failure | None = None
        self._down_s: float | None = None
        self._absent = False
        """A request found no server; the answer that ends this has the event socket try at once."""
        self._pinged_s = seconds()
        self._held = Held(self._watch)
        self._listening = updater.news.subscribe(self._on_news)
        self.link: Observable[Link] = Observable(self._subscribe)
        """The link now, then each change; the age of the last event each second while somebody looks."""

    @property
    def current(self) -> Link:
        """The link as it is now."""
        return self._link

    def name_server(self, name: str, *, simulated: bool) -> None:
        """Take what the server has said of itself."""
        self._change(server_name=name, simulated=simulated)

    def name_token(self, token: ConsoleToken) -> None:
        """Take what the server has said of the token that is sent to it."""
        self._change(scopes=token.scopes, token_name=token.name, token_ends_at=token.expires_at)

    def heard(self, error: TidewatchError | None) -> None:
        """Take the end of a request: an answer of any kind shows that the server is there."""
        if error is None or not _means_absence(error):
            self._answered_s = self._seconds()
            back, self._absent = self._absent, False
            if back and not self._updater.up:
                self._updater.hurry()
        elif not self._updater.up:
            self._answered_s, self._absent = None, True
            retry_at = self._failure.retry_at if self._failure else None
            self._failure = self._named(error, retry_at)
        if not self._updater.up:
            self._judge()

    @property
    def foreign(self) -> WrongVersion | None:
        """The failure while the server speaks another version: what it answers means something else."""
        failure = self._failure
        if failure is None or failure.code != WrongVersion.code:
            return None
        return WrongVersion(failure.message, hint=failure.hint)

    def lost_since(self, error: Exception) -> datetime | None:
        """Return since when the server is lost, if ``error`` comes from that and it is."""
        failure = self._link.failure
        return failure.since if failure and self._link.lost and _means_absence(error) else None

    def reconnect(self) -> None:
        """Try to reach the server now."""
        if not self._updater.up:
            self._change(state=LinkState.CONNECTING)
        self._updater.hurry()

    def close(self) -> None:
        """Stop listening and measuring."""
        self._held.stop()
        self._listening.dispose()

    def _subscribe(
        self, observer: abc.ObserverBase[Link], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        observer.on_next(self._link)
        return CompositeDisposable(self._link_subject.subscribe(observer), self._held.hold())

    def _watch(self) -> abc.DisposableBase:
        stopped = False
        timer: abc.DisposableBase = Disposable()

        def tick(*_: object) -> None:
            nonlocal timer
            if stopped:
                return
            if self._seconds() - self._pinged_s >= seconds_of(self._ping_s):
                self._pinged_s = self._seconds()
                self._updater.ping()
            self._judge()
            timer = self._scheduler.schedule_relative(TICK_S, tick)

        def stop() -> None:
            nonlocal stopped
            stopped = True
            timer.dispose()

        timer = self._scheduler.schedule_relative(TICK_S, tick)
        self._updater.ping()
        return Disposable(stop)

    def _on_news(self, news: SocketNews) -> None:
        now = self._now()
        match news:
            case SocketUp(number=number, scopes=scopes):
                gap_s = None if self._down_s is None or number == 1 else self._seconds() - self._down_s
                self._failure = self._down_s = None
                self._absent = False
                self._change(reconnects=number - 1, last_gap_s=gap_s or self._link.last_gap_s)
                if scopes:
                    self._change(scopes=scopes)
            case SocketDown(error=error, retry_in_s=retry_in_s):
                self._down_s = self._seconds() if self._down_s is None else self._down_s
                self._failure = self._named(error, now + timedelta(seconds=retry_in_s))
                self._change(round_trip_s=None)
                if self._held.running:
                    self._probe()  # is only the socket lost, or the server? The next poll may be far away
            case SocketPong(round_trip_s=round_trip_s):
                self._change(round_trip_s=round_trip_s)
        self._judge()

    def _named(self, error: TidewatchError, retry_at: datetime | None) -> Failure:
        known = self._failure
        since = known.since if known and known.code == error.code else self._now()
        return as_failure(error, since=since, retry_at=retry_at)

    def _judge(self) -> None:
        self._change(
            state=self._state(),
            failure=self._failure,
            last_event_at=self._updater.heard_at,
            last_seq=self._updater.last_seq,
        )

    def _state(self) -> LinkState:
        factor = seconds_of(self._stale_factor)
        if self._updater.up:
            silent = self._older(self._updater.heard_s, seconds_of(self._ping_s) * factor)
            # Silence is measured by pings, and those are sent only while somebody looks.
            return LinkState.STALE if silent and self._held.running else LinkState.LIVE
        if self.foreign is not None:
            return LinkState.DOWN
        if not self._older(self._answered_s, seconds_of(self._critical_s) * factor):
            return LinkState.POLLING if self._failure else LinkState.CONNECTING
        return LinkState.DOWN if self._failure else LinkState.CONNECTING

    def _older(self, at_s: float | None, age_s: float) -> bool:
        # By the monotonic clock: with one that is set back silence would be taken for health.
        return at_s is None or self._seconds() - at_s > age_s

    def _change(self, **changes: object) -> None:
        old = self._link
        state = changes.get("state", old.state)
        if state is not old.state:
            changes["since"] = self._now()
        new = msgspec.structs.replace(old, **changes)
        if new != old:
            self._link = new
            self._link_subject.on_next(new)


def _means_absence(error: Exception) -> bool:
    """Return whether the failure is that the server could not be asked, rather than that it said no."""
    return isinstance(error, ServerUnreachable | ServerRefused | WrongCertificate | WrongVersion | WrongToken)
