"""Runs: one backup of one client each."""

from datetime import datetime

from streams.model.base import Record
from streams.model.vocabulary import FileResult, RunState, RunTrigger


class Run(Record, frozen=True, kw_only=True):
    """One backup of one client, from its start to its result."""

    id: int
    client_id: str
    client_name: str
    trigger: RunTrigger
    state: RunState
    started_at: datetime
    finished_at: datetime | None = None
    reason: str | None = None
    """Why it failed or is partial, in words for a person."""
    files_seen: int = 0
    """As its agent says, since of unchanged files nothing comes; at most what is kept of its client."""
    files_new: int = 0
    files_changed: int = 0
    files_vanished: int = 0
    files_failed: int = 0
    """As its agent says."""
    bytes_seen: int = 0
    """As its agent says, like ``files_seen``."""
    bytes_sent: int = 0
    """What the server has received, like all other counters."""
    correlation_id: str = ""
    protected: bool = False
    """What it has backed up is not purged, and its client cannot be removed."""


class RunPage(Record, frozen=True, kw_only=True):
    """Runs, newest first, and the id before which the next page starts."""

    rows: tuple[Run, ...]
    next_before: int | None = None


class RunFile(Record, frozen=True, kw_only=True):
    """A file that a run has stored a version of."""

    file_id: int
    path: str
    result: FileResult
    size_bytes: int


class RunName(Record, frozen=True, kw_only=True):
    """A name of which a run has stored nothing: it could not be read, or is no longer there."""

    path: str
    result: FileResult
    """failed or vanished."""
    reason: str = ""
    """Why it could not be read, in the words of the agent."""


class RunDetails(Record, frozen=True, kw_only=True):
    """A run, and the first of the files that it has stored versions of, as far as these are still kept."""

    run: Run
    names: tuple[RunName, ...] = ()
    """The first names that failed, then the first that have vanished; the counters of the run tell all."""
    files: tuple[RunFile, ...] = ()
    more_files: bool = False


class Progress(Record, frozen=True, kw_only=True):
    """How far a running backup is; sent often, only the newest counts."""

    run_id: int
    client_id: str
    client_name: str
    at: datetime
    files_done: int = 0
    files_total: int | None = None
    """None while the agent still scans."""
    bytes_done: int = 0
    bytes_total: int | None = None
    rate_bps: float = 0.0
    """Bytes per second over the last seconds."""
    eta_s: float | None = None
    current_path: str = ""


class RunResults(Record, frozen=True, kw_only=True):
    """How the runs that ended within a period turned out."""

    hours: float
    complete: int = 0
    partial: int = 0
    failed: int = 0
    cancelled: int = 0
    bytes_sent: int = 0
