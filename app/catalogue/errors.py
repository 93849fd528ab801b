"""Errors of the catalogue, each with the code that the HTTP API uses."""

import errno
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as SqlAlchemyTimeout

from streams.model.failures import DatabaseLocked, NotADatabase, TidewatchError


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


class UnknownToken(TidewatchError):
    """No token of a console has this id or name."""

    code = "unknown_token"


class TokenNameTaken(TidewatchError):
    """There is a token of this name that was not revoked."""

    code = "name_taken"


class LimitReached(TidewatchError):
    """There are as many as every console can list; more are not kept."""

    code = "limit_reached"


class Protected(TidewatchError):
    """It is protected from being removed."""

    code = "protected"


class NotMarked(TidewatchError):
    """The client is not marked for removal."""

    code = "not_marked"


class RunEnded(TidewatchError):
    """The run has ended; nothing can be added to it."""

    code = "run_ended"


class RunReplaced(TidewatchError):
    """Another run of the client has begun since: two programs work as it."""

    code = "run_replaced"


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


class ContentWithdrawn(TidewatchError):
    """A content has left the store between its upload and its note: it is to be sent again."""

    code = "upload_incomplete"

    def __init__(self, hashes: Sequence[str]) -> None:
        super().__init__(
            f"{len(hashes)} contents have left the store meanwhile, the first is {hashes[0]}.",
            hint="Send them again.",
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
    """The catalogue cannot be opened or written: permissions, a read-only disk, or no free descriptors."""

    code = "catalogue_unwritable"
    exit_code = 21


class SqliteTooOld(TidewatchError):
    """The SQLite of this Python cannot search: it was built without FTS5, or before trigrams (3.34)."""

    code = "sqlite_too_old"
    exit_code = 25


class CatalogueFull(TidewatchError):
    """The disk under the catalogue is full."""

    code = "disk_full"
    exit_code = 22


class CatalogueUnreadable(TidewatchError):
    """The disk under the catalogue fails; nothing says that the file itself is damaged."""

    code = "catalogue_io_error"
    exit_code = 23


class CatalogueLost(TidewatchError):
    """The catalogue was deleted or replaced; what would be written to it no restart would find."""

    code = "catalogue_lost"
    exit_code = 9


class CatalogueLocked(DatabaseLocked):
    """Another program holds the catalogue for longer than we wait."""


class OutOfMemory(TidewatchError):
    """There is no memory for this just now."""

    code = "out_of_memory"
    exit_code = 24


_RESTORE = "Put a copy back with: tidewatch server restore-catalogue FILE --data DIR"
_DISK = "Check the disk and the system's log; the server goes on by itself once the disk is well."
_PERMISSIONS = "Check the data folder, its permissions and the limit of open files."

# By SQLite's primary result code, which says more than the text: that one is for people, and changes.
# What is not here is a mistake of ours: a wrong statement, a broken constraint, a misused connection.
_MEANINGS: dict[int, tuple[type[TidewatchError], str, str]] = {
    sqlite3.SQLITE_BUSY: (CatalogueLocked, "is locked by another program.", "Close what else writes to it."),
    sqlite3.SQLITE_LOCKED: (CatalogueLocked, "is locked by another question.", "Try again."),
    sqlite3.SQLITE_PROTOCOL: (CatalogueLocked, "is locked by too many programs.", "Close some of them."),
    sqlite3.SQLITE_SCHEMA: (CatalogueLocked, "has changed meanwhile.", "Try again."),
    sqlite3.SQLITE_ABORT: (CatalogueLocked, "could not be read to the end.", "Try again."),
    sqlite3.SQLITE_INTERRUPT: (CatalogueLocked, "was asked something that was broken off.", "Try again."),
    sqlite3.SQLITE_FULL: (CatalogueFull, "cannot grow: the disk is full.", "Make room on it."),
    sqlite3.SQLITE_READONLY: (CatalogueUnwritable, "cannot be written.", _PERMISSIONS),
    sqlite3.SQLITE_CANTOPEN: (CatalogueUnwritable, "cannot be opened.", _PERMISSIONS),
    sqlite3.SQLITE_PERM: (CatalogueUnwritable, "cannot be opened.", _PERMISSIONS),
    sqlite3.SQLITE_AUTH: (CatalogueUnwritable, "may not be read.", _PERMISSIONS),
    sqlite3.SQLITE_NOLFS: (CatalogueUnwritable, "is too large for its disk.", "Move the data folder."),
    sqlite3.SQLITE_IOERR: (CatalogueUnreadable, "cannot be read or written: the disk fails.", _DISK),
    sqlite3.SQLITE_NOMEM: (OutOfMemory, "has no memory left to work with.", "Free memory on the server."),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "is not a database, or is damaged.", _RESTORE),
    sqlite3.SQLITE_CORRUPT: (NotADatabase, "is damaged.", _RESTORE),
    sqlite3.SQLITE_FORMAT: (NotADatabase, "is damaged.", _RESTORE),
}
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED_ERRNOS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EMFILE, errno.ENFILE}
)


def failure_of(place: object, error: BaseException) -> TidewatchError | None:
    """Return what an exception means for the catalogue at ``place``; None where it is a mistake of ours."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    if isinstance(error, sqlite3.Error):
        return _failure_of_sqlite(place, error)
    if isinstance(error, SqlAlchemyTimeout):
        return CatalogueLocked(f"The catalogue {place} is asked too much at once.", hint="Try again.")
    if isinstance(error, MemoryError):
        return OutOfMemory(f"There is no memory left for {place}.", hint="Free memory on the server.")
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return _failure_of_system(place, error)
    return None


def _failure_of_sqlite(place: object, error: sqlite3.Error) -> TidewatchError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # From the driver, not from SQLite. The one that comes from a file is a text that is none.
        if isinstance(error, sqlite3.OperationalError) and "decode" in str(error):
            return NotADatabase(f"The catalogue {place} is damaged: a text is not UTF-8.", hint=_RESTORE)
        return None
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return lost(place, "was moved or deleted")
    meaning = _MEANINGS.get(code & 0xFF)
    if meaning is None:
        return None
    kind, said, hint = meaning
    return kind(f"The catalogue {place} {said}", hint=hint)


def _failure_of_system(place: object, error: OSError) -> TidewatchError:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _FULL_ERRNOS:
        return CatalogueFull(f"The disk is full under {place}.", hint="Make room on it.")
    if error.errno in _REFUSED_ERRNOS:
        return CatalogueUnwritable(f"{place} cannot be opened: {reason}.", hint=_PERMISSIONS)
    return CatalogueUnreadable(f"{place} cannot be read or written: {reason}.", hint=_DISK)


def lost(place: object, happened: str) -> CatalogueLost:
    """Return the failure that ends all writing until the server is started again."""
    return CatalogueLost(
        f"The catalogue {place} {happened} while the server ran; nothing is kept until it is back.",
        hint="Stop the server, put the newest copy back (server restore-catalogue), and start it again.",
    )


def understood(error: BaseException) -> bool:
    """Return whether what SQLite says becomes an error of ours, which is told where it is met."""
    return failure_of("", error) is not None


@contextmanager
def translated(place: object) -> Generator[None]:
    """Turn what SQLite or the system says about the file at ``place`` into an error of ours.

    Mistakes of ours, such as a wrong statement, go through as they are.
    """
    try:
        yield
    except OverflowError as error:
        raise BadQuery("A number is too large.", hint="Numbers fit 64 bits.") from error
    except (DBAPIError, sqlite3.Error, SqlAlchemyTimeout, OSError, MemoryError) as error:
        failure = failure_of(place, error)
        if failure is None:
            raise
        raise failure from error
