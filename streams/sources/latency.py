"""Event to screen: how long a change takes from the commit at the server to the updated control."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import reactivex as rx
from reactivex import Observable, abc
from reactivex import operators as ops

from streams.model.base import utc_now
from streams.model.link import Latency

WINDOW_S = 60.0
SLICE_S = 1.0
_BOUNDS = tuple(0.0005 * 1.1**step for step in range(140))
"""Upper bounds of the classes in seconds, 10 % apart, from half a millisecond to five minutes."""


class _Slice:
    __slots__ = ("counts", "events", "samples", "since")

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.samples = 0
        self.events = 0


class LatencyMeter:
    """A histogram over the last minute, in slices of a second; memory does not grow with the rate."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._slices: deque[_Slice] = deque()
        self._dropped = 0
        self._merged = 0

    def shown(self, seconds: float) -> None:
        """Take one measurement; a clock that is a little off cannot make it negative."""
        current = self._slice()
        current.counts[bisect_left(_BOUNDS, max(0.0, seconds))] += 1
        current.samples += 1

    def arrived(self, events: int = 1) -> None:
        """Take note of events from the server."""
        self._slice().events += events

    def overtaken(self, merged: bool) -> None:
        """Note a value that a later one of the same frame took in (``merged``) or took the place of."""
        if merged:
            self._merged += 1
        else:
            self._dropped += 1

    def measure(self) -> Latency:
        """Return what the last minute was like."""
        self._forget()
        samples = sum(part.samples for part in self._slices)
        totals = [sum(column) for column in zip(*(part.counts for part in self._slices), strict=True)]
        span_s = (self._now() - self._slices[0].since).total_seconds() if self._slices else 0.0
        return Latency(
            p50_s=_quantile(totals, samples, 0.50),
            p99_s=_quantile(totals, samples, 0.99),
            samples=samples,
            events_per_s=sum(part.events for part in self._slices) / max(span_s, SLICE_S),
            dropped=self._dropped,
            merged=self._merged,
        )

    def stream(self, *, scheduler: abc.SchedulerBase, every_s: float = 1.0) -> Observable[Latency]:
        """Event to screen, over the last minute.

        Source:  the controls themselves, each time one was updated because of an event.
        Emits:   at once and every ``every_s``, if it has changed.
        Shape:   seconds; the quantiles are None while nothing was measured.
        Sharing: none needed, nothing is read.
        Errors:  none.
        """
        return rx.timer(0.0, every_s, scheduler=scheduler).pipe(
            ops.map(lambda _: self.measure()), ops.distinct_until_changed()
        )

    def _slice(self) -> _Slice:
        now = self._now()
        if not self._slices or now - self._slices[-1].since >= timedelta(seconds=SLICE_S):
            self._slices.append(_Slice(now))
            self._forget()
        return self._slices[-1]

    def _forget(self) -> None:
        oldest = self._now() - timedelta(seconds=WINDOW_S)
        while self._slices and self._slices[0].since < oldest:
            self._slices.popleft()


def _quantile(totals: list[int], samples: int, share: float) -> float | None:
    """Return the upper bound of the class in which the quantile lies, so that it is never told too good."""
    if not samples:
        return None
    wanted, seen = share * samples, 0
    for bound, count in zip(_BOUNDS, totals, strict=False):
        seen += count
        if seen >= wanted:
            return bound
    return _BOUNDS[-1]
