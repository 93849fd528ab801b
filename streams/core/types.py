"""Types and small words that the operators share."""

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

A = TypeVar("A")
B = TypeVar("B")

Operator = Callable[[Observable[A]], Observable[B]]
"""What stands between two dots of a ``.pipe(``."""

Seconds = float | Callable[[], float]
"""A time in seconds, or where to read it each time it is needed, so that a changed setting takes effect."""


def seconds_of(value: Seconds) -> float:
    """Return the time as it is now."""
    return value() if callable(value) else value
