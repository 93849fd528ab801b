"""The outcome of a read as a value: a stream must not end because a server was down for a minute."""

from typing import Generic, TypeVar

import msgspec

from streams.model.failures import ServerUnreachable

T = TypeVar("T")


class Ok(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A read that gave a value. A struct, because one is made for every event."""

    value: T


class Failed(msgspec.Struct, frozen=True):
    """A read that failed, and what happens next."""

    error: Exception
    failures: int = 1
    """How many in a row, this one included."""
    retry_in_s: float | None = None


class TimedOut(ServerUnreachable):
    """No answer within the time that was allowed for it."""


class SourceCancelled(Exception):
    """The task behind a source was cancelled by somebody else, as at shutdown; it is never tried again."""
