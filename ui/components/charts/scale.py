"""Round ticks for values and times, and the words beside them; plain values, no control."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from ui.base.format import Formatter, count_text, duration_text, ratio_text, size_unit

MINUTE, HOUR, DAY = 60, 3600, 86400
TIME_STEPS_S: Final = (
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 5, 7, 14, 30, 60, 90, 180, 365, 730)),
)
_FINEST_S: Final = ((10 * DAY, DAY), (DAY, HOUR), (MINUTE, MINUTE))
"""From which duration on ticks are at least how far apart."""
MAX_TICKS: Final = 5
"""Of values; the top one is the end of the axis."""


class Unit(StrEnum):
    """What the values of a chart count."""

    COUNT = "count"
    BYTES = "bytes"
    BYTE_RATE = "bytes/s"
    RATIO = "ratio"
    SECONDS = "s"
    RATE = "1/s"


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis of values from ``low`` up to ``high``, with a tick at each ``step``."""

    low: float
    step: float
    steps: int
    unit: Unit

    @property
    def high(self) -> float:
        """The top of the axis."""
        return self.low + self.step * self.steps

    @property
    def ticks(self) -> tuple[float, ...]:
        """The values that have a tick, lowest first."""
        return tuple(self.low + self.step * i for i in range(self.steps + 1))

    def place(self, value: float) -> float:
        """Return where a value stands, in steps from the foot; ticks stand at whole numbers."""
        return (value - self.low) / self.step


@dataclass(frozen=True, slots=True)
class TimeTicks:
    """Ticks of a time axis at equal distances, each with its words.

    A day that the clocks are changed on is not as long as the others: its words stand up to an hour off.
    """

    first: datetime
    step_s: int
    labels: tuple[str, ...]
    times: tuple[datetime, ...] = ()
    """What the words are about: midnights, also when the clocks have been changed in between."""

    def place(self, at: datetime) -> float:
        """Return where a time stands, in steps from the first tick; ticks stand at whole numbers."""
        return (at - self.first).total_seconds() / self.step_s


def value_scale(
    values: Sequence[float], unit: Unit, words: Formatter, *, from_zero: bool = True, most: int = MAX_TICKS
) -> Scale:
    """Return the smallest axis with at most ``most`` round steps that holds all values."""
    finite = [value for value in values if math.isfinite(value)]
    greatest, least = max(finite, default=0.0), min(finite, default=0.0)
    if from_zero:
        greatest, least = max(greatest, 0.0), min(least, 0.0)
    largest = max(abs(greatest), abs(least))
    sized = unit in (Unit.BYTES, Unit.BYTE_RATE)
    if sized and greatest - least < _finest_size(largest, words) / 2:
        # Their words are the same: from zero, how large they are is seen at least.
        greatest, least = max(greatest, 0.0), min(least, 0.0)
    for step in _steps(unit, largest, words):
        low = math.floor(least / step + 1e-9) * step
        count = max(1, math.ceil((greatest - low) / step - 1e-9))
        if count > most:
            continue
        scale = Scale(low, step, count, unit)
        if sized and size_unit(largest, words.units) != size_unit(scale.high, words.units):
            # The top is told in a larger unit, of whose parts these steps are none.
            return value_scale([*finite, scale.high], unit, words, from_zero=from_zero, most=most)
        if not sized or step >= _finest_size(scale.high, words):
            return scale
    raise ValueError(f"{greatest} is no value of a chart")


def _finest_size(largest: float, words: Formatter) -> float:
    """Return how far sizes are apart that three digits tell apart; more digits have no room at the axis."""
    size, _ = size_unit(largest, words.units)
    digits = math.floor(math.log10(max(largest / size, 1.0)) + 1e-9)
    return max(10.0 ** (digits - 2) * size * (1 - 1e-9), 1.0)


def _steps(unit: Unit, largest: float, words: Formatter) -> Iterator[float]:
    """Yield round steps, smallest first; sizes in parts of the unit that the largest of them is told in."""
    match unit:
        case Unit.RATIO:
            yield from (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
            yield from _decimal(1.0)
        case Unit.SECONDS:
            # Long durations are told in minutes, hours or days: finer ticks would have the same words.
            finest = next((step for from_s, step in _FINEST_S if largest >= from_s), 0.0)
            known = (*(m * 10.0**e for e in range(-9, 0) for m in (1, 2, 5)), 1, 2, 5, 10, 15, 30)
            more = (60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR)
            yield from (step for step in (*known, *more, *_decimal(DAY)) if step >= finest)
        case Unit.BYTES | Unit.BYTE_RATE:
            size, _ = size_unit(largest, words.units)
            yield from (max(m * 10.0**e * size, 1.0) for e in range(-9, 4) for m in (1, 2, 5))
        case Unit.RATE:
            yield from _decimal(0.1)
        case Unit.COUNT:
            yield from _decimal(1.0)


def _decimal(first: float) -> Iterator[float]:
    for exponent in range(18):
        yield from (first * m * 10**exponent for m in (1, 2, 5))


def value_text(value: float, unit: Unit, words: Formatter) -> str:
    """Return a value with its unit, to be read."""
    match unit:
        case Unit.BYTES:
            return words.size(value)
        case Unit.BYTE_RATE:
            return words.rate(value)
        case Unit.RATIO:
            return ratio_text(value, digits=1)
        case Unit.SECONDS:
            return duration_text(value) if value >= 0.01 or value == 0 else f"{value * 1000:.1f} ms"
        case Unit.RATE:
            return f"{value:,.1f} /s"
        case Unit.COUNT:
            return count_text(round(value))


def tick_text(value: float, scale: Scale, words: Formatter) -> str:
    """Return a round value as short as it can be: ``2 GiB``, ``50 %``."""
    match scale.unit:
        case Unit.RATIO:
            return f"{value * 100:,.{_digits(scale.step * 100)}f} %"
        case Unit.RATE:
            return f"{value:,.{_digits(scale.step)}f} /s"
        case Unit.SECONDS if value == 0:
            return "0"
        case Unit.SECONDS if scale.high < MINUTE:
            size, name = (1.0, "s") if scale.high >= 1 else (0.001, "ms")
            return f"{value / size:,.{_digits(scale.step / size)}f} {name}"
        case Unit.BYTES | Unit.BYTE_RATE if value == 0:
            return "0"
        case Unit.BYTES | Unit.BYTE_RATE:
            size, name = size_unit(scale.high, words.units)
            digits = _digits(scale.step / size)
            return f"{value / size:,.{digits}f} {name}{'/s' if scale.unit is Unit.BYTE_RATE else ''}"
        case _:
            return value_text(value, scale.unit, words).replace(".0 ", " ")


def _digits(step: float) -> int:
    """Return how many digits after the point tell neighbouring ticks apart."""
    return max(0, math.ceil(-math.log10(step) - 1e-9))


def time_ticks(since: datetime, until: datetime, zone: tzinfo, *, most: int = 7) -> TimeTicks:
    """Return ticks at round times of the clock in ``zone``, at most ``most``; days begin at midnight."""
    span_s = (until - since).total_seconds()
    step_s = next((step for step in TIME_STEPS_S if span_s / step <= most), TIME_STEPS_S[-1])
    local = since.astimezone(zone)
    midnight = datetime.combine(local.date(), time(), zone)
    if step_s >= DAY:
        first = midnight if midnight == local else midnight + timedelta(days=1)
    else:
        begun_s = (local - midnight).total_seconds()
        first = midnight + timedelta(seconds=math.ceil(begun_s / step_s - 1e-9) * step_s)
    # Adding days to a local time goes from midnight to midnight; hours are added to what has really passed.
    begin = first if step_s >= DAY else first.astimezone(UTC)
    first = first.astimezone(UTC)
    count = max(0, int((until - first).total_seconds() // step_s) + 1)
    times = [(begin + timedelta(seconds=step_s * i)).astimezone(UTC) for i in range(count)]
    times = [at for at in times if at <= until]
    return TimeTicks(first, step_s, tuple(time_text(at, step_s, zone) for at in times), tuple(times))


def time_text(at: datetime, step_s: float, zone: tzinfo) -> str:
    """Return a tick's time: ``14:00``, at midnight and from days on the day: ``Mar 12``."""
    local = at.astimezone(zone)
    if step_s >= 90 * DAY:
        return f"{local:%b %Y}"
    if step_s >= DAY or (local.hour == 0 and local.minute == 0 and step_s >= HOUR):
        return f"{local:%b} {local.day}"
    return f"{local:%H:%M}"


def span_text(at: datetime, step_s: float, zone: tzinfo) -> str:
    """Return when an interval is: ``Tue Mar 12``, ``Tue Mar 12 14:00 - 15:00``, ``Week of Mar 9``."""
    local = at.astimezone(zone)
    day = f"{local:%a %b} {local.day}"
    if step_s >= 7 * DAY:
        return f"Week of {local:%b} {local.day} {local.year}"
    if step_s >= DAY:
        return day
    end = local.replace(tzinfo=None) + timedelta(seconds=step_s)  # intervals follow the clock on the wall
    return f"{day} {local:%H:%M} \N{EN DASH} {end:%H:%M}"


def moment_text(at: datetime, zone: tzinfo) -> str:
    """Return when a value of a line is: ``Tue Mar 12 14:05``."""
    local = at.astimezone(zone)
    return f"{local:%a %b} {local.day} {local:%H:%M}"
