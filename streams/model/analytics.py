"""Records of the analytics view: the past in intervals, by client and hour, and both programs' load."""

from datetime import datetime

from streams.model.base import Record
from streams.model.server import Series, StorageForecast


class AnalyticsQuery(Record, frozen=True, kw_only=True):
    """Which part of the past: the last ``span_s`` seconds, or from ``since`` until ``until``."""

    span_s: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    offset_s: int = 0
    """What the clocks of the reader show more than UTC, so that a day begins at their midnight."""
    offset_changes: str = ""
    """Later offsets, each with the second since 1970 it holds from: ``1774746000:7200,1792890000:3600``."""
    compare: bool = False
    """Whether the period before is wanted too."""


class BackupInterval(Record, frozen=True, kw_only=True):
    """How the runs that ended within one interval turned out."""

    at: datetime
    """When the interval begins."""
    complete: int = 0
    partial: int = 0
    failed: int = 0
    cancelled: int = 0
    bytes_sent: int = 0
    bytes_seen: int = 0

    @property
    def runs(self) -> int:
        """How many runs ended in it."""
        return self.complete + self.partial + self.failed + self.cancelled

    @property
    def success_ratio(self) -> float | None:
        """Part of the runs that were not cancelled and kept everything; None where there was none."""
        judged = self.complete + self.partial + self.failed
        return self.complete / judged if judged else None


class BackupHistory(Record, frozen=True, kw_only=True):
    """Backups of the whole fleet in intervals, oldest first, also those without a run."""

    as_of: datetime
    since: datetime
    until: datetime
    step_s: int
    shift_s: int
    """How much earlier each interval of ``before`` is than the one of ``intervals`` that it stands beside."""
    intervals: tuple[BackupInterval, ...]
    before: tuple[BackupInterval, ...] = ()
    """The period before, interval by interval; empty unless it was asked for."""


class ClientHours(Record, frozen=True, kw_only=True):
    """Runs of one client by the hour of the day, 24 numbers each."""

    client_id: str
    name: str
    runs: tuple[int, ...]
    failed: tuple[int, ...]


class ClientHeat(Record, frozen=True, kw_only=True):
    """When the clients are backed up; of a large fleet those that fail and run most, by name."""

    as_of: datetime
    since: datetime
    until: datetime
    clients: tuple[ClientHours, ...]
    others: ClientHours | None = None
    """All clients that are not in ``clients``, together; None where there are none."""
    client_count: int = 0


class LoadHistory(Record, frozen=True, kw_only=True):
    """Metrics over a period, at most 300 points each, oldest first; the extremes of each point are kept."""

    as_of: datetime
    since: datetime
    until: datetime
    shift_s: int
    series: tuple[Series, ...]
    before: tuple[Series, ...] = ()
    """The same metrics in the period before, at their own times; empty unless it was asked for."""


class StorageTrend(Record, frozen=True, kw_only=True):
    """How the file store has grown, and when its disk will be full."""

    history: LoadHistory
    forecast: StorageForecast
