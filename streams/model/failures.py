"""Failures of the outside world, as exceptions on the way up and as values once they are shared."""

from datetime import datetime
from typing import ClassVar

from streams.model.base import Record
from streams.model.safe_text import terminal_text


class TidewatchError(Exception):
    """Something outside went wrong; says what, and what to do about it.

    ``code`` is the word the HTTP API, the logs and the tests use; ``hint`` is one sentence for a person.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def line(self) -> str:
        """Return the one line a command prints before it exits, safe for a terminal."""
        return terminal_text(f"{self.message} {self.hint}".strip())


class ServerUnreachable(TidewatchError):
    """No answer: name not found, no route, or time ran out."""

    code = "server_unreachable"
    exit_code = 10


class ServerRefused(TidewatchError):
    """The host answers, but nothing listens on that port."""

    code = "server_refused"
    exit_code = 11


class WrongToken(TidewatchError):
    """The token is missing, unknown, revoked or of the wrong scope."""

    code = "wrong_token"
    exit_code = 12


class TokenMissing(WrongToken):
    """There is no token: nobody has refused one."""


class WrongCertificate(TidewatchError):
    """TLS failed: unknown authority, wrong name, expired, another key, or no TLS at all.

    ``seen`` is the fingerprint of the key that answers there, and ``pinned`` of the one that should; as far
    as they are known.
    """

    code = "wrong_certificate"
    exit_code = 13

    def __init__(self, message: str, *, hint: str = "", seen: str = "", pinned: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seen, self.pinned = seen, pinned


class WrongVersion(TidewatchError):
    """Server and console speak different versions of the protocol, or that is no Tidewatch server."""

    code = "wrong_version"
    exit_code = 14


class DatabaseMissing(TidewatchError):
    """There is no file at ``database_path``."""

    code = "database_missing"
    exit_code = 15


class DatabaseNotServed(DatabaseMissing):
    """Neither this machine nor the server gives the file at ``database_path`` to consoles."""

    code = "database_not_served"


class ServerTooOld(DatabaseMissing):
    """This machine does not have the file, and the server does not know how to read one for consoles."""

    code = "server_too_old"


class DatabaseUnreadable(DatabaseMissing):
    """The file is there, but the system does not let it be read: permissions, its log, a disk that fails."""

    code = "database_unreadable"


class NotADatabase(TidewatchError):
    """The file at ``database_path`` is not a database, or is damaged or encrypted."""

    code = "not_a_database"
    exit_code = 16


class DatabaseEmpty(NotADatabase):
    """The file has no content at all."""

    code = "database_empty"


class DatabaseDamaged(NotADatabase):
    """It is a database, but parts of it cannot be read."""

    code = "database_damaged"


class DatabaseEncrypted(NotADatabase):
    """The content cannot be told from random bytes."""

    code = "database_encrypted"


class DatabaseUnsupported(NotADatabase):
    """It may be sound, but it needs something that this SQLite does not have."""

    code = "database_unsupported"


class DatabaseLocked(TidewatchError):
    """Another program holds the database for longer than we wait."""

    code = "database_locked"
    exit_code = 17


class DatabaseHotJournal(DatabaseLocked):
    """A change was cut off, and its journal has to undo it before anybody can read."""

    code = "database_hot_journal"


class ConfigRejected(TidewatchError):
    """A setting is unknown, out of range, or the file cannot be read."""

    code = "config_rejected"
    exit_code = 3


class CommandFailed(TidewatchError):
    """The server refused what was asked of it; ``code`` of the instance is the server's word."""

    code = "command_failed"

    def __init__(self, message: str, *, code: str = "command_failed", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.server_code = code


class DatabaseNotConfigured(DatabaseMissing):
    """No path of a database is set."""

    code = "database_not_configured"


class QueryCancelled(TidewatchError):
    """Somebody did not want the answer any more; nobody is told."""

    code = "query_cancelled"


class Failure(Record, frozen=True, kw_only=True):
    """A failure as a value: what a card or a bar shows."""

    code: str
    message: str
    hint: str = ""
    since: datetime
    retry_at: datetime | None = None


def as_failure(error: Exception, *, since: datetime, retry_at: datetime | None = None) -> Failure:
    """Return ``error`` as a value; one that is not of the outside world is shown as the mistake it is."""
    if isinstance(error, TidewatchError):
        code = error.server_code if isinstance(error, CommandFailed) else error.code
        return Failure(code=code, message=error.message, hint=error.hint, since=since, retry_at=retry_at)
    return Failure(
        code="internal",
        message=f"A mistake in the program: {type(error).__name__}: {error}",
        hint="Its trace is in the log.",
        since=since,
        retry_at=retry_at,
    )
