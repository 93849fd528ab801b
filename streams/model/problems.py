"""Records of present problems: one for each cause, gone with its cause."""

from datetime import datetime

from streams.model.base import Record
from streams.model.vocabulary import ClientState, ProblemKind


class Problem(Record, frozen=True, kw_only=True):
    """One cause, however many ways it shows."""

    key: str
    """The same as long as the cause is the same: ``server_stopped``, ``client:ID``."""
    kind: ProblemKind
    since: datetime | None = None
    """By the server's clock."""
    seen: bool = False
    """Nobody knows since when: ``since`` is when this console saw it first."""
    client_id: str = ""
    client_name: str = ""
    client_state: ClientState | None = None
    last_seen_at: datetime | None = None
    """Of a client, when it was heard of last."""
    reason: str = ""
    judged_by: datetime | None = None
    """By what time ages are judged while the clock is not trusted."""
    count: int = 0
    """Of damaged contents."""
