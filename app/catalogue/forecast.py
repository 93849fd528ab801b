"""Forecast of a full disk: a line fitted to the store's growth, with its uncertainty."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from streams.model.server import StorageForecast

DAY_S = 86400.0
MIN_HISTORY_S = DAY_S
FARTHEST = timedelta(days=5 * 365)
SURE = 1.96
"""Standard errors to either side: 19 of 20 lines lie between."""


def forecast(
    history: Sequence[tuple[datetime, float]],
    *,
    now: datetime,
    disk_total_bytes: int,
    disk_free_bytes: int,
) -> StorageForecast:
    """Return the forecast for a store whose sizes are ``history``, oldest first.

    No growth with less than a day of history; no ``full_at`` where it does not grow or is 5 years away.
    """
    plain = StorageForecast(at=now, disk_total_bytes=disk_total_bytes, disk_free_bytes=disk_free_bytes)
    if len(history) < 3 or (history[-1][0] - history[0][0]).total_seconds() < MIN_HISTORY_S:
        return plain
    growth, error = _line(history)
    return StorageForecast(
        at=now,
        disk_total_bytes=disk_total_bytes,
        disk_free_bytes=disk_free_bytes,
        growth_bytes_per_day=growth,
        growth_least_bytes_per_day=growth - SURE * error,
        growth_greatest_bytes_per_day=growth + SURE * error,
        full_at=_full(now, disk_free_bytes, growth),
        full_earliest=_full(now, disk_free_bytes, growth + SURE * error),
        full_latest=_full(now, disk_free_bytes, growth - SURE * error),
    )


def _line(history: Sequence[tuple[datetime, float]]) -> tuple[float, float]:
    """Return the slope in bytes a day by least squares, and its standard error."""
    days = [(at - history[0][0]).total_seconds() / DAY_S for at, _ in history]
    sizes = [size for _, size in history]
    count = len(history)
    mean_day, mean_size = sum(days) / count, sum(sizes) / count
    spread = sum((day - mean_day) ** 2 for day in days)
    slope = sum((d - mean_day) * (s - mean_size) for d, s in zip(days, sizes, strict=True)) / spread
    missed = sum((s - mean_size - slope * (d - mean_day)) ** 2 for d, s in zip(days, sizes, strict=True))
    return slope, math.sqrt(missed / (count - 2) / spread)


def _full(now: datetime, free_bytes: int, growth: float) -> datetime | None:
    if growth <= 0:
        return None
    days = free_bytes / growth
    return now + timedelta(days=days) if days <= FARTHEST.days else None
