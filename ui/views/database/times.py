"""Times in a database: numbers since 1970 in columns named like times, and text of ISO 8601 with a zone.

SQLite has no type for a time. A number is taken for one only where the column is named or declared so, and
only between 1990 and 2100, which seconds, milli-, micro- and nanoseconds tell apart.
"""

import re
from datetime import UTC, datetime
from typing import Final

from streams.model.database import Value

_NAMES: Final = re.compile(
    r"(^|_)(at|time|date|datetime|timestamp|ts|when|since|until|expires|expiry|created|updated|modified|changed"
    r"|deleted|started|finished|ended|seen|mtime|ctime|atime|epoch)(_(s|ms|us|ns|utc))?$",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"[a-z](At|Time|Date|Timestamp)$")
_TYPES: Final = re.compile(r"DATE|TIME", re.IGNORECASE)
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)")
_FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
_LAST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)


def tells_times(column: str, declared: str = "") -> bool:
    """Whether the numbers of a column may be times, by its name and its declared type."""
    return bool(_NAMES.search(column) or _CAMEL.search(column) or _TYPES.search(declared))


def time_of(value: Value, *, may_be_number: bool) -> datetime | None:
    """Return the time that a value tells, or None; a number only where its column says that it may be one."""
    if isinstance(value, str):
        return _iso_time(value) if _ISO.fullmatch(value) else None
    if may_be_number and isinstance(value, int | float) and not isinstance(value, bool):
        for unit in _UNITS:
            if _FIRST <= value / unit < _LAST:
                return datetime.fromtimestamp(value / unit, UTC)
    return None


def _iso_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:  # a 31st of February, or an hour 25
        return None
    return at if _FIRST <= at.timestamp() < _LAST else None
