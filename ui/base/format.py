"""Numbers, sizes and times as people read them: one formatter for the whole screen, unknown is always "–"."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

UNKNOWN: Final = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Units(StrEnum):
    """How sizes count."""

    BINARY = "binary"
    """1 KiB is 1,024 bytes."""
    DECIMAL = "decimal"
    """1 kB is 1,000 bytes."""


_SIZE_UNITS: Final = {
    Units.BINARY: (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")),
    Units.DECIMAL: (1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB")),
}
"""What each unit is of the one before, and their names."""
_NEXT_FROM: Final = 999.5
"""From here on a size is told in the next unit, so that it never has four digits."""


def size_unit(count: float, units: Units) -> tuple[float, str]:
    """Return how many bytes the unit has in which a size is told, and its name."""
    step, names = _SIZE_UNITS[units]
    unit, power = 1.0, 0
    while count / unit >= _NEXT_FROM and power < len(names) - 1:
        unit, power = unit * step, power + 1
    return unit, names[power]


def count_text(count: int | None) -> str:
    """Return a count with thousands marked: ``1,204``."""
    return UNKNOWN if count is None else f"{count:,}"


def counted(count: int, noun: str) -> str:
    """Return a count with what it counts: ``1 row``, ``1,204 rows``; ``noun`` is the word for one of them."""
    return f"{count_text(count)} {noun}{'' if count == 1 else 's'}"


def ratio_text(ratio: float | None, *, digits: int = 0) -> str:
    """Return a ratio as per cent: ``42 %``; never 100 % before it is, never 0 % once it has begun."""
    if ratio is None:
        return UNKNOWN
    percent = ratio * 100
    step = 10**-digits
    if 0 < percent < step:
        return f"< {step:g} %"
    if 100 - step < percent < 100:
        percent = 100 - step
    return f"{percent:.{digits}f} %"


def duration_text(seconds: float | None) -> str:
    """Return a duration with two parts at most: ``12 ms``, ``48 s``, ``2 h 05 min``, ``4 d 02 h``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return f"-{duration_text(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min" if minutes >= 10 or rest == 0 else f"{minutes} min {rest:02d} s"
    if whole < _DAY:
        hours, rest = divmod(whole, _HOUR)
        return f"{hours} h {rest // _MINUTE:02d} min"
    days, hours = whole // _DAY, whole % _DAY // _HOUR
    return f"{days:,} d" if days >= 10 or hours == 0 else f"{days} d {hours:02d} h"


def rough_duration_text(seconds: float | None) -> str:
    """Return the greatest part of a duration only, for what is guessed or changes: ``2 min``, ``3 d``."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    for size, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= size:
            return f"{whole // size:,} {word}"
    return f"{whole} s"


def age_text(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was: ``now``, ``18 s ago``, ``3 min ago``; ``in 2 h`` for what comes."""
    if at is None:
        return UNKNOWN
    seconds = (now - at).total_seconds()
    if seconds <= -1:
        return f"in {rough_duration_text(-seconds)}"
    if seconds < 2:
        return "now"
    return f"{rough_duration_text(seconds)} ago"


@dataclass(frozen=True, slots=True)
class Formatter:
    """Sizes in the chosen units and clock times in the chosen zone."""

    units: Units = Units.BINARY
    zone: tzinfo = UTC

    def size(self, count: float | None) -> str:
        """Return a size with three digits at most: ``1.4 GiB``, ``312 MiB``, ``12 B``.

        From 1,000 of a unit on it is told in the next one, also where that is less than 1: ``0.98 MiB``.
        """
        if count is None:
            return UNKNOWN
        if count < 0:
            return f"-{self.size(-count)}"
        unit, name = size_unit(count, self.units)
        value = count / unit
        digits = 0 if unit == 1 or value >= 99.95 else 1 if value >= 0.995 else 2
        return f"{value:,.{digits}f} {name}"

    def exact_size(self, count: int | None) -> str:
        """Return every byte, for tooltips: ``1,503,238,553 bytes``."""
        if count is None:
            return "unknown"
        return f"{count:,} byte" if count == 1 else f"{count:,} bytes"

    def rate(self, bytes_per_s: float | None) -> str:
        """Return a rate: ``31.0 MiB/s``."""
        return UNKNOWN if bytes_per_s is None else f"{self.size(bytes_per_s)}/s"

    def clock(self, at: datetime | None) -> str:
        """Return the time of day: ``14:02:11``."""
        return UNKNOWN if at is None else at.astimezone(self.zone).strftime("%H:%M:%S")

    def moment(self, at: datetime | None, now: datetime) -> str:
        """Return a time as short as it can be told apart: ``14:02``, ``Tue 03:12``, ``Mar 12 2027``."""
        if at is None:
            return UNKNOWN
        local, today = at.astimezone(self.zone), now.astimezone(self.zone)
        if local.date() == today.date():
            return local.strftime("%H:%M")
        if timedelta(0) < today - local < timedelta(days=6):
            return local.strftime("%a %H:%M")
        return self.date(at, now)

    def date(self, at: datetime | None, now: datetime) -> str:
        """Return a day: ``Mar 12``, with its year unless it is this one: ``Mar 12 2027``."""
        if at is None:
            return UNKNOWN
        local = at.astimezone(self.zone)
        text = f"{local:%b} {local.day}"
        return text if local.year == now.astimezone(self.zone).year else f"{text} {local.year}"

    def day_time(self, at: datetime | None) -> str:
        """Return a day and a time of it, for what is to come: ``Thu Dec 3, 18:22``."""
        if at is None:
            return UNKNOWN
        local = at.astimezone(self.zone)
        return f"{local:%a %b} {local.day}, {local:%H:%M}"

    def exact_time(self, at: datetime | None) -> str:
        """Return date, time and zone to the second, for tooltips: ``2026-03-12 14:02:11 UTC``."""
        return "unknown" if at is None else at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
