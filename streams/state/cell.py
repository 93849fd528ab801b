"""The last value of one subject, with its time and its health."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from reactivex import Observable, abc
from reactivex.disposable import (
    CompositeDisposable,
    Disposable,
    SerialDisposable,
    SingleAssignmentDisposable,
)

from streams.core.refcount import Held
from streams.core.subjects import LoopSubject
from streams.core.types import Seconds, seconds_of
from streams.model.failures import Failure, as_failure
from streams.model.snapshot import Snapshot
from streams.model.vocabulary import Health
from streams.operators.listening import listen
from streams.operators.results import Failed, Ok, SourceCancelled
from streams.state.environment import Environment

T = TypeVar("T")

_OK = Health.OK
_ROUNDING_S = 1e-6
"""A timer may come this much early; waiting for the rest would be waiting for nothing, again and again."""


class Cell(Generic[T]):
    """One subject: what is known of it, for all who want to know.

    Errors never get into ``stream``; a failure keeps the last value. An equal value is a confirmation: it
    renews the time and the health, and is not emitted again if those who listen know it already.
    """

    def __init__(self, name: str, cadence_s: Seconds | None, environment: Environment) -> None:
        self.name = name
        self._cadence_s = cadence_s
        self._environment = environment
        self._shown: Snapshot[T] = Snapshot(None, Health.LOADING, cadence_s=self._cadence())
        self._at: datetime | None = None
        self._heard_s: float | None = None
        self._subject: LoopSubject[Snapshot[T]] = LoopSubject()
        self._sources: list[_Followed] = []
        self._timer = SerialDisposable()
        self._seconds = environment.scheduler.seconds
        self._held = Held(self._start, scheduler=environment.scheduler, linger_s=environment.linger_s)
        self.stream: Observable[Snapshot[T]] = Observable(self._subscribe)
        """The newest snapshot at once, then each change of value or health; never ends."""

    @property
    def current(self) -> Snapshot[T]:
        """Return what is known now, with the time of the last confirmation."""
        self._grow_old()
        if self._shown.at != self._confirmed_at():
            self._shown = replace(self._shown, at=self._at)
        return self._shown

    def peek(self, max_age_s: float) -> T | None:
        """Return the value if it was confirmed within the last ``max_age_s``, else None."""
        age_s = self._age_s()
        return self._shown.value if age_s is not None and age_s <= max_age_s else None

    def put(self, value: T) -> None:
        """Take a new value, or the same one confirmed."""
        shown = self._shown
        if shown.health is _OK and (value is shown.value or value == shown.value):
            self._heard_s, self._at = self._seconds(), None
        else:
            self._hear()
            self._show(Snapshot(value, Health.OK, self._confirmed_at(), self._cadence()))

    def confirm(self) -> None:
        """Take notice that the value still holds; before there is one, this says nothing."""
        if self._shown.health is _OK:
            self._heard_s, self._at = self._seconds(), None
        elif self._heard_s is not None:
            self._hear()
            self._show(Snapshot(self._shown.value, Health.OK, self._confirmed_at(), self._cadence()))

    def fail(self, failure: Failure) -> None:
        """Take notice that the subject cannot be read; the last value and the time it began are kept."""
        shown = self._shown
        if shown.failure is not None and shown.failure.code == failure.code:
            failure = msgspec.structs.replace(failure, since=shown.failure.since)
        if failure != shown.failure:
            self._show(Snapshot(shown.value, Health.ERROR, self._confirmed_at(), self._cadence(), failure))

    def follow(self, source: Observable[Ok[T] | Failed]) -> abc.DisposableBase:
        """Let ``source`` fill this cell while anybody listens to it; disposing the result ends that.

        A source that ends in an error is a mistake in the program: reported, and shown as one.
        """
        return self.follow_into(source, lambda answer: self.put(answer.value))

    def follow_into(self, source: Observable[Any], take: Callable[[Any], None]) -> abc.DisposableBase:
        """Follow ``source`` as ``follow`` does, with all that is no failure given to ``take``."""
        followed = _Followed(self, source, take)
        self._sources.append(followed)
        if self._held.running:
            followed.start()

        def unfollow() -> None:
            if followed in self._sources:
                self._sources.remove(followed)
            followed.stop()

        return Disposable(unfollow)

    def hold(self) -> abc.DisposableBase:
        """Listen without being told: the sources run until the result is disposed."""
        return self._held.hold()

    def close(self) -> None:
        """Stop the sources and the watch over the cadence."""
        self._held.stop()

    def fail_with(self, error: Exception, retry_in_s: float | None = None) -> None:
        """Take an exception as a failure; one that is not of the outside world is reported as well."""
        now = self._environment.now()
        retry_at = None if retry_in_s is None else now + timedelta(seconds=retry_in_s)
        failure = as_failure(error, since=self._environment.began(error) or now, retry_at=retry_at)
        before = self._shown.failure
        if failure.code == "internal" and (before is None or before.message != failure.message):
            self._environment.report(error)
        self.fail(failure)

    def _subscribe(
        self, observer: abc.ObserverBase[Snapshot[T]], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        observer.on_next(self.current)
        return CompositeDisposable(self._subject.attach(observer), self._held.hold())

    def _show(self, snapshot: Snapshot[T]) -> None:
        self._shown = snapshot
        self._subject.on_next(snapshot)

    def _start(self) -> abc.DisposableBase:
        self._watch()
        for followed in tuple(self._sources):
            followed.start()
        return Disposable(self._stop)

    def _stop(self) -> None:
        self._timer.disposable = Disposable()
        for followed in self._sources:
            followed.stop()

    # -- how old is too old

    def _cadence(self) -> float | None:
        return None if self._cadence_s is None else seconds_of(self._cadence_s)

    def _hear(self) -> None:
        first = self._heard_s is None
        self._heard_s = self._seconds()
        self._at = None
        if first and self._held.running:
            self._watch()

    def _age_s(self) -> float | None:
        return None if self._heard_s is None else self._seconds() - self._heard_s

    def _confirmed_at(self) -> datetime | None:
        """Return when it was last heard; worked out only when somebody looks."""
        if self._at is None:
            age_s = self._age_s()
            if age_s is not None:
                self._at = self._environment.now() - timedelta(seconds=age_s)
        return self._at

    def _left_s(self) -> float | None:
        cadence_s, age_s = self._cadence(), self._age_s()
        if cadence_s is None or age_s is None:
            return None
        return cadence_s * seconds_of(self._environment.stale_factor) - age_s

    def _grow_old(self) -> None:
        left_s = self._left_s()
        if left_s is not None and left_s <= _ROUNDING_S and self._shown.health is Health.OK:
            self._show(replace(self._shown, health=Health.STALE, at=self._confirmed_at()))

    def _watch(self, *_: Any) -> None:
        """Look again when the value would be too old; what is heard in between only moves the next look."""
        self._grow_old()
        left_s = self._left_s()
        if left_s is None:
            return
        if left_s <= _ROUNDING_S:
            left_s = (self._cadence() or 0.0) * seconds_of(self._environment.stale_factor)
        self._timer.disposable = self._environment.scheduler.schedule_relative(left_s, self._watch)


class _Followed:
    """One source of a cell, subscribed while the cell is held."""

    def __init__(self, cell: Cell[Any], source: Observable[Any], take: Callable[[Any], None]) -> None:
        self._cell = cell
        self._source = source
        self._take = take
        self._subscription = SingleAssignmentDisposable()
        self._over = True

    def start(self) -> None:
        self._over = False
        self._subscription = SingleAssignmentDisposable()
        # The guard that ``subscribe`` would put before it is here: one call the less for each value.
        self._subscription.disposable = listen(
            self._source, self._on_result, self._on_error, lambda: None, None
        )

    def stop(self) -> None:
        self._over = True
        self._subscription.dispose()

    def _on_result(self, result: Any) -> None:
        if self._over:
            return
        try:
            if type(result) is Failed:  # of a struct ``isinstance`` takes long to say no
                self._cell.fail_with(result.error, result.retry_in_s)
            else:
                take = self._take  # called as a method, what is no method is looked for each time
                take(result)
        except Exception as error:  # noqa: BLE001  (as subscribe_safe does, one call the less for each value)
            self._cell._environment.report(error)

    def _on_error(self, error: Exception) -> None:
        if self._over:
            return
        self.stop()
        if not isinstance(error, SourceCancelled):
            self._cell.fail_with(error)
