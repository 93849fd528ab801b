"""SQLite errors by their meaning: the same code stands for damage and for much that leaves a file sound."""

import os
import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from streams.model.failures import (
    CommandFailed,
    DatabaseDamaged,
    DatabaseHotJournal,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseUnreadable,
    DatabaseUnsupported,
    NotADatabase,
    TidewatchError,
)

_SCHEMA = re.compile(r"malformed database schema \((?P<entry>.*?)\)(?: - (?P<reason>.+))?", re.DOTALL)
_DAMAGED_SCHEMA = re.compile(r"invalid rootpage|orphan index|unrecognized token", re.IGNORECASE)
"""Reasons that no newer SQLite mends."""
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"no such collation sequence: (.*)",
        "The order {0} is of the program that made the file. Compare by bytes: ORDER BY x COLLATE BINARY.",
    ),
    (r"no query solution", "It is kept in an order of the program that made the file."),
    (r"no such module: (.*)", "Its rows are kept by the extension {0}, which this SQLite does not have."),
    (
        r"no such function: (.*)",
        "This SQLite does not have {0}; the program that made the file may bring it.",
    ),
    (r"(?:unknown|no such) tokenizer: (.*)", "Its words are cut by the extension {0}, which is not here."),
    (r"vtable constructor failed: (.*)", "Its extension could not read what it keeps."),
    (
        r"(?:.*: )?table does not support scanning",
        "It is an index of words without its texts: it answers MATCH, and has no rows to list.",
    ),
    (r"unsafe use of (.*)", "SQLite lets no schema use {0}; the file is sound."),
    (r"unsupported file format", "It was made by a newer SQLite; the file is sound."),
)

_TEMPORARY = "It is made in SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp."


_OF_ALL = frozenset({
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_INTERRUPT,
})  # fmt: skip


def was_stopped(error: sqlite3.Error) -> bool:
    """Whether a statement was cancelled or took too long."""
    return _primary(error) == sqlite3.SQLITE_INTERRUPT


def only_this_one(error: sqlite3.Error) -> bool:
    """Whether others can be read: its module may be missing, its pages damaged, its values too large."""
    return _primary(error) not in _OF_ALL


def hint_of(text: str) -> str:
    """Return what a message of SQLite means where that is not plain; empty where it is."""
    for pattern, hint in _HINTS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return hint.format(*found.groups())
    return ""


def table_problem(error: sqlite3.Error) -> str:
    """Return why one table cannot be read, with what that means."""
    text = str(error)
    if _primary(error) == sqlite3.SQLITE_CORRUPT:
        return f"Damaged: {text}. The check in Health says more."
    return f"{text}. {hint_of(text)}" if hint_of(text) else text


def is_index_only(error: sqlite3.Error) -> bool:
    """Whether a table is sound and made to be searched, with no rows that could be listed."""
    return str(error).endswith("table does not support scanning")


def unread_reason(create: str) -> str:
    """Return why an entry of the schema was left out."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"EXPLAIN {create}").close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        version = sqlite3.sqlite_version
        return f"SQLite {version} cannot read how it was made: {error}. A newer one may; the rest is sound."
    finally:
        connection.close()
    return "Its entry in the schema is damaged. The check in Health says more."


def failure_of(error: sqlite3.Error, where: str) -> TidewatchError:
    """Return our failure for an error; ``where`` names the file."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = _primary(error)
    text = str(error)
    match primary:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _locked(code, where)
        case sqlite3.SQLITE_READONLY:
            return _read_only(code, text, where)
        case sqlite3.SQLITE_CANTOPEN:
            return _cannot_open(where)
        case sqlite3.SQLITE_CORRUPT:
            return _corrupt(code, text, where)
        case sqlite3.SQLITE_NOTADB:
            hint = "It is another kind of file, or its beginning is damaged or encrypted."
            return NotADatabase(f"{where}: not a database.", hint=hint)
        case sqlite3.SQLITE_IOERR:
            hint = "The disk or the file system failed; the log of the system may say more."
            return DatabaseUnreadable(f"{where}: cannot be read: {text}.", hint=hint)
        case sqlite3.SQLITE_PROTOCOL | sqlite3.SQLITE_NOLFS | sqlite3.SQLITE_PERM:
            hint = "The file system does not do what SQLite needs; the file is sound."
            return DatabaseUnreadable(f"{where}: cannot be read: {text}.", hint=hint)
        case sqlite3.SQLITE_FULL:
            return CommandFailed("No room is left for a temporary file.", code="disk_full", hint=_TEMPORARY)
        case sqlite3.SQLITE_INTERRUPT:
            return CommandFailed("The query took too long and was stopped.", code="query_timeout")
        case sqlite3.SQLITE_AUTH:
            return CommandFailed(f"Only reading is allowed here: {text}.", code="read_only")
        case sqlite3.SQLITE_TOOBIG:
            hint = "Read a part of it with SQL: substr()."
            return CommandFailed("A value is larger than 64 MiB.", code="query_failed", hint=hint)
        case _:
            return CommandFailed(f"{where}: {text}.", code="query_failed", hint=hint_of(text))


def _primary(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _locked(code: int | None, where: str) -> TidewatchError:
    if code == sqlite3.SQLITE_BUSY_RECOVERY:
        return DatabaseLocked(f"{where}: another program is recovering it.", hint="It is tried again.")
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        message = f"{where}: written without a pause by a program whose locks cannot be seen here."
        return DatabaseLocked(message, hint="Wait, or look at it on the machine that writes it.")
    return DatabaseLocked(f"{where}: locked by another program.", hint="Close it, or wait.")


def _read_only(code: int | None, text: str, where: str) -> TidewatchError:
    if code == sqlite3.SQLITE_READONLY_ROLLBACK:
        hint = "Open it once with the program that owns it: that undoes the change. Nothing is written here."
        return DatabaseHotJournal(
            f"{where}: a change was cut off half-way; {Path(where).name}-journal has to undo it first.",
            hint=hint,
        )
    if code in (
        sqlite3.SQLITE_READONLY_RECOVERY,
        sqlite3.SQLITE_READONLY_CANTLOCK,
        sqlite3.SQLITE_READONLY_CANTINIT,
        sqlite3.SQLITE_READONLY_DIRECTORY,
    ):
        hint = "Open it as a user who may write to its folder; the file is sound."
        return DatabaseUnreadable(
            f"{where}: its log cannot be read, since its folder cannot be written.", hint=hint
        )
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return DatabaseMissing(f"{where}: it was moved or replaced.", hint="It is opened again.")
    return CommandFailed(f"Only reading is allowed here: {text}.", code="read_only")


def _cannot_open(where: str) -> TidewatchError:
    if Path(where).is_file() and os.access(where, os.R_OK):
        return CommandFailed("No temporary file could be made.", code="query_failed", hint=_TEMPORARY)
    return DatabaseMissing(f"{where}: cannot be opened.", hint="Check connection.database_path.")


def _corrupt(code: int | None, text: str, where: str) -> TidewatchError:
    if code == sqlite3.SQLITE_CORRUPT_VTAB:
        hint = "The program that made it can build it anew; other tables are not touched."
        return CommandFailed(
            f"The data of a virtual table do not fit: {text}.", code="query_failed", hint=hint
        )
    if code == sqlite3.SQLITE_CORRUPT_INDEX:
        hint = "REINDEX mends it. NOT INDEXED behind the table reads without it."
        return CommandFailed(f"An index does not fit its table: {text}.", code="query_failed", hint=hint)
    schema = _SCHEMA.fullmatch(text)
    if schema is not None and schema["reason"] and not _DAMAGED_SCHEMA.search(schema["reason"]):
        hint = f"It may be sound: a newer SQLite than {sqlite3.sqlite_version}, or its own program, may."
        entry, reason = schema["entry"], schema["reason"]
        return DatabaseUnsupported(f"{where}: {entry} cannot be understood here: {reason}.", hint=hint)
    return DatabaseDamaged(f"{where}: the database is damaged: {text}.", hint="Restore it from a copy.")


@contextmanager
def translated_file(where: str) -> Generator[None]:
    """Raise our failures while a database file is read: none of them is about a server."""
    try:
        yield
    except sqlite3.Error as error:
        raise failure_of(error, where) from error
    except OSError as error:
        reason = error.strerror or str(error) or "no answer in time"
        raise CommandFailed(f"{where}: cannot be read: {reason}.", code="not_read") from error
