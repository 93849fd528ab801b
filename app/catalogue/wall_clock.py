"""The clock on the wall of whoever asks, as the offsets from UTC that it shows and when they change."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from app.catalogue.errors import BadQuery
from app.catalogue.times import SECOND_US

FARTHEST_OFFSET_S = 26 * 3600
MAX_CHANGES = 64
_LONG_AGO_US, _NEVER_US = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time during which the wall clock shows so much more than UTC."""

    start_us: int
    end_us: int
    offset_us: int


@dataclass(frozen=True, slots=True)
class WallClock:
    """Offsets from UTC, in order; the first holds since ever, the last for ever."""

    stretches: tuple[Stretch, ...]

    def within(self, start_us: int, end_us: int) -> Iterator[Stretch]:
        """Yield the parts of a time that have one offset each."""
        for part in self.stretches:
            start, end = max(start_us, part.start_us), min(end_us, part.end_us)
            if start < end:
                yield Stretch(start, end, part.offset_us)

    def edges(self, since_us: int, until_us: int, step_us: int, anchor_us: int = 0) -> list[int]:
        """Return where intervals of the wall clock begin, and last where the last one ends.

        The first begins at ``since_us`` or before, the last ends at ``until_us`` or after. One in which the
        clock is changed is longer or shorter than the others, such as a day of 23 or 25 hours.
        """
        found = [self._begin(since_us, step_us, anchor_us)]
        while found[-1] < until_us:
            found.append(self._next(found[-1], step_us, anchor_us))
        return found

    def before(self, start_us: int, count: int, step_us: int, anchor_us: int = 0) -> list[int]:
        """Return where the last ``count`` intervals before the one that begins at ``start_us`` begin."""
        found = [start_us]
        while len(found) <= count:
            found.append(self._begin(found[-1] - 1, step_us, anchor_us))
        return found[:0:-1]

    def _begin(self, at_us: int, step_us: int, anchor_us: int) -> int:
        """Return the beginning of the interval that a time lies in."""
        which = bisect_right(self.stretches, at_us, key=lambda part: part.start_us) - 1
        part = self.stretches[which]
        begun = at_us - (at_us + part.offset_us + anchor_us) % step_us
        return begun if begun >= part.start_us else self._begin(part.start_us - 1, step_us, anchor_us)

    def _next(self, at_us: int, step_us: int, anchor_us: int) -> int:
        """Return the first beginning of an interval after a time."""
        for part in self.stretches:
            if part.end_us <= at_us:
                continue
            start = max(at_us + 1, part.start_us)
            begins = start + -(start + part.offset_us + anchor_us) % step_us
            if begins < part.end_us:
                return begins
        raise AssertionError("the last stretch has no end")


def wall_clock(offset_s: int, changes: str = "") -> WallClock:
    """Return the clock of an offset and of later ones, as ``AnalyticsQuery`` has them; raises BadQuery."""
    starts = [(_LONG_AGO_US, _checked(offset_s))]
    for part in changes.split(",") if changes else ():
        at, _, offset = part.partition(":")
        try:
            starts.append((int(at) * SECOND_US, _checked(int(offset))))
        except ValueError:
            raise BadQuery("offset_changes is a list such as 1774746000:7200,1792890000:3600.") from None
    if len(starts) > MAX_CHANGES or any(a[0] >= b[0] for a, b in pairwise(starts)):
        raise BadQuery(f"offset_changes has at most {MAX_CHANGES} times, in their order.")
    ends = [*(at for at, _ in starts[1:]), _NEVER_US]
    return WallClock(
        tuple(
            Stretch(start, end, offset * SECOND_US) for (start, offset), end in zip(starts, ends, strict=True)
        )
    )


def _checked(offset_s: int) -> int:
    if abs(offset_s) > FARTHEST_OFFSET_S or offset_s % 300:
        raise BadQuery("An offset is whole 5 minutes, at most 26 hours.")
    return offset_s
