"""The period of an analytics question, and the intervals it is divided into."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.catalogue.errors import BadQuery
from app.catalogue.times import SECOND_US, from_us, to_us
from app.catalogue.wall_clock import WallClock, wall_clock
from streams.model.analytics import AnalyticsQuery

MAX_POINTS = 300
"""Of a series, on the way to the screen."""
MINUTE_S, HOUR_S, DAY_S, WEEK_S = 60, 3600, 86400, 7 * 86400
MIN_SPAN_S, MAX_SPAN_S = 5 * MINUTE_S, 5 * 366 * DAY_S
RUN_STEPS = (
    (2 * HOUR_S, 5 * MINUTE_S),
    (12 * HOUR_S, 30 * MINUTE_S),
    (3 * DAY_S, HOUR_S),
    (14 * DAY_S, 6 * HOUR_S),
    (120 * DAY_S, DAY_S),
    (MAX_SPAN_S, WEEK_S),
)
"""Up to which length of the period runs are counted in which intervals."""
LOAD_STEPS_S = (10, 20, 30, *(MINUTE_S * n for n in (1, 2, 5, 10, 20, 30)))
MONDAY_S = 3 * DAY_S
"""1970 began on a Thursday: what weeks are shifted by to begin on a Monday."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period that ends in the present or earlier."""

    as_of: datetime
    since: datetime
    until: datetime
    clock: WallClock

    @property
    def span_s(self) -> float:
        """How long it is."""
        return (self.until - self.since).total_seconds()

    def run_step_s(self) -> int:
        """Return the length of the intervals in which runs are counted."""
        return next(step_s for span_s, step_s in RUN_STEPS if self.span_s <= span_s)

    def load_step_s(self, kept: dict[int, timedelta]) -> int:
        """Return the length of the intervals of metrics: few enough, and still kept so far back."""
        since_s = (self.as_of - self.since).total_seconds()
        steps = [step for step in LOAD_STEPS_S if self.span_s / step <= MAX_POINTS - 1]
        steps.append(max(1, math.ceil(self.span_s / HOUR_S / (MAX_POINTS - 1))) * HOUR_S)
        for step_s in steps:
            source = max(each for each in kept if each <= step_s)
            if kept[source].total_seconds() >= since_s:
                return step_s
        return steps[-1]

    def shift_s(self, step_s: int) -> int:
        """Return how much earlier the period before is: its length, in whole intervals."""
        return math.ceil(self.span_s / step_s) * step_s

    def earlier(self, shift_s: int) -> "Period":
        """Return the period before."""
        shift = timedelta(seconds=shift_s)
        return Period(self.as_of, self.since - shift, self.until - shift, self.clock)

    def edges_us(self, step_s: int) -> list[int]:
        """Return where intervals begin, and where the last ends; the first began at ``since`` or before."""
        until_us = to_us(self.until)
        return self.clock.edges(to_us(self.since), until_us, step_s * SECOND_US, anchor_us(step_s))

    def edges_before_us(self, step_s: int, shift_s: int) -> list[int]:
        """Return the edges of as many intervals, each ``shift_s`` on the wall clock before its own."""
        edges, shift = self.edges_us(step_s), shift_s // step_s
        earlier = self.clock.before(edges[0], shift, step_s * SECOND_US, anchor_us(step_s))
        return [*earlier, *edges][: len(edges)]


def anchor_us(step_s: int) -> int:
    """Return what is to be added to a time so that intervals begin at multiples of their length."""
    return MONDAY_S * SECOND_US if step_s == WEEK_S else 0


def period_of(query: AnalyticsQuery, now: datetime) -> Period:
    """Return what ``query`` is about; raises BadQuery."""
    clock = wall_clock(query.offset_s, query.offset_changes)
    if query.span_s is not None:
        if query.since is not None or query.until is not None:
            raise BadQuery("Either span_s or since and until.")
        span_s, until = query.span_s, now
    elif query.since is not None and query.until is not None:
        until = min(query.until, now)
        span_s = (until - query.since).total_seconds()
    else:
        raise BadQuery("A period needs span_s, or since and until.")
    if not MIN_SPAN_S <= span_s <= MAX_SPAN_S:
        raise BadQuery("A period is at least 5 minutes and at most 5 years long, and has begun.")
    since = until - timedelta(seconds=span_s)
    return Period(now, from_us(to_us(since)), until, clock)
