"""Clients: the machines whose files the server keeps."""

from datetime import datetime, timedelta

from streams.model.base import Record
from streams.model.vocabulary import ClientState, RunState


class Client(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One machine as the server last saw it; what is at its default is not sent."""

    id: str
    """32 hexadecimal digits, given at enrolment, never reused."""
    name: str
    state: ClientState
    created_at: datetime
    goal_s: float
    """The age in seconds that its last good backup should not exceed."""
    last_seen_at: datetime | None = None
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    """Start of the first failed run after the last good one."""
    failure_reason: str | None = None
    last_run_state: RunState | None = None
    running_run_id: int | None = None
    backup_queued: bool = False
    """A backup was asked for and begins when the client is back."""
    file_count: int = 0
    stored_bytes: int = 0
    """Size of its present files before compression and deduplication."""
    vanished_count: int = 0
    """Files that are kept, but no longer on the machine; not in ``file_count``."""
    destroy_at: datetime | None = None
    """When it is removed with all that is kept of it; it can be kept until then."""
    protected: bool = False
    """It cannot be removed, and its deleted files are not purged."""
    platform: str = ""
    agent_version: str = ""
    held_bytes: int = 0
    """Raw size of all contents that it has sent and that are kept, each once; the quota is about these."""
    quota_bytes: int | None = None
    """Its own quota, 0 for none; without one the server's own holds, see ``ServerStatus``."""

    def within_goal(self, now: datetime) -> bool:
        """Return whether its last good backup is as young as its goal asks, by the server's clock.

        One that lies as far ahead was noted by a clock that was wrong, and says nothing of how old it is.
        """
        good = self.last_success_at
        return good is not None and abs((now - good).total_seconds()) <= self.goal_s

    @property
    def missed_since(self) -> datetime:
        """Since when it is not within its goal, where it is not."""
        return (self.last_success_at or self.created_at) + timedelta(seconds=self.goal_s)


class ClientHoldings(Record, frozen=True, kw_only=True):
    """What is kept of a client, and is lost with it."""

    client_id: str
    name: str
    files: int
    """With all their versions, those no longer on the machine and deleted ones too."""
    bytes: int
    """Size of its present files before compression and deduplication."""
    runs: int
    destroy_at: datetime | None = None
    """When it is removed; None where it is not marked, or has been removed already."""


class ClientRemoved(Record, frozen=True, kw_only=True):
    """A client that the server no longer knows."""

    id: str
