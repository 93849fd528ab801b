"""Results of commands in words, told only after the server has answered."""

from collections import Counter
from collections.abc import Mapping, Sequence

from streams.model.clients import ClientHoldings
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.vocabulary import RunState
from ui.base.format import Formatter, count_text, counted
from ui.base.theme import look
from ui.views.shared.activity_present import present_ended


def present_outcome(verb: str, outcome: Outcome, names: Mapping[str, str]) -> str:
    """Return what the server did with clients: ``Backup started for 3 clients, queued for web-01``.

    ``verb`` is what it did, with the word that stands before whom: ``Backup started for``.
    """
    done, queued, refused = outcome.done, outcome.queued, outcome.refused

    def who(ids: Sequence[str]) -> str:
        return names.get(ids[0], ids[0]) if len(ids) == 1 else counted(len(ids), "client")

    parts: list[str] = []
    if done:
        parts.append(f"{verb} {who(done)}")
    if queued:
        parts.append(f"queued for {who(queued)} until {'they are' if len(queued) > 1 else 'it is'} back")
    if refused:
        first = next(iter(refused))
        more = f" and {count_text(len(refused) - 1)} more" if len(refused) > 1 else ""
        parts.append(f"refused for {names.get(first, first)}{more}: {refused[first]}")
    text = ", ".join(parts) or "Nothing to do"
    return text[0].upper() + text[1:]


def present_end(run: Run, words: Formatter) -> str:
    """Return how a backup ended: ``web-01 backed up, 12 files, 3.0 MiB, 4 s``."""
    lasted_s = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
    return present_ended(
        run.client_name,
        run.state,
        words,
        files=run.files_new + run.files_changed,
        sent_bytes=run.bytes_sent,
        lasted_s=lasted_s,
        reason=run.reason,
    )


def present_ends(ends: Sequence[Run], gone: Sequence[str]) -> tuple[str, str]:
    """Return how several backups ended, ``12 backups ended: 10 complete, 2 failed``, and why not well.

    ``gone`` says which came to no end, and why.
    """
    told = ", ".join(_by_state(ends))
    return f"{counted(len(ends), 'backup')} ended: {told or 'none'}", _why_not(ends, gone)


def present_how_far(ends: Sequence[Run], gone: Sequence[str], total: int) -> tuple[str, str]:
    """Return how far several backups are, ``12 of 45 backed up, 1 failed``, and why not well.

    ``gone`` says which come to no end, and why.
    """
    good = sum(end.state is RunState.COMPLETE for end in ends)
    others = _by_state([end for end in ends if end.state is not RunState.COMPLETE])
    without = [f"{count_text(len(gone))} left out"] if gone else []
    text = ", ".join([f"{count_text(good)} of {count_text(total)} backed up", *others, *without])
    return text, _why_not(ends, gone)


def _by_state(ends: Sequence[Run]) -> list[str]:
    counts = Counter(end.state for end in ends)
    return [f"{count_text(counts[state])} {look(state).word}" for state in RunState if counts[state]]


def _why_not(ends: Sequence[Run], gone: Sequence[str]) -> str:
    bad = [end for end in ends if end.state in (RunState.PARTIAL, RunState.FAILED)]
    why = [f"{end.client_name}: {end.reason or 'no reason was given'}" for end in bad]
    return "\n".join([*why, *gone])


def present_verified(checked: int, damaged: Sequence[str], more: int = 0) -> str:
    """Return the result of a verification; all kept versions of a file are checked."""
    files = counted(checked, "version")
    if not checked:
        return "nothing to check"
    if not damaged:
        return f"{files} checked, {'as it should be' if checked == 1 else 'all as they should be'}"
    return f"{files} checked, {count_text(len(damaged) + more)} damaged: {', '.join(damaged[:3])}" + (
        " …" if len(damaged) > 3 else ""
    )


def present_lost(held: ClientHoldings, words: Formatter) -> tuple[str, ...]:
    """Return what is lost with a client, a part each."""
    files, runs = counted(held.files, "file"), counted(held.runs, "backup")
    return f"{files} with all versions", words.size(held.bytes), f"{runs} in its history"


def present_cancelled(name: str, run: Run) -> str:
    """Return how a backup that was to be cancelled ended: it may have come to its end by itself meanwhile."""
    if run.state is RunState.CANCELLED:
        return f"Backup of {name} cancelled; what was stored is kept"
    if run.state.ended:
        return f"Backup of {name} had ended already: {look(run.state).word}"
    return f"Backup of {name} will be cancelled; its client has not answered yet"
