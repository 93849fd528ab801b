"""Texts of the dashboard as plain values: no control, no clock of its own, tested in microseconds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from streams.model.clients import Client
from streams.model.problems import Problem
from streams.model.runs import Progress, RunResults
from streams.model.vocabulary import ProblemKind, RunState
from ui.base.format import (
    UNKNOWN,
    Formatter,
    count_text,
    counted,
    duration_text,
    ratio_text,
    rough_duration_text,
)
from ui.base.theme import Tone, look
from ui.views.shared.client_state import is_revoked

SILENT_AFTER_S: Final = 15.0
"""A running backup that has said nothing for so long is shown as silent, not as fast as it was."""


@dataclass(frozen=True, slots=True)
class Safety:
    """Whether everything is safe, and if not, which machine and since when."""

    tone: Tone
    headline: str
    oldest: str = ""
    oldest_exact: str = ""
    oldest_id: str = ""
    failing: str = ""
    failing_exact: str = ""
    failing_id: str = ""
    revoked: str = ""
    revoked_exact: str = ""
    revoked_id: str = ""
    marked: str = ""
    marked_exact: str = ""
    marked_id: str = ""
    unsafe: int = 0
    attention: int = 0
    """Clients that are not within their goal, and those within it whose backups fail."""


def present_safety(clients: Iterable[Client], now: datetime, words: Formatter) -> Safety:
    """Return the safe line of a fleet that is not empty."""
    fleet = list(clients)
    unsafe = [client for client in fleet if not client.within_goal(now)]
    failing = sorted(
        (client for client in fleet if client.failing_since is not None),
        key=lambda client: (client.failing_since or now, client.name),
    )
    never = sorted(client.name for client in fleet if client.last_success_at is None)
    backed_up = [client for client in fleet if client.last_success_at is not None]
    total = len(fleet)
    if total == 1:
        headline = f"The client is {'not ' if unsafe else ''}within its goal"
    elif unsafe:
        headline = f"{count_text(total - len(unsafe))} of {count_text(total)} clients within their goal"
    else:
        headline = f"All {count_text(total)} clients within their goal"
    failing_within = sum(client.within_goal(now) for client in failing)
    if failing_within:
        # Within its goal it still is; that its next backup fails too is not to be found out by then.
        whom = "it is" if total == 1 else f"{count_text(failing_within)} of these"
        headline = f"{headline}, {whom} failing"
    oldest = min(backed_up, key=lambda client: client.last_success_at or now, default=None)
    oldest_text = oldest_exact = ""
    if oldest is not None:
        oldest_at = oldest.last_success_at
        age = duration_text((now - oldest_at).total_seconds()) if oldest_at else UNKNOWN
        oldest_text = f"Oldest success: {oldest.name}, {age}"
        oldest_exact = words.exact_time(oldest_at)
    if never:
        more = _more(never)
        oldest_text = " · ".join(part for part in (oldest_text, f"No backup yet: {never[0]}{more}") if part)
    failing_text = failing_exact = ""
    if failing:
        first = failing[0]
        reason = f": {first.failure_reason}" if first.failure_reason else ""
        # The reason comes last: it is what may be cut where there is no room.
        since = words.moment(first.failing_since, now)
        failing_text = f"Failing: {first.name}{_more(failing)} since {since}{reason}"
        failing_exact = "\n".join(
            f"{c.name}: since {words.exact_time(c.failing_since)}, {c.failure_reason or 'no reason given'}"
            for c in failing[:12]
        )
    revoked = sorted((c for c in fleet if is_revoked(c)), key=lambda client: client.name)
    marked = sorted(
        (c for c in fleet if c.destroy_at is not None),
        key=lambda client: (client.destroy_at or now, client.name),
    )
    return Safety(
        tone=Tone.BAD if failing else Tone.WARNING if unsafe or revoked or marked else Tone.OK,
        headline=headline,
        oldest=oldest_text,
        oldest_exact=oldest_exact,
        oldest_id=oldest.id if oldest else "",
        failing=failing_text,
        failing_exact=failing_exact,
        failing_id=failing[0].id if failing else "",
        revoked=f"Revoked: {revoked[0].name}{_more(revoked)}" if revoked else "",
        revoked_exact="\n".join(c.name for c in revoked[:12]),
        revoked_id=revoked[0].id if revoked else "",
        marked=f"To be removed: {marked[0].name} on {words.date(marked[0].destroy_at, now)}{_more(marked)}"
        if marked
        else "",
        marked_exact="\n".join(f"{c.name}: at {words.exact_time(c.destroy_at)}" for c in marked[:12]),
        marked_id=marked[0].id if len(marked) == 1 else "",
        unsafe=len(unsafe),
        attention=len(unsafe) + failing_within,
    )


_OF_THE_SERVER: Final = {
    ProblemKind.NO_CONNECTION: "No connection",
    ProblemKind.CATALOGUE_LOST: "The catalogue is lost",
    ProblemKind.DISK_FULL: "The server's disk is full",
    ProblemKind.SERVER_STOPPED: "The server takes no backups",
    ProblemKind.SERVER_UNREAD: "The server's state cannot be read",
    ProblemKind.SERVER_SILENT: "The server sends nothing",
}
"""What has to be said before anything of the clients, the worst first."""
_BESIDES: Final = (ProblemKind.CANNOT_VERIFY, ProblemKind.NOT_COPIED, ProblemKind.CLOCK)
"""What is no headline, but no time to say that all is well."""
_UNSEEN: Final = (ProblemKind.NO_CONNECTION, ProblemKind.SERVER_UNREAD, ProblemKind.SERVER_SILENT)
"""With these nobody knows whether the numbers still hold."""


def worst_for_headline(problems: Iterable[Problem]) -> Problem | None:
    """Return the problem of the server that the safe line must not be silent about."""
    kinds = (*_OF_THE_SERVER, *_BESIDES)
    found = [problem for problem in problems if problem.kind in kinds]
    return min(found, key=lambda problem: kinds.index(problem.kind), default=None)


def present_headline(headline: str, worst: Problem | None) -> str:
    """Return the headline, after what is wrong with the server: it says what the rest is worth."""
    told = _OF_THE_SERVER.get(worst.kind, "") if worst is not None else ""
    if not told:
        return headline
    last_known = " (last known)" if worst is not None and worst.kind in _UNSEEN else ""
    return f"{told} · {headline}{last_known}" if headline else told


def _more(named: Sequence[object]) -> str:
    return f" and {count_text(len(named) - 1)} more" if len(named) > 1 else ""


@dataclass(frozen=True, slots=True)
class RunLine:
    """One running backup."""

    name: str
    ratio: float | None
    percent: str
    rate: str
    left: str
    tooltip: str
    silent: bool = False


def present_run(progress: Progress, now: datetime, words: Formatter) -> RunLine:
    """Return the words of a running backup; while the agent still scans there is no fraction to show."""
    quiet_s = (now - progress.at).total_seconds()
    silent = quiet_s > SILENT_AFTER_S
    total = progress.bytes_total
    ratio = None if total is None else 1.0 if total == 0 else progress.bytes_done / total
    files = counted(progress.files_done, "file")
    if progress.files_total is not None:
        files = f"{count_text(progress.files_done)} of {counted(progress.files_total, 'file')}"
    done = words.size(progress.bytes_done)
    size = done if total is None else f"{done} of {words.size(total)}"
    tooltip = f"{files}, {size}" + (f"\n{progress.current_path}" if progress.current_path else "")
    if silent:
        rate, left = f"silent {rough_duration_text(quiet_s)}", UNKNOWN
    elif ratio is None:
        rate, left = counted(progress.files_done, "file"), UNKNOWN
    else:
        rate, left = words.rate(progress.rate_bps), rough_duration_text(progress.eta_s)
    percent = "scanning" if ratio is None else ratio_text(ratio)
    return RunLine(progress.client_name, ratio, percent, rate, left, tooltip, silent)


@dataclass(frozen=True, slots=True)
class ResultPart:
    """How many clients had a backup that ended in this way as their last."""

    state: RunState | None
    """None for those of which no backup has ended yet."""
    count: int
    shows: str
    """The filter of the clients view that lists just these."""


def present_results(clients: Iterable[Client]) -> tuple[ResultPart, ...]:
    """Return how many clients' last backup ended how, always the same parts in the same order."""
    counts = Counter(client.last_run_state for client in clients)
    ends = (RunState.COMPLETE, RunState.FAILED, RunState.PARTIAL, RunState.CANCELLED)
    ended = tuple(ResultPart(state, counts[state], f"last:{state}") for state in ends)
    none_yet = sum(counts.values()) - sum(part.count for part in ended)
    return (*ended, ResultPart(None, none_yet, "last:none"))


def present_day(results: RunResults, words: Formatter) -> tuple[str, str]:
    """Return how the backups of the last day ended, those there were, and what they brought."""
    counts = {
        RunState.COMPLETE: results.complete,
        RunState.FAILED: results.failed,
        RunState.PARTIAL: results.partial,
        RunState.CANCELLED: results.cancelled,
    }
    told = ", ".join(f"{count_text(count)} {look(state).word}" for state, count in counts.items() if count)
    ended = f"{counted(sum(counts.values()), 'backup')}: {told}" if told else "no backup ended"
    return f"Last {results.hours:g} h: {ended}", f"{words.size(results.bytes_sent)} received from the clients"
