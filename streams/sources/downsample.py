"""Fewer points of a series, and no extreme of it lost."""

from collections.abc import Sequence

from streams.model.server import SeriesPoint

MAX_POINTS = 300
"""Of a series on the screen; more cost time and cannot be told apart."""


def thin(points: Sequence[SeriesPoint], most: int = MAX_POINTS) -> tuple[SeriesPoint, ...]:
    """Return at most ``most`` points, oldest first: those of equal lengths of time, each merged into one.

    A merged point has the time of its first, the least and the greatest of all, and the mean of their means.
    """
    if len(points) <= most:
        return tuple(points)
    first_at = points[0].at
    slot_s = (points[-1].at - first_at).total_seconds() / most
    groups: dict[int, list[SeriesPoint]] = {}
    for point in points:
        slot = int((point.at - first_at).total_seconds() / slot_s) if slot_s > 0 else 0
        groups.setdefault(min(slot, most - 1), []).append(point)
    return tuple(_merged(group) for group in groups.values())


def _merged(group: Sequence[SeriesPoint]) -> SeriesPoint:
    least, greatest = min(point.least for point in group), max(point.greatest for point in group)
    mean = sum(point.mean for point in group) / len(group)
    # A sum may be off by a rounding, the mean of equal values too.
    return SeriesPoint(at=group[0].at, least=least, mean=min(max(mean, least), greatest), greatest=greatest)
