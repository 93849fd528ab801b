"""The answer to a command on several things."""

from streams.model.base import Record


class Outcome(Record, frozen=True, kw_only=True):
    """What the server did with a command on several things."""

    done: tuple[str, ...] = ()
    """Ids for which it was done at once."""
    queued: tuple[str, ...] = ()
    """Ids that get it later, such as clients that are offline."""
    refused: dict[str, str] = {}  # noqa: RUF012  (msgspec copies it)
    """Id to reason."""
    after_run: int = 0
    """Backups that came of it have greater numbers."""
