"""Texts of a client's details: goal, running backup, and the last runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from streams.model.clients import Client
from streams.model.runs import Progress, Run
from streams.model.vocabulary import RunState
from ui.base.format import (
    Formatter,
    age_text,
    count_text,
    counted,
    duration_text,
    ratio_text,
    rough_duration_text,
)
from ui.base.theme import Tone, look
from ui.views.clients.present import progress_ratio

GOALS_S = (3600.0, 6 * 3600.0, 12 * 3600.0, 86400.0, 2 * 86400.0, 3 * 86400.0, 7 * 86400.0, 30 * 86400.0)


def present_quota(quota_bytes: int | None, words: Formatter) -> str:
    """Return a quota in words: ``50.0 GiB``, ``no quota``."""
    if quota_bytes is None:
        return "as set on the server"
    return words.size(quota_bytes) if quota_bytes else "no quota"


def present_marked(client: Client, words: Formatter, now: datetime) -> str:
    """Return when a client is removed, with what is left of the time to undo it; empty for any other."""
    at = client.destroy_at
    if at is None:
        return ""
    if at <= now:
        return "It is being removed."
    return f"It is removed for good {age_text(at, now)}, on {words.day_time(at)}."


def present_running_head(progress: Progress | None, words: Formatter) -> str:
    """Return the line above the bar of a running backup; while it scans there is no share and no rate yet."""
    if progress is None:
        return "starting"
    ratio = progress_ratio(progress)
    return "scanning" if ratio is None else f"{ratio_text(ratio)}  {words.rate(progress.rate_bps)}"


def present_running(progress: Progress, words: Formatter) -> str:
    """Return the line below the bar of a running backup."""
    ratio = progress_ratio(progress)
    if ratio is None:
        return f"{counted(progress.files_done, 'file')} so far"
    parts = [f"{words.size(progress.bytes_done)} of {words.size(progress.bytes_total)}"]
    files = count_text(progress.files_done)
    parts.append(f"{files} of {counted(progress.files_total or 0, 'file')}")
    if progress.eta_s is not None:
        parts.append(f"{rough_duration_text(progress.eta_s)} left")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class RunBar:
    """One run as a bar: how high of 1, in which tone, and its whole story as tooltip."""

    height: float
    tone: Tone
    story: str
    run_id: int
    protected: bool = False


def run_seconds(run: Run) -> float | None:
    """Return how long a run took; None while it runs."""
    return None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


def present_run_bars(runs: Sequence[Run], words: Formatter, now: datetime) -> tuple[RunBar, ...]:
    """Return the bars of the last runs, oldest first; the height tells the bytes sent, on a root scale."""
    most = max((run.bytes_sent for run in runs), default=0) or 1
    return tuple(
        RunBar(
            0.18 + 0.82 * (run.bytes_sent / most) ** 0.5,
            look(run.state).tone,
            f"{present_run(run, words, now)}\nClick for its files and log lines",
            run.id,
            run.protected,
        )
        for run in reversed(runs)
    )


def present_run(run: Run, words: Formatter, now: datetime) -> str:
    """Return the story of one run in two lines."""
    seconds = run_seconds(run)
    took = f" in {duration_text(seconds)}" if seconds is not None else ""
    lines = [f"{words.moment(run.started_at, now)}  {look(run.state).word}{took}"]
    files = f"{count_text(run.files_new)} new and {counted(run.files_changed, 'changed file')}"
    lines.append(f"{words.size(run.bytes_sent)} sent, {files}")
    if run.reason:
        lines.append(run.reason)
    if run.protected:
        lines.append("Protected: what it has backed up is not purged")
    return "\n".join(lines)


def present_failures(runs: Sequence[Run], words: Formatter, now: datetime, most: int = 3) -> tuple[str, ...]:
    """Return the last runs that did not end well, each with its reason."""
    bad = [run for run in runs if run.state in (RunState.FAILED, RunState.PARTIAL)]
    return tuple(
        f"{words.moment(run.started_at, now)}  {look(run.state).word}: {run.reason or 'no reason was given'}"
        for run in bad[:most]
    )
