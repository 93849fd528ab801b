"""The base of every record that travels from the server to the screen."""

from datetime import UTC, datetime

import msgspec


class Record(msgspec.Struct, frozen=True):
    """A value that never changes once made; times are aware and in UTC, sizes in bytes."""


def utc_now() -> datetime:
    """Return the present moment in UTC; the default clock of everything that takes one."""
    return datetime.now(UTC)
