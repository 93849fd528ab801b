"""The state of verification in words: no control, no clock of its own."""

from dataclasses import dataclass
from datetime import datetime

from streams.model.server import VerificationStatus
from streams.model.vocabulary import VerificationState
from ui.base.format import Formatter, count_text, counted, duration_text, ratio_text
from ui.base.theme import Tone

_DOING = {
    VerificationState.RUNNING: "verifying now",
    VerificationState.PAUSED: "waiting for uploads",
}


@dataclass(frozen=True, slots=True)
class VerificationLine:
    """How far the verification is, and what is wrong with it or with what it found."""

    text: str = ""
    exact: str = ""
    tone: Tone = Tone.QUIET
    wrong: str = ""
    """What the safe line says; empty where all is well."""
    damaged: bool = False
    """Whether it is about damaged contents, which the files can list."""


def present_verification(
    status: VerificationStatus | None, now: datetime, words: Formatter
) -> VerificationLine:
    """Return what is said of the scheduled verification."""
    if status is None:
        return VerificationLine()
    if status.state is VerificationState.OFF:
        line = VerificationLine("Scheduled verification is off", "server.verify_days is 0.", Tone.WARNING)
    elif not status.content_count:
        line = VerificationLine("No stored contents to verify yet")
    else:
        line = _progress(status, now, words)
    if status.state is VerificationState.FAILING:
        text = f"Verification failing: {status.reason or 'no reason given'}"
        line = VerificationLine(text, line.exact, Tone.BAD, "Verification failing")
    if status.damaged_count:
        damaged = f"{counted(status.damaged_count, 'content')} damaged"
        exact = f"The next backup of each client that still has them mends them.\n{line.exact}".rstrip()
        return VerificationLine(
            f"{damaged} · {line.text[0].lower()}{line.text[1:]}", exact, Tone.BAD, damaged, damaged=True
        )
    return line


def _progress(status: VerificationStatus, now: datetime, words: Formatter) -> VerificationLine:
    days = f"{status.within_days:g} d"
    oldest_s = (now - status.oldest_at).total_seconds() if status.oldest_at is not None else 0.0
    oldest = f"oldest {duration_text(max(0.0, oldest_s))}"
    recent = count_text(status.content_count - status.overdue_count)
    total = counted(status.content_count, "content")
    exact = (
        f"{recent} of {total} read or received within {days}.\nOldest: {words.exact_time(status.oldest_at)}"
    )
    doing = _DOING.get(status.state, oldest)
    if not status.overdue_count:
        which = "others" if status.damaged_count else "contents"
        return VerificationLine(f"All {which} verified within {days} · {doing}", exact, Tone.OK)
    # Rounded down: "100 %" would say that nothing is left.
    ratio = ratio_text(min(status.verified_ratio or 0.0, 0.999), digits=1)
    text = f"{ratio} of the contents verified within {days} · {doing}"
    return VerificationLine(text, exact, Tone.WARNING, f"Verification behind, {oldest}")
