"""The console's own connection, as shown in the status chip and its panel."""

from datetime import datetime

from streams.model.base import Record
from streams.model.failures import Failure
from streams.model.vocabulary import LinkState, Scope


class Link(Record, frozen=True, kw_only=True):
    """How the console is connected right now."""

    state: LinkState
    since: datetime
    round_trip_s: float | None = None
    last_event_at: datetime | None = None
    """When the last frame of any kind came."""
    last_seq: int = 0
    reconnects: int = 0
    last_gap_s: float | None = None
    """How long the last interruption was; what was missed was replayed or read again."""
    failure: Failure | None = None
    simulated: bool = False
    """The server says that its fleet is simulated."""
    server_name: str = ""
    scopes: tuple[Scope, ...] | None = None
    """What this console's token may do; None while the server has not told."""
    token_name: str = ""
    token_ends_at: datetime | None = None
    """When the token stops being good by itself; None never."""

    @property
    def lost(self) -> bool:
        """Whether the server is known to be out of reach, also while a new try is under way."""
        trying = self.state is LinkState.CONNECTING and self.failure is not None
        return trying or self.state is LinkState.DOWN


class Latency(Record, frozen=True, kw_only=True):
    """Event to screen, measured by the console from the commit at the server to the updated control."""

    p50_s: float | None = None
    p99_s: float | None = None
    samples: int = 0
    events_per_s: float = 0.0
    dropped: int = 0
    """Values since the start in whose place a newer one of the same frame was shown."""
    merged: int = 0
    """Changes since the start that were shown together with later ones of the same frame."""
