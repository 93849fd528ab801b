"""A note for the audit record, before it is a row of its chain."""

from streams.model.base import Record
from streams.model.safe_text import terminal_text
from streams.model.vocabulary import AuditAction

DONE = "done"
"""The result of what went well; any other is a refusal or a failure."""
LONGEST_NAME = 120
LONGEST_TEXT = 400


class AuditNote(Record, frozen=True, kw_only=True):
    """What somebody did or tried."""

    action: AuditAction
    who: str = ""
    """The name of a token, of a client, or of the user at the command line; empty for nobody known."""
    address: str = ""
    """The network address it came from; empty for the command line."""
    target: str = ""
    client_id: str | None = None
    result: str = DONE
    detail: str = ""
    count: int = 1
    """How many times, where equal ones are gathered into one row."""
    intent: int | None = None
    """The number of the intent that goes when this becomes a row."""


def bounded(text: str, longest: int) -> str:
    """Return at most so many characters of a text, with escapes for control characters."""
    shown = terminal_text(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
