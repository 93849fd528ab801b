"""The rows of one keyed subject; those who listen get changes, not whole lists."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable

from streams.core.subjects import LoopSubject
from streams.core.types import Seconds
from streams.model.failures import Failure
from streams.model.snapshot import Delta, Snapshot
from streams.operators.results import Failed
from streams.state.cell import Cell
from streams.state.environment import Environment

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NO_KEYS: frozenset[Any] = frozenset()
_MISSING: Any = object()


class TableCell(Generic[K, V]):
    """One keyed subject: its rows, what changed in them, and how fresh they are.

    Rows that are equal to those known are no change. Until the first rows have come there are no deltas; the
    first one, and the first for each late subscriber, is full.
    """

    def __init__(self, name: str, cadence_s: Seconds | None, environment: Environment) -> None:
        self.name = name
        self._rows: dict[K, V] = {}
        self._loaded = False
        self._count: Cell[int] = Cell(name, cadence_s, environment)
        self._subject: LoopSubject[Delta[K, V]] = LoopSubject()
        self.deltas: Observable[Delta[K, V]] = Observable(self._subscribe)
        """All rows at once, if there are any known, then only changes; never ends."""
        self.freshness: Observable[Snapshot[int]] = self._count.stream
        """The number of rows with the health of the subject."""
        self.rows: Mapping[K, V] = MappingProxyType(self._rows)
        """The rows as they are; a view that changes with them."""

    @property
    def current(self) -> Snapshot[int]:
        """Return the number of rows with the health of the subject."""
        return self._count.current

    def get(self, key: K) -> V | None:
        """Return the row of ``key``, None if there is none."""
        return self._rows.get(key)

    def peek(self, max_age_s: float) -> Mapping[K, V] | None:
        """Return a copy of the rows if they were confirmed within the last ``max_age_s``, else None."""
        return None if self._count.peek(max_age_s) is None else dict(self._rows)

    def replace(self, rows: Mapping[K, V], *, committed_at: datetime | None = None) -> None:
        """Take all rows as they are now; what is not among them is gone."""
        self.apply(rows, [key for key in self._rows if key not in rows], committed_at)

    def put(self, key: K, row: V, committed_at: datetime | None = None) -> None:
        """Take one row as it is now; equal to the one known it is no change."""
        rows = self._rows
        known = rows.get(key, _MISSING)
        if known is row or known == row:
            self._count.confirm()
            return
        rows[key] = row
        self._tell({key: row}, _NO_KEYS, committed_at)

    def apply(
        self, changed: Mapping[K, V], removed: Iterable[K] = (), committed_at: datetime | None = None
    ) -> None:
        """Take rows that have changed, and keys that are gone; what is equal to what is known is none."""
        rows = self._rows
        news: dict[K, V] = {}
        for key, row in changed.items():
            known = rows.get(key, _MISSING)
            if known is not row and known != row:
                news[key] = rows[key] = row
        gone: frozenset[K] = _NO_KEYS
        if removed:
            gone = frozenset(key for key in removed if key in rows and key not in changed)
            for key in gone:
                del rows[key]
        if news or gone or not self._loaded:
            self._tell(news, gone, committed_at)
        else:
            self._count.confirm()

    def confirm(self) -> None:
        """Take notice that the rows still hold."""
        self._count.confirm()

    def fail(self, failure: Failure) -> None:
        """Take notice that the subject cannot be read; the rows are kept."""
        self._count.fail(failure)

    def fail_with(self, error: Exception, retry_in_s: float | None = None) -> None:
        """Take an exception as a failure; one that is not of the outside world is reported as well."""
        self._count.fail_with(error, retry_in_s)

    def follow(self, source: Observable[Delta[K, V] | Failed]) -> abc.DisposableBase:
        """Let ``source`` fill this table while anybody listens."""
        return self._count.follow_into(source, self._take)

    def hold(self) -> abc.DisposableBase:
        """Listen without being told: the sources run until the result is disposed."""
        return self._count.hold()

    def close(self) -> None:
        """Stop the sources and the watch over the cadence."""
        self._count.close()

    def _tell(self, news: dict[K, V], gone: frozenset[K], committed_at: datetime | None) -> None:
        full, self._loaded = not self._loaded, True
        if self._subject.observed:
            self._subject.on_next(Delta(news, gone, full, committed_at))
        self._count.put(len(self._rows))

    def _take(self, value: Delta[K, V]) -> None:
        if not (self._loaded or value.full):
            return  # one event is not the table: the first answer brings it along with all others
        changed = value.changed
        if len(changed) == 1 and not value.full and not value.removed:
            (key,) = changed
            row, known = changed[key], self._rows.get(key)
            if known is not None:  # one row that is known, as most are: handed on as it came
                if known != row:
                    self._rows[key] = row
                    self._subject.on_next(value)
                self._count.confirm()
                return
        if value.full:
            self.replace(changed, committed_at=value.committed_at)
        else:
            self.apply(changed, value.removed, value.committed_at)

    def _subscribe(
        self, observer: abc.ObserverBase[Delta[K, V]], _: abc.SchedulerBase | None = None
    ) -> abc.DisposableBase:
        if self._loaded:
            observer.on_next(Delta(dict(self._rows), full=True))
        return CompositeDisposable(self._subject.attach(observer), self._count.hold())
