"""Times as the catalogue keeps them: whole microseconds since 1970, UTC; they sort, add and lose nothing."""

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
EARLIEST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
LATEST_US = (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) - EPOCH) // MICROSECOND


@overload
def to_us(at: datetime) -> int: ...
@overload
def to_us(at: None) -> None: ...
@overload
def to_us(at: datetime | None) -> int | None: ...
def to_us(at: datetime | None) -> int | None:
    """Return an aware time as microseconds; None stays None."""
    return None if at is None else (at - EPOCH) // MICROSECOND


@overload
def from_us(us: int) -> datetime: ...
@overload
def from_us(us: None) -> None: ...
@overload
def from_us(us: int | None) -> datetime | None: ...
def from_us(us: int | None) -> datetime | None:
    """Return the time of these microseconds in UTC, to the microsecond; None stays None."""
    return None if us is None else EPOCH + timedelta(microseconds=us)


def file_time_us(mtime_ns: int) -> int:
    """Return a file's modification time in microseconds, held within what a ``datetime`` can say."""
    return min(max(mtime_ns // 1000, EARLIEST_US), LATEST_US)
