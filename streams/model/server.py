"""The server itself: its load, its transfers and what happened on it."""

from datetime import datetime

from streams.model.base import Record
from streams.model.vocabulary import (
    DiskRoom,
    EventKind,
    RunState,
    ServerState,
    TransferKind,
    TransferState,
    VerificationState,
)


class VerificationStatus(Record, frozen=True, kw_only=True):
    """How far the scheduled verification is: every content is to be read again within a number of days."""

    state: VerificationState
    within_days: float
    """0 where it is switched off."""
    content_count: int = 0
    """All contents but the damaged."""
    overdue_count: int = 0
    """Contents that have not been read, or received, within these days."""
    damaged_count: int = 0
    oldest_at: datetime | None = None
    """When the content was read that has not been read for longest; None where there is none."""
    reason: str = ""
    """Why it cannot go on, where it is failing."""

    @property
    def verified_ratio(self) -> float | None:
        """The share of the contents that was read within the days; None where there is nothing to read."""
        if not self.content_count:
            return None
        return (self.content_count - self.overdue_count) / self.content_count


class CatalogueStatus(Record, frozen=True, kw_only=True):
    """Whether the catalogue is there, and how its own copies are."""

    lost: str = ""
    """Why nothing is written any more, where the file was deleted or replaced."""
    backup_every_h: float = 0.0
    """0 where copies are switched off."""
    backup_good_at: datetime | None = None
    """When the newest copy was made that was verified; None where there is none yet."""
    backup_problem: str = ""
    """Why the last copy could not be made."""
    ages_judged_by: datetime | None = None
    """The time by which ages are judged while the clock is not trusted; None while it is."""

    @property
    def problem(self) -> str:
        """What somebody has to do something about; empty where all is well."""
        return self.lost or self.backup_problem


class ServerStatus(Record, frozen=True, kw_only=True):
    """A sample of the server's load."""

    at: datetime
    state: ServerState
    epoch: str
    """New whenever the event numbering starts afresh."""
    version: str
    started_at: datetime
    cpu_ratio: float
    """Of one core, of this process; may exceed 1."""
    memory_bytes: int
    memory_total_bytes: int
    connections: int
    clients_online: int
    clients_total: int
    consoles: int
    runs_active: int
    transfers_active: int
    received_bps: float
    sent_bps: float
    disk_total_bytes: int
    disk_free_bytes: int
    store_bytes: int
    write_queue: int
    event_queue: int
    last_seq: int
    upload_queue: int = 0
    """Uploads that wait for their turn."""
    disk_warn_bytes: int = 0
    """With less free space than this the disk is nearly full."""
    disk_least_bytes: int = 0
    """With less free space than this uploads are refused."""
    verification: VerificationStatus | None = None
    """None until it has been looked at."""
    catalogue: CatalogueStatus = CatalogueStatus()
    state_since: datetime | None = None
    """When ``state`` began; None where the server does not tell."""
    quota_bytes: int = 0
    """How much a client may keep that has no quota of its own; 0 sets no bound."""
    keep_deleted_days: float | None = None
    """How long a deleted file can be brought back at least; None where the server does not tell."""

    @property
    def disk_room(self) -> DiskRoom:
        """How much room the disk has left, judged by the two limits."""
        if self.disk_free_bytes < self.disk_least_bytes:
            return DiskRoom.FULL
        return DiskRoom.LOW if self.disk_free_bytes < self.disk_warn_bytes else DiskRoom.ENOUGH


class Transfer(Record, frozen=True, kw_only=True):
    """Bytes on their way: an upload, a download or a verification."""

    id: str
    kind: TransferKind
    state: TransferState
    client_id: str
    client_name: str
    label: str
    """The path, or a count of files."""
    started_at: datetime
    done_bytes: int = 0
    total_bytes: int | None = None
    rate_bps: float = 0.0
    reason: str | None = None


class Activity(Record, frozen=True, kw_only=True):
    """One line of what happened, for people; the screen words it."""

    seq: int
    at: datetime
    kind: EventKind
    client_id: str | None = None
    client_name: str | None = None
    run_id: int | None = None
    run_state: RunState | None = None
    """How the run ended, for ``RUN_FINISHED``."""
    files: int | None = None
    bytes: int | None = None
    duration_s: float | None = None
    reason: str | None = None


class SeriesPoint(Record, frozen=True, kw_only=True):
    """A rolled-up sample: least, mean and greatest value of one interval."""

    at: datetime
    least: float
    mean: float
    greatest: float


class Series(Record, frozen=True, kw_only=True):
    """A metric over time, oldest first."""

    name: str
    """cpu_ratio, memory_bytes, connections, clients_online, received_bps, sent_bps or store_bytes."""
    unit: str
    step_s: float
    points: tuple[SeriesPoint, ...]


class StorageForecast(Record, frozen=True, kw_only=True):
    """When the disk will be full, judged by its growth."""

    at: datetime
    disk_total_bytes: int
    disk_free_bytes: int
    growth_bytes_per_day: float | None = None
    """None where there is less than a day of history."""
    growth_least_bytes_per_day: float | None = None
    growth_greatest_bytes_per_day: float | None = None
    """19 of 20 straight lines through the history grow at a rate between these two."""
    full_at: datetime | None = None
    """None where it does not grow or is too far away to say (over 5 years)."""
    full_earliest: datetime | None = None
    full_latest: datetime | None = None
