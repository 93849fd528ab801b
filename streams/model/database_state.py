"""Records of a database's space, file and locks."""

from streams.model.base import Record


class Part(Record, frozen=True, kw_only=True):
    """The room that a table or an index takes."""

    name: str
    table: str
    size_bytes: int
    unused_bytes: int = 0

    @property
    def is_index(self) -> bool:
        """Whether it is an index of ``table``."""
        return self.name != self.table


class SizePoint(Record, frozen=True, kw_only=True):
    """How large the database was."""

    at_s: float
    """Seconds since the console first looked."""
    size_bytes: int


class Statistics(Record, frozen=True, kw_only=True):
    """Where the room of a database goes."""

    parts: tuple[Part, ...] = ()
    """The largest first; empty where this SQLite cannot say."""
    page_bytes: int = 0
    page_count: int = 0
    free_count: int = 0
    growth: tuple[SizePoint, ...] = ()
    measured: bool = True
    took_s: float = 0.0


class SlowQuery(Record, frozen=True, kw_only=True):
    """A statement of this console that took long."""

    sql: str
    took_s: float
    ended_ago_s: float
    outcome: str = "done"


class LockHolder(Record, frozen=True, kw_only=True):
    """A program that has a lock on the database."""

    pid: int
    program: str
    lock: str
    """What it may do meanwhile: reading, writing, checkpoint, exclusive."""


class DatabaseHealth(Record, frozen=True, kw_only=True):
    """The state of the file and of its locks."""

    path: str
    size_bytes: int
    """Of the file itself; pages that are only in its log are not in it."""
    page_bytes: int
    page_count: int
    free_count: int
    journal_mode: str
    encoding: str
    sqlite_version: str
    user_version: int
    cache_bytes: int
    wal_bytes: int | None = None
    """None without a write-ahead log."""
    checkpoint_age_s: float | None = None
    """Since pages were last written from the log into the file."""
    holders: tuple[LockHolder, ...] | None = None
    """None where the system does not say."""
    slow: tuple[SlowQuery, ...] = ()


class CheckResult(Record, frozen=True, kw_only=True):
    """What the check of the whole file found."""

    problems: tuple[str, ...] = ()
    took_s: float = 0.0
