"""What the server did, in words: said only after it has answered."""

from collections.abc import Mapping, Sequence

from streams.commands import Outcome
from ui.format import count_text


def present_outcome(verb: str, outcome: Outcome, names: Mapping[str, str]) -> str:
    """Return what the server did with several things: ``Backup started for 3, queued for 1``."""
    done, queued, refused = len(outcome.done), len(outcome.queued), outcome.refused
    parts: list[str] = []
    if done:
        parts.append(f"{verb} for {count_text(done)}")
    if queued:
        parts.append(
            f"queued for {count_text(queued)} until they are back"
            if queued > 1
            else "queued until it is back"
        )
    if refused:
        first = next(iter(refused))
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        parts.append(f"refused for {names.get(first, first)}{more}: {refused[first]}")
    text = ", ".join(parts) or f"{verb}: nothing to do"
    return text[0].upper() + text[1:]


def present_verified(checked: int, damaged: Sequence[str]) -> str:
    """Return the result of a verification."""
    files = "1 file" if checked == 1 else f"{count_text(checked)} files"
    if not damaged:
        return f"{files} checked, all as they should be"
    return f"{files} checked, {count_text(len(damaged))} damaged: {', '.join(damaged[:3])}" + (
        " …" if len(damaged) > 3 else ""
    )
