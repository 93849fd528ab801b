"""A connection that comes back: sessions, messages and interruptions as values."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import reactivex as rx
from reactivex import Observable, abc

from streams.operators.backoff import Backoff
from streams.operators.resubscribe import Run, resubscribe
from streams.operators.results import SourceCancelled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Up:
    """A session has begun: its first message is here and follows at once."""

    session: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Msg(Generic[T]):
    """One message."""

    value: T


@dataclass(frozen=True, slots=True)
class Down:
    """No connection: the session ended, or did not come about; the next attempt is after ``retry_in_s``."""

    error: Exception | None
    """None when the other side closed it properly."""
    retry_in_s: float
    attempts: int
    """How many in a row, this one included, since there was a message."""


def reconnecting(
    connect: Callable[[], Observable[T]],
    *,
    scheduler: abc.SchedulerBase,
    backoff: Callable[[int], float] | None = None,
    hurry_stream: Observable[Any] | None = None,
) -> Observable[Up | Msg[T] | Down]:
    """Connect, and connect again whenever the connection ends, in error or properly; later each time.

    The back-off starts afresh once a message has come. ``hurry_stream`` means: try now. Never errors, unless
    somebody else cancels the task behind the connection.

    ::

        connect (cold): --a----|
        reconnecting(connect, backoff=lambda attempts: 0.003)
        result:         --(um)-d----(vm)-d---
        result watched: ^--------------------!
        connect subs:   ^------!
        connect subs:   ----------^------!
        connect subs:   --------------------^!
        where u = Up(1), v = Up(2), m = Msg("a"), d = Down(None, 0.003, 1)
    """
    delays = Backoff() if backoff is None else backoff

    def start(_: abc.SchedulerBase) -> Observable[Up | Msg[T] | Down]:
        sessions = 0

        def attempt(
            observer: abc.ObserverBase[Up | Msg[T]], _: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            quiet = True

            def on_next(value: T) -> None:
                nonlocal quiet, sessions
                if quiet:
                    quiet = False
                    sessions += 1
                    observer.on_next(Up(sessions))
                observer.on_next(Msg(value))

            return connect().subscribe(on_next, observer.on_error, observer.on_completed)

        def decide(run: Run) -> float | None:
            return None if isinstance(run.error, SourceCancelled) else delays(run.barren)

        session: Observable[Up | Msg[T]] = Observable(attempt)
        return session.pipe(
            resubscribe(decide, scheduler=scheduler, announce=_down, hurry_stream=hurry_stream)
        )

    return rx.defer(start)


def _down(run: Run, wait_s: float) -> Iterable[Down]:
    return (Down(run.error, wait_s, run.barren),)
