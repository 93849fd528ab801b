"""The time zone of this machine, with its changes to summer time and back."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final


class LocalZone(tzinfo):
    """What the system says of each time by itself; ``datetime.astimezone()`` keeps the offset of one only."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return what the clocks here show more than UTC at a local time."""
        return None if dt is None else self._fixed(dt).utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Not known: the system tells only the whole offset."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """Return what the zone is called at a local time."""
        return None if dt is None else self._fixed(dt).tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        local = dt.replace(tzinfo=UTC).astimezone()
        shown = local.replace(tzinfo=self, fold=0)
        # Of the hour that comes twice this is the second one, if the first has another offset.
        return shown if shown.utcoffset() == local.utcoffset() else shown.replace(fold=1)

    @staticmethod
    def _fixed(local: datetime) -> datetime:
        return local.replace(tzinfo=None).astimezone()


LOCAL_ZONE: Final = LocalZone()
"""The one there is: two that say the same are no change of the settings."""
