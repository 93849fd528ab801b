"""Texts and values of the analytics view: bars, lines and shades of backups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from streams.model.analytics import BackupHistory, BackupInterval, ClientHeat, ClientHours
from ui.base.format import Formatter, count_text, counted, ratio_text
from ui.base.theme import Tone
from ui.components.charts.heat import HeatCell, HeatPlot, HeatRow, level_of
from ui.components.charts.model import (
    BARE,
    EARLIER,
    MAIN,
    Bar,
    BarPlot,
    Line,
    LinePlot,
    Part,
    Spot,
    Stroke,
)
from ui.components.charts.scale import Unit, span_text, tick_text, time_ticks, value_scale

STEP_WORDS: Final = {
    300: "5 min",
    1800: "30 min",
    3600: "hour",
    21600: "6 h",
    86400: "day",
    604800: "week",
}
MAX_WORDS: Final = 7
"""Below the bars."""
MIN_RATIO: Final = 0.9
"""The success axis reaches at least down to here, so that one failure does not look like a catastrophe."""
_OPEN: Final = Stroke(color=MAIN, width=1.2, dash=(4, 3))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card's title, the number beside it, and its picture."""

    title: str
    head: str
    plot: BarPlot | LinePlot | HeatPlot
    head_exact: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    """How the bar of an interval is made, and what is said about it and the one before."""

    parts_of: Callable[[BackupInterval], tuple[Part, ...]]
    said: Callable[[BackupInterval], str]
    before_of: Callable[[BackupInterval], float]
    before_said: Callable[[BackupInterval], str]


def present_backups(history: BackupHistory, words: Formatter) -> Drawn:
    """Return the runs of each interval: complete, partial, failed and cancelled, from the foot up."""
    total = sum(each.runs for each in history.intervals)
    before = sum(each.runs for each in history.before)
    states = (
        ("complete", MAIN, lambda i: i.complete),
        ("partial", Tone.WARNING.color, lambda i: i.partial),
        ("failed", Tone.BAD.color, lambda i: i.failed),
        ("cancelled", Tone.QUIET.color, lambda i: i.cancelled),
    )

    def said(interval: BackupInterval) -> str:
        counts = [f"{count_text(of(interval))} {name}" for name, _, of in states if of(interval)]
        return ", ".join(counts) or "no backup"

    told = _Told(
        parts_of=lambda i: tuple(Part(of(i), color) for _, color, of in states),
        said=said,
        before_of=lambda i: float(i.runs),
        before_said=lambda i: counted(i.runs, "backup"),
    )
    failed = sum(each.failed for each in history.intervals)
    head = _compared(counted(total, "backup"), count_text(before), history)
    exact = f"{counted(total, 'backup')} ended, {count_text(failed)} of them failed"
    return Drawn(
        f"Backups per {_step(history)}", head, _bar_plot(history, told, Unit.COUNT, exact, words), exact
    )


def present_volume(history: BackupHistory, words: Formatter, *, seen: bool) -> Drawn:
    """Return the bytes that were sent in each interval, or those that were looked at."""

    def of(interval: BackupInterval) -> int:
        return interval.bytes_seen if seen else interval.bytes_sent

    told = _Told(
        parts_of=lambda i: (Part(float(of(i)), MAIN),),
        said=lambda i: f"{words.size(i.bytes_sent)} sent of {words.size(i.bytes_seen)} seen",
        before_of=lambda i: float(of(i)),
        before_said=lambda i: words.size(of(i)),
    )
    sent, looked_at = (
        sum(each.bytes_sent for each in history.intervals),
        sum(each.bytes_seen for each in history.intervals),
    )
    before = words.size(sum(of(each) for each in history.before))
    head = _compared(words.size(looked_at if seen else sent), before, history)
    exact = f"{words.exact_size(sent)} sent of {words.exact_size(looked_at)} seen"
    return Drawn("Data volume", head, _bar_plot(history, told, Unit.BYTES, exact, words), exact)


def present_success(history: BackupHistory, words: Formatter) -> Drawn:
    """Return which part of the runs of each interval kept everything; a partial one is no success."""
    shift = timedelta(seconds=history.shift_s)
    gap_s = 2.5 * history.step_s

    def spot(interval: BackupInterval, ratio: float, moved: timedelta, prefix: str) -> Spot:
        when = span_text(interval.at, history.step_s, words.zone)
        judged = interval.runs - interval.cancelled
        of = f"{count_text(interval.complete)} of {count_text(judged)}{_partial(interval.partial)}"
        text = f"{prefix}{when}\n{ratio_text(ratio, digits=1)} ({of})"
        return Spot(interval.at + moved, ratio, text)

    def spots(intervals: Sequence[BackupInterval], moved: timedelta, prefix: str = "") -> tuple[Spot, ...]:
        return tuple(
            spot(each, each.success_ratio, moved, prefix)
            for each in intervals
            if each.success_ratio is not None
        )

    told = spots(history.intervals, timedelta(0))
    open_from = history.intervals[-1].at if _is_open(history, len(history.intervals) - 1) else None
    closed = tuple(each for each in told if each.at != open_from)
    tail = told[-2:] if open_from is not None and told and told[-1].at == open_from else ()
    lines = [Line("now" if history.before else "", closed, BARE, gap_s)]
    if tail:
        lines.append(Line("", tail, _OPEN, gap_s))
    earlier = spots(history.before, shift, "before: ")
    if earlier:
        lines.append(Line("before", earlier, EARLIER, gap_s))
    ratios = [each.value for line in lines for each in line.spots]
    scale = value_scale([min([MIN_RATIO, *ratios]), 1.0], Unit.RATIO, words, from_zero=False)
    overall = _ratio(history.intervals)
    partial = sum(each.partial for each in history.intervals)
    share = ratio_text(overall, digits=2)
    exact = f"{share} of all backups that were not cancelled were complete{_partial(partial)}"
    since = history.intervals[0].at if history.intervals else history.since
    plot = LinePlot(
        lines=tuple(lines),
        since=since,
        until=history.until,
        times=time_ticks(since, history.until, words.zone, most=MAX_WORDS - 1),
        scale=scale,
        scale_labels=tuple(tick_text(each, scale, words) for each in scale.ticks),
        summary=f"Success rate: {exact}",
    )
    head = _compared(ratio_text(overall, digits=1), ratio_text(_ratio(history.before), digits=1), history)
    return Drawn("Success rate", head, plot, exact)


def present_heat(heat: ClientHeat, _words: Formatter) -> Drawn:
    """Return a row for each client and a column for each hour of the day."""
    clients = [*heat.clients, *([heat.others] if heat.others is not None else [])]
    greatest = max((n for client in heat.clients for n in client.runs), default=0)
    rows = tuple(_heat_row(client, greatest) for client in clients)
    runs = sum(sum(client.runs) for client in clients)
    failed = sum(sum(client.failed) for client in clients)
    by_hour = [sum(client.runs[hour] for client in clients) for hour in range(24)]
    busiest = max(range(24), key=lambda hour: by_hour[hour])
    exact = f"{counted(runs, 'backup')}, {count_text(failed)} failed; most of them at {busiest:02d}:00"
    plot = HeatPlot(
        rows=rows,
        columns=24,
        heads=tuple((hour, f"{hour:02d}") for hour in range(0, 24, 3)),
        summary=f"Activity by client and hour: {exact}",
    )
    head = f"busiest at {busiest:02d}:00" if runs else ""
    return Drawn("Activity by client and hour", head, plot, exact)


def _heat_row(client: ClientHours, greatest: int) -> HeatRow:
    top = greatest if client.client_id else max(client.runs, default=0)
    cells = tuple(
        HeatCell(
            level=level_of(runs, top),
            failed=failed / runs if runs else 0.0,
            text=f"{client.name}, {hour:02d}:00 \N{EN DASH} {(hour + 1) % 24:02d}:00: "
            + counted(runs, "backup")
            + (f", {count_text(failed)} failed" if failed else ""),
        )
        for hour, (runs, failed) in enumerate(zip(client.runs, client.failed, strict=True))
    )
    return HeatRow(client.name, cells, f"client:{client.client_id}" if client.client_id else "")


def _bar(history: BackupHistory, index: int, told: _Told, words: Formatter) -> Bar:
    interval = history.intervals[index]
    parts = told.parts_of(interval)
    still_open = _is_open(history, index)
    when = span_text(interval.at, history.step_s, words.zone)
    text = f"{when}{' (not over yet)' if still_open else ''}\n{told.said(interval)}"
    if index >= len(history.before):
        return Bar(parts, text, open=still_open)
    earlier = history.before[index]
    then, before = span_text(earlier.at, history.step_s, words.zone), told.before_said(earlier)
    return Bar(
        parts,
        f"{text}\nbefore: {before}",
        before=told.before_of(earlier),
        before_text=f"before: {then}\n{before}",
        open=still_open,
    )


def _bar_plot(history: BackupHistory, told: _Told, unit: Unit, exact: str, words: Formatter) -> BarPlot:
    bars = [_bar(history, index, told, words) for index in range(len(history.intervals))]
    tops = [sum(part.value for part in bar.parts) for bar in bars]
    scale = value_scale([*tops, *(bar.before for bar in bars if bar.before is not None)], unit, words)
    return BarPlot(
        bars=tuple(bars),
        labels=_bar_labels(history, words),
        scale=scale,
        scale_labels=tuple(tick_text(each, scale, words) for each in scale.ticks),
        summary=exact,
    )


def _bar_labels(history: BackupHistory, words: Formatter) -> tuple[tuple[int, str], ...]:
    """Return which bars have words: those at round times, or every so many where too few are."""
    starts = {each.at: index for index, each in enumerate(history.intervals)}
    if len(starts) < 2:
        return ()
    ticks = time_ticks(history.intervals[0].at, history.until, words.zone, most=MAX_WORDS)
    found = [(starts[at], text) for at, text in zip(ticks.times, ticks.labels, strict=True) if at in starts]
    if len(found) >= 3:
        return tuple(found)
    every = -(-len(starts) // MAX_WORDS)
    return tuple(
        (index, f"{local:%b} {local.day}" if history.step_s >= 86400 else f"{local:%H:%M}")
        for at, index in starts.items()
        if index % every == 0
        for local in [at.astimezone(words.zone)]
    )


def _is_open(history: BackupHistory, index: int) -> bool:
    if index == len(history.intervals) - 1 and history.until >= history.as_of:
        return True
    return history.intervals[index].at + timedelta(seconds=history.step_s) > history.as_of


def _ratio(intervals: Sequence[BackupInterval]) -> float | None:
    good = sum(each.complete for each in intervals)
    judged = good + sum(each.partial + each.failed for each in intervals)
    return good / judged if judged else None


def _partial(count: int) -> str:
    """Say how many of those that are no success were partial."""
    return f", {count_text(count)} partial" if count else ""


def _step(history: BackupHistory) -> str:
    return STEP_WORDS.get(history.step_s, f"{history.step_s} s")


def _compared(now: str, before: str, history: BackupHistory) -> str:
    return f"{now} (before: {before})" if history.before else now


def is_idle(history: BackupHistory) -> bool:
    """Whether no backup ended in the period, nor in the one before it."""
    return not any(each.runs for each in (*history.intervals, *history.before))
