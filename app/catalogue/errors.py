"""What can go wrong with the catalogue, each with the word that the HTTP API uses for it."""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from streams.failures import DatabaseLocked, NotADatabase, TidewatchError


class UnknownClient(TidewatchError):
    """No client has this id."""

    code = "unknown_client"


class UnknownRun(TidewatchError):
    """No run has this id."""

    code = "unknown_run"


class UnknownFile(TidewatchError):
    """No file has this id."""

    code = "unknown_file"


class UnknownVersion(TidewatchError):
    """No version of a file has this id."""

    code = "unknown_version"


class WrongCode(TidewatchError):
    """The enrolment code is not one of this name."""

    code = "wrong_code"


class CodeUsed(TidewatchError):
    """The enrolment code has been used; each works once."""

    code = "code_used"


class CodeExpired(TidewatchError):
    """The enrolment code is too old."""

    code = "code_expired"


class RunEnded(TidewatchError):
    """The run has ended; nothing can be added to it."""

    code = "run_ended"


class ClientDisconnected(TidewatchError):
    """An operator has shut the client out."""

    code = "client_disconnected"


class BlobsMissing(TidewatchError):
    """Entries name contents that the store does not have; they must be sent first."""

    code = "blobs_missing"

    def __init__(self, hashes: Sequence[str]) -> None:
        super().__init__(
            f"{len(hashes)} contents are not in the store, the first is {hashes[0]}.",
            hint="Send them, then the entries again.",
        )
        self.hashes = tuple(hashes)


class BadQuery(TidewatchError):
    """A question that cannot be asked: an unknown order, or a cursor of another question."""

    code = "bad_request"


class CatalogueTooNew(TidewatchError):
    """The data folder was written by a newer version of the server."""

    code = "catalogue_too_new"
    exit_code = 20


class CatalogueUnwritable(TidewatchError):
    """The catalogue cannot be written: permissions, a read-only disk, or a folder that is not there."""

    code = "catalogue_unwritable"
    exit_code = 21


class CatalogueFull(TidewatchError):
    """The disk under the catalogue is full."""

    code = "disk_full"
    exit_code = 22


class CatalogueLocked(DatabaseLocked):
    """Another program holds the catalogue for longer than we wait."""


_MEANINGS: tuple[tuple[str, type[TidewatchError], str, str], ...] = (
    ("locked", CatalogueLocked, "is locked by another program.", "Close what else writes to it."),
    ("database or disk is full", CatalogueFull, "cannot grow: the disk is full.", "Make room on it."),
    ("readonly", CatalogueUnwritable, "cannot be written.", "Check the permissions of the data folder."),
    (
        "unable to open",
        CatalogueUnwritable,
        "cannot be opened.",
        "Check the data folder and its permissions.",
    ),
    ("not a database", NotADatabase, "is not a database, or is damaged.", "Restore it from a backup."),
    ("malformed", NotADatabase, "is damaged.", "Restore it from a backup."),
)


def understood(said: str) -> bool:
    """Return whether what SQLite says becomes an error of ours, which is told where it is met."""
    return any(words in said for words, *_ in _MEANINGS)


@contextmanager
def translated(place: object) -> Generator[None]:
    """Turn what SQLite says about the file at ``place`` into an error of ours; let all else through."""
    try:
        yield
    except OverflowError as error:
        raise BadQuery("A number is too large.", hint="Numbers fit 64 bits.") from error
    except (DBAPIError, sqlite3.Error) as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error)
        for words, kind, what, hint in _MEANINGS:
            if words in said:
                raise kind(f"The catalogue {place} {what}", hint=hint) from error
        raise
