"""Load of both programs and the disk in the analytics view: lines over time as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from streams.model.analytics import LoadHistory, StorageTrend
from streams.model.server import Series, SeriesPoint, StorageForecast
from ui.base.format import Formatter
from ui.base.theme import Tone
from ui.components.charts.model import BARE, EARLIER, OTHER, PEAK, PLAIN, Line, LinePlot, Spot, Stroke
from ui.components.charts.scale import Unit, moment_text, tick_text, time_ticks, value_scale, value_text
from ui.views.analytics.present import Drawn
from ui.views.shared.present import present_forecast

MAX_TICKS: Final = 6
MEAN: Final = "mean"
"""The label of a line that has its peaks beside it."""
_BAND: Final = Stroke(color=OTHER.color, width=1.0, dash=(2, 3))
_FULL: Final = Stroke(color=Tone.BAD.color, width=1.4, dash=(8, 4))
_AHEAD: Final = (0.35, 1.0)
"""How far a forecast is drawn, in lengths of the period: at least, and at most."""
_NEAR_FULL: Final = 1.6
"""The size at which the disk is full is drawn when it is at most so many times the greatest that is drawn."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a metric: which series, what it is called, and whether its peaks are the line."""

    series: str
    label: str
    peaks: bool = False


@dataclass(frozen=True, slots=True)
class LoadMetric:
    """One choice of a card about load; a single line gets its peaks beside it."""

    name: str
    lines: tuple[Told, ...]
    unit: Unit
    from_zero: bool = True


SERVER: Final = (
    LoadMetric("CPU", (Told("cpu_ratio", MEAN),), Unit.RATIO),
    LoadMetric("Memory", (Told("memory_bytes", MEAN),), Unit.BYTES),
    LoadMetric(
        "Throughput",
        (Told("received_bps", "received", peaks=True), Told("sent_bps", "sent", peaks=True)),
        Unit.BYTE_RATE,
    ),
)
CONSOLE: Final = (
    LoadMetric("Event to screen", (Told("p50_s", "median"), Told("p99_s", "99 %", peaks=True)), Unit.SECONDS),
    LoadMetric("Events", (Told("events_per_s", MEAN),), Unit.RATE),
    LoadMetric("Frames", (Told("frames_per_s", MEAN),), Unit.RATE),
    LoadMetric("Memory", (Told("memory_bytes", MEAN),), Unit.BYTES),
)


def metric_of(metrics: Sequence[LoadMetric], name: str) -> LoadMetric:
    """Return a metric by its name; the first one for an unknown name."""
    return next((metric for metric in metrics if metric.name == name), metrics[0])


def present_load(
    title: str, history: LoadHistory, metric: LoadMetric, words: Formatter, *, from_first: bool = False
) -> Drawn:
    """Return the lines of one metric, and of the period before under them.

    ``from_first`` lets the axis begin where the first value is, for what is only known since a start.
    """
    by_name = {series.name: series for series in history.series}
    earlier = {series.name: series for series in history.before}
    shift = timedelta(seconds=history.shift_s)
    lines: list[Line] = []
    heads: list[str] = []
    for index, told in enumerate(metric.lines):
        series = by_name.get(told.series)
        if series is None or not series.points:
            continue
        gap_s = _gap_s(series)
        if told.series in earlier:
            old = earlier[told.series]
            spots = _spots(old.points, told, metric.unit, words, moved=shift, prefix="before: ")
            lines.append(Line("before" if index == 0 else "", spots, EARLIER, _gap_s(old)))
        stroke = PLAIN if index == 0 else OTHER
        if len(metric.lines) == 1:
            lines.append(_peaks(series, metric.unit, words, gap_s))
        lines.append(Line(told.label, _spots(series.points, told, metric.unit, words), stroke, gap_s))
        greatest = value_text(max(point.greatest for point in series.points), metric.unit, words)
        if len(metric.lines) == 1 or told.peaks:
            heads.append(f"{told.label} up to {greatest}" if told.peaks else f"up to {greatest}")
    spots = [spot for line in lines for spot in line.spots]
    since = history.since
    if from_first and spots:
        since = max(since, min(spot.at for spot in spots))
        if since > history.since:
            heads.append(f"since {words.moment(since, history.as_of)}")
    scale = value_scale([spot.value for spot in spots], metric.unit, words, from_zero=metric.from_zero)
    head = ", ".join(heads)
    plot = LinePlot(
        lines=tuple(line for line in lines if line.spots),
        since=since,
        until=history.until,
        times=time_ticks(since, history.until, words.zone, most=MAX_TICKS),
        scale=scale,
        scale_labels=tuple(tick_text(each, scale, words) for each in scale.ticks),
        summary=f"{title}, {metric.name}: {head}",
    )
    return Drawn(title, head, plot, head)


def present_storage(trend: StorageTrend, words: Formatter) -> Drawn:
    """Return the size of the file store, its forecast with the band around it, and where the disk is full."""
    history, forecast = trend.history, trend.forecast
    series = history.series[0] if history.series else None
    points = series.points if series is not None else ()
    told = Told("store_bytes", "store")
    gap_s = _gap_s(series) if series is not None else 0.0
    lines = [Line("store", _spots(points, told, Unit.BYTES, words), BARE, gap_s)] if points else []
    for old in history.before:
        shift = timedelta(seconds=history.shift_s)
        spots = _spots(old.points, told, Unit.BYTES, words, moved=shift, prefix="before: ")
        if spots:
            lines.append(Line("before", spots, EARLIER, _gap_s(old)))
    head, why = present_forecast(forecast, history.as_of, words)
    until = history.until
    if points and forecast.growth_bytes_per_day is not None and history.as_of - until < timedelta(hours=1):
        until = _horizon(history, forecast)
        # These end before the edge, where no word can stand beside them.
        head += ", grey: before" if any(line.stroke is EARLIER for line in lines) else ""
        lines = [replace(line, label="") for line in lines]
        lines += _forecast_lines(points[-1], forecast, history.as_of, until, words)
    values = [spot.value for line in lines for spot in line.spots]
    scale = value_scale(values, Unit.BYTES, words, from_zero=False)
    plot = LinePlot(
        lines=tuple(lines),
        since=history.since,
        until=until,
        times=time_ticks(history.since, until, words.zone, most=MAX_TICKS),
        scale=scale,
        scale_labels=tuple(tick_text(each, scale, words) for each in scale.ticks),
        summary=f"Storage: {head}. {why}",
    )
    return Drawn("Storage, with forecast", head, plot, why)


def has_points(history: LoadHistory, metric: LoadMetric | None = None) -> bool:
    """Whether anything was measured in the period; of one metric where it is given."""
    names = None if metric is None else {told.series for told in metric.lines}
    return any(series.points for series in history.series if names is None or series.name in names)


def _spots(
    points: Sequence[SeriesPoint],
    told: Told,
    unit: Unit,
    words: Formatter,
    *,
    moved: timedelta = timedelta(0),
    prefix: str = "",
) -> tuple[Spot, ...]:
    return tuple(
        Spot(
            point.at + moved,
            point.greatest if told.peaks else point.mean,
            f"{prefix}{moment_text(point.at, words.zone)}\n{_said(point, told, unit, words)}",
        )
        for point in points
    )


def _said(point: SeriesPoint, told: Told, unit: Unit, words: Formatter) -> str:
    mean = value_text(point.mean, unit, words)
    if point.least == point.greatest:
        return f"{told.label} {mean}"
    if told.label == MEAN:
        return f"{mean}, least {value_text(point.least, unit, words)}"
    least, greatest = value_text(point.least, unit, words), value_text(point.greatest, unit, words)
    return f"{told.label} {mean} ({least} \N{EN DASH} {greatest})"


def _peaks(series: Series, unit: Unit, words: Formatter, gap_s: float) -> Line:
    spots = tuple(
        Spot(point.at, point.greatest, f"peak {value_text(point.greatest, unit, words)}")
        for point in series.points
    )
    return Line("peak", spots, PEAK, gap_s)


def _gap_s(series: Series) -> float:
    """Return from which distance on two points are not joined: more than most of them are apart."""
    times = [point.at for point in series.points]
    apart = sorted((b - a).total_seconds() for a, b in pairwise(times))
    usual = apart[int(len(apart) * 0.9)] if apart else 0.0
    return 2.5 * max(usual, series.step_s)


def _horizon(history: LoadHistory, forecast: StorageForecast) -> datetime:
    """Return until when the forecast is drawn: until the disk is full, if that is not too far away."""
    span = history.until - history.since
    least, most = (history.as_of + span * share for share in _AHEAD)
    wanted = forecast.full_latest or forecast.full_at or least
    return min(max(least, wanted + span * 0.05), most)


def _forecast_lines(
    last: SeriesPoint, forecast: StorageForecast, now: datetime, until: datetime, words: Formatter
) -> list[Line]:
    """Return the line of the forecast, the two of its band, and the size at which the disk is full."""
    full = last.mean + forecast.disk_free_bytes

    def straight(rate: float, said: str, label: str, stroke: Stroke) -> Line:
        end, size = until, last.mean + rate * (until - now).total_seconds()
        if size > full and rate > 0:
            end, size = now + timedelta(seconds=(full - last.mean) / rate), full
        foot = Spot(now, last.mean, f"{said} {words.size(last.mean)} now")
        top = Spot(end, size, f"{moment_text(end, words.zone)}\n{said} {words.size(size)}")
        return Line(label, (foot, top), stroke)

    told = (
        (forecast.growth_bytes_per_day, "forecast", "forecast", OTHER),
        (forecast.growth_greatest_bytes_per_day, "at most", "", _BAND),
        (forecast.growth_least_bytes_per_day, "at least", "", _BAND),
    )
    lines = [
        straight(growth / 86400, said, label, stroke)
        for growth, said, label, stroke in told
        if growth is not None
    ]
    greatest = max(spot.value for line in lines for spot in line.spots)
    if full <= greatest * _NEAR_FULL:
        text = f"full at {words.size(full)}"
        lines.append(Line("full", (Spot(now, full, text), Spot(until, full, text)), _FULL))
    return lines
