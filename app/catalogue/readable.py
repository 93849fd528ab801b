"""Rows that cannot be read as records cost themselves, and pages that would be too large end early."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from app.runtime.log_limits import LimitedLog

R = TypeVar("R")
T = TypeVar("T")

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""What the names of one page may take on their way, about; a page of longer ones has fewer rows."""
ROW_BYTES = 500
"""What the other parts of a row take at most."""
UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError, msgspec.DecodeError)
"""A word that is none of ours, a time that no calendar has, a number where there should be text."""

limited = LimitedLog(structlog.stdlib.get_logger(__name__))


def readable(rows: Iterable[R], read: Callable[[R], T]) -> list[T]:
    """Return the records of rows; those that are none are left out, which is logged."""
    found: list[T] = []
    lost: list[str] = []
    for row in rows:
        try:
            found.append(read(row))
        except UNREADABLE as error:
            lost.append(str(error))
    if lost:
        limited.warning("unreadable_rows", key=read.__name__, count=len(lost), reason=lost[0][:200])
    return found


def row_bytes(row: Any) -> int:
    """Return about how many bytes a row with a path takes as JSON: base64 and escapes included."""
    link_target: bytes | None = getattr(row, "link_target", None)
    attributes: bytes | None = getattr(row, "attributes", None)
    also = 2 * len(link_target or b"") + 2 * len(attributes or b"")
    return ROW_BYTES + 4 * len(row.path) + 2 * len(row.raw_path) + also


def fitting(rows: Sequence[Any], at_most: int = MAX_PAGE_BYTES) -> int:
    """Return how many of these rows one page takes; at least one."""
    total = 0
    for count, row in enumerate(rows):
        total += row_bytes(row)
        if total > at_most:
            return max(1, count)
    return len(rows)
