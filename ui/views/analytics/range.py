"""The time range of the analytics view: a few lengths that end now, or two days that somebody names."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from streams.model.analytics import AnalyticsQuery

DAY_S: Final = 86400.0
MAX_DAYS: Final = 5 * 366
_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_OFFSET_STEP_S: Final = 300
_AHEAD: Final = timedelta(days=366)
"""A view that ends now stays open: changes that are to come are asked for too."""


class Span(StrEnum):
    """The ranges one can choose."""

    HOUR = "1 h"
    DAY = "24 h"
    WEEK = "7 d"
    MONTH = "30 d"
    QUARTER = "90 d"
    CUSTOM = "Custom"


SPAN_S: Final = {
    Span.HOUR: 3600.0,
    Span.DAY: DAY_S,
    Span.WEEK: 7 * DAY_S,
    Span.MONTH: 30 * DAY_S,
    Span.QUARTER: 90 * DAY_S,
}


@dataclass(frozen=True, slots=True)
class Range:
    """A chosen range; both days are meant whole."""

    span: Span = Span.MONTH
    first: date | None = None
    last: date | None = None
    compare: bool = False


@dataclass(frozen=True, slots=True)
class BadDays:
    """What is wrong with two days, beside the field that it is about."""

    first: str = ""
    last: str = ""


def day_of(text: str) -> date | None:
    """Return the day written as ``2026-03-12``; None for anything else."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def _no_day(text: str) -> str:
    return "There is no such day" if _DATE.fullmatch(text.strip()) else "Write a day as 2026-03-12"


def days_of(first_text: str, last_text: str, today: date) -> tuple[date, date] | BadDays:
    """Return the two days, or what is wrong with them."""
    first, last = day_of(first_text), day_of(last_text)
    if first is None or last is None:
        return BadDays("" if first else _no_day(first_text), "" if last else _no_day(last_text))
    if first > today:
        return BadDays(first="This day has not begun")
    if last < first:
        return BadDays(last="Before the first day")
    if (last - first).days >= MAX_DAYS:
        return BadDays(first="More than 5 years before the last day")
    return first, min(last, today)


def query_of(chosen: Range, now: datetime, zone: tzinfo) -> AnalyticsQuery:
    """Return the question for a range; without two days a custom one is the last 30 days."""
    since = until = None
    span_s = SPAN_S.get(chosen.span, SPAN_S[Span.MONTH])
    begin, end = now - timedelta(seconds=span_s), now + _AHEAD
    if chosen.span is Span.CUSTOM and chosen.first is not None and chosen.last is not None:
        since = begin = datetime.combine(chosen.first, time(), zone).astimezone(UTC)
        until = end = datetime.combine(chosen.last + timedelta(days=1), time(), zone).astimezone(UTC)
        span_s = (until - since).total_seconds()
    # The period before is of the same length, and its first week begins earlier still.
    begin -= timedelta(seconds=span_s, days=15)
    return AnalyticsQuery(
        span_s=None if since is not None else span_s,
        since=since,
        until=until,
        offset_s=_offset_s(begin, zone),
        offset_changes=",".join(
            f"{int(at.timestamp())}:{_offset_s(at, zone)}" for at in offset_changes(zone, begin, end)
        ),
        compare=chosen.compare,
    )


def offset_changes(zone: tzinfo, since: datetime, until: datetime) -> list[datetime]:
    """Return when the clocks of a zone are changed within a time, to the second."""
    found: list[datetime] = []
    at = since.astimezone(UTC).replace(microsecond=0)
    while at < until:
        after = at + timedelta(days=7)  # no zone goes back and forth within a week
        if _offset_s(at, zone) != _offset_s(after, zone):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                if _offset_s(middle, zone) == _offset_s(low, zone):
                    low = middle
                else:
                    high = middle
            found.append(high)
        at = after
    return [at for at in found if at < until]


def _offset_s(at: datetime, zone: tzinfo) -> int:
    """Return what clocks show more than UTC, in whole 5 minutes."""
    shown_s = (at.astimezone(zone).utcoffset() or timedelta(0)).total_seconds()
    return round(shown_s / _OFFSET_STEP_S) * _OFFSET_STEP_S


def kept_range(kept: object) -> Range:
    """Return a range as it was remembered; the usual one where it cannot be read."""
    if not isinstance(kept, dict):
        return Range()
    words = {str(key): value for key, value in kept.items()}
    span = next((each for each in Span if each.value == words.get("span")), Span.MONTH)
    first, last = day_of(str(words.get("first"))), day_of(str(words.get("last")))
    if span is Span.CUSTOM and (first is None or last is None or last < first):
        span = Span.MONTH
    return Range(span, first, last, bool(words.get("compare", False)))


def range_words(chosen: Range) -> dict[str, object]:
    """Return a range to be remembered."""
    return {
        "span": chosen.span.value,
        "first": chosen.first.isoformat() if chosen.first else "",
        "last": chosen.last.isoformat() if chosen.last else "",
        "compare": chosen.compare,
    }
