"""Which columns of a database hold secrets: by their names, and by what they are made of.

Only names decide, never values: a table that is empty today may be full tomorrow, and two consoles that look
at different moments must hide the same. A column that is generated from a secret one is secret too.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from streams.records.database import TableKind

OWN_SECRETS = frozenset({("tokens", "hash"), ("enrolments", "hash")})
"""Of Tidewatch's own catalogue."""

_SECRET = re.compile(
    r"secret(?!ar)|passw|passphrase|passcode|pass_?key|pwd|credential|encrypted_"
    r"|(?:^|_)(?:pass|pw|passwd|jwt|t?otp|hotp|cvv|cvc|csrf|xsrf|cookie|bearer|salt|nonce|mnemonic|pin|psk|puk)(?:_|$)"
    r"|(?:private|api|access|signing|encryption|master|session|ssh|licen[cs]e|auth|client|shared|storage)_?key"
    r"|(?:recovery|backup|auth|verification|reset|invite|enrol(?:l?ment)?|activation|magic|pin|code)_?(?:code|hash|link)"
    r"|seed_phrase|session_?(?:id|data)$|(?:^|_)sid$|(?:^|_)token(?:_?hash|_?value|_?digest)?$"
    r"|kennwort|geheim|contrasen|mot_de_passe|wachtwoord|(?:^|_)senha(?:_|$)",
)
_ABOUT_SECRET = re.compile(
    r"_(?:at|on|url|uri|element|label|type|kind|count|length|len|policy|expires|expiry|expires_in|algorithm|algo"
    r"|scheme|version|set|enabled|required|changed|age|days|status|state|field|name|id|no)$"
    r"|^(?:has|is|num|n|min|max|last|must|can|use|uses|requires)_"
)
"""Columns that say something about a secret, such as the name of the field it is typed into."""
_SESSION_ID = re.compile(r"session_?(?:id|data)$|(?:^|_)sid$")
_PERHAPS_SECRET = re.compile(r"^(?:key|keys|hash|digest|value|data|code|token|tokens|identifier)$")
"""Names that stand for a secret in a table of secrets, and for anything else elsewhere."""
_TABLE_OF_SECRETS = re.compile(
    r"token|secret|credential|passw|cookie|session|enrol|invit|api_?key|(?:^|_)keys?$|keyring|vault|login|otp"
    r"|(?:^|_)auth(?:_|$)|oauth"
)
_WEAK_TABLE = re.compile(r"(?:^|_)(?:users?|accounts?|members?)$")
_ALSO_OF_USERS = frozenset({"hash", "digest", "token", "tokens", "key", "keys"})
_COUNTING_TYPE = re.compile(r"INT|REAL|FLOA|DOUB|NUM|DEC", re.IGNORECASE)
_TIME_TYPE = re.compile(r"BOOL|DATE|TIME", re.IGNORECASE)
_STORAGE = frozenset({"block", "term", "root"})
"""Columns in which a full-text index keeps words."""
_CONTENT = re.compile(r"c(\d+)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Columns = Mapping[str, list[tuple[Any, ...]]]
"""What ``PRAGMA table_xinfo`` says of each table."""
Secrets = frozenset[tuple[str, str]]


def is_secret(table: str, column: str, kind: str) -> bool:
    """Whether a column of this name and declared type holds secrets."""
    name, owner = _words(column), _words(table)
    if _TIME_TYPE.search(kind):
        return False
    if _SESSION_ID.search(name):
        return not _COUNTING_TYPE.search(kind)  # a number only refers to the session
    if _SECRET.search(name):
        return not _ABOUT_SECRET.search(name)
    if not _PERHAPS_SECRET.search(name) or _COUNTING_TYPE.search(kind):
        return False
    return bool(_TABLE_OF_SECRETS.search(owner) or (_WEAK_TABLE.search(owner) and name in _ALSO_OF_USERS))


def _words(name: str) -> str:
    """Return a name in lower case with its words parted, whichever way it is written."""
    return re.sub(r"[\s.\-]+", "_", _CAMEL.sub("_", name)).lower()


def find_secrets(
    kinds: Mapping[str, TableKind], columns: Columns, sql_of: Mapping[str, str], *, own: bool
) -> Secrets:
    """Return the secret columns of all tables, table and column in lower case.

    ``own`` says that it is a catalogue of Tidewatch, whose secrets are listed.
    """
    found: set[tuple[str, str]] = set(OWN_SECRETS) if own else set()
    for table, rows in columns.items():
        for _, column, kind, *_ in rows:
            if is_secret(table, column, kind or ""):
                found.add((table.lower(), column.lower()))
    owned = columns_by_table(found)
    for table, rows in columns.items():
        found |= _generated(table, rows, sql_of.get(table) or "", owned.get(table.lower(), set()))
    shadows = [name for name, kind in kinds.items() if kind is TableKind.SHADOW]
    for table, kind in kinds.items():
        if kind is TableKind.VIRTUAL:
            found |= _stored(table, shadows, columns, found)
    return frozenset(found)


def columns_by_table(secrets: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the secret columns of each table that has some."""
    found: dict[str, set[str]] = {}
    for table, column in secrets:
        found.setdefault(table, set()).add(column)
    return found


def _generated(table: str, rows: list[tuple[Any, ...]], sql: str, own: set[str]) -> set[tuple[str, str]]:
    """Return the generated columns of a table, if one of them is made of a secret column, which ``own`` are.

    The engine tells which columns are read when it takes in the CREATE statement, but not for which of the
    generated ones: so all of them are hidden then.
    """
    names = {(table.lower(), row[1].lower()) for row in rows if row[6] in (2, 3)}
    if not own or not names:
        return set()
    read = _read_by(sql)
    return names if read is None or own & read else set()


def _read_by(create: str) -> set[str] | None:
    """Return the columns that a CREATE TABLE itself reads, in lower case; None where that cannot be told."""
    read: set[str] = set()

    def listen(action: int, _table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and column is not None:
            read.add(column.lower())
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as empty:
        empty.set_authorizer(listen)
        try:
            empty.execute(create)
        except (sqlite3.Error, sqlite3.Warning):
            return None  # such as for a function that only the program that wrote it has
    return read


def _stored(
    table: str, shadows: Sequence[str], columns: Columns, secrets: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return where a virtual table with a secret column keeps it: its content, and its index in words."""
    own = [at for at, row in enumerate(columns.get(table, ())) if (table.lower(), row[1].lower()) in secrets]
    if not own:
        return set()
    found: set[tuple[str, str]] = set()
    for shadow in shadows:
        if not shadow.lower().startswith(f"{table.lower()}_"):
            continue
        for _, column, *_ in columns[shadow]:
            content = _CONTENT.match(column)
            if column.lower() in _STORAGE or (content is not None and int(content[1]) in own):
                found.add((shadow.lower(), column.lower()))
    return found
