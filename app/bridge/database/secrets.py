"""Which columns of a database hold secrets: by their names, by what they hold, and by what they are made of.

A result column that an expression computes needs no rule of its own: the engine reads NULL where a statement
asks for a secret column, through views and aliases too. Three things it computes without asking again, and so
they are secret themselves: a column that is generated from a secret one, the storage of a full-text table
that has a secret column, and the list of such a table's words.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from app.bridge.database.connection import Reader
from app.bridge.database.values import quoted
from streams.records.database import TableKind

SAMPLE_S = 0.25
SAMPLED = 20
_SECRET = re.compile(
    r"secret|passw|passphrase|credential|encrypted_|private_?key|api_?key|token_hash|code_hash"
    r"|^(access|auth|refresh|bearer|session|id)?_?token$",
    re.IGNORECASE,
)
_ABOUT_SECRET = re.compile(r"_(url|uri|element|label|type|count|length)$", re.IGNORECASE)
"""Columns that say something about a secret, such as the name of the field it is typed into."""
_PERHAPS_SECRET = re.compile(r"key|token|hash(?!ed_at)|salt|nonce", re.IGNORECASE)
_PUBLIC_HASH = re.compile(r"sha256|sha1|md5|checksum|etag|content|blob_hash|file_hash", re.IGNORECASE)
_HASH_LIKE = re.compile(r"^(?:[0-9a-f]{32,}|[A-Za-z0-9+/_=$.,-]{24,})$", re.IGNORECASE)
_NUMBER_TYPE = re.compile(r"INT|REAL|FLOA|DOUB|NUM|DEC|BOOL|DATE|TIME", re.IGNORECASE)
_WORD_LIST = re.compile(r"\bUSING\s+(?:fts5vocab|fts4aux)\s*\(\s*['\"`\[]?(\w+)", re.IGNORECASE)
_STORAGE = frozenset({"block", "term", "root"})
"""Columns in which a full-text index keeps words."""
_CONTENT = re.compile(r"c(\d+)", re.IGNORECASE)

Columns = Mapping[str, list[tuple[Any, ...]]]
"""What ``PRAGMA table_xinfo`` says of each table."""
Secrets = frozenset[tuple[str, str]]


def is_secret_name(column: str, kind: str) -> bool:
    """Whether a column holds secrets by its very name."""
    about = _ABOUT_SECRET.search(column) or _NUMBER_TYPE.search(kind)
    return bool(_SECRET.search(column)) and not about


def may_be_secret(column: str, kind: str) -> bool:
    """Whether the values must be looked at to know."""
    return bool(_PERHAPS_SECRET.search(column)) and not (
        _NUMBER_TYPE.search(kind) or _PUBLIC_HASH.search(column)
    )


def looks_like_hash(value: object) -> bool:
    """Whether a value is a digest or a key: long, dense, without a word in it."""
    if isinstance(value, bytes):
        return len(value) >= 16
    if not isinstance(value, str) or not _HASH_LIKE.match(value):
        return False
    digits = sum(char.isdigit() for char in value)
    return digits >= len(value) / 8 and len(set(value)) >= 10


def find_secrets(
    reader: Reader, kinds: Mapping[str, TableKind], columns: Columns, sql_of: Mapping[str, str]
) -> Secrets:
    """Return the secret columns of all tables, table and column in lower case."""
    found: set[tuple[str, str]] = set()
    for table, rows in columns.items():
        for _, column, kind, *_ in rows:
            if is_secret_name(column, kind) or (
                may_be_secret(column, kind) and _holds_hashes(reader, table, column)
            ):
                found.add((table.lower(), column.lower()))
    for table, rows in columns.items():
        found |= _generated(table, rows, sql_of.get(table) or "", found)
    for table, kind in kinds.items():
        if kind is TableKind.VIRTUAL:
            found |= _stored(table, kinds, columns, found)
    for table, kind in kinds.items():
        words = _WORD_LIST.search(sql_of.get(table) or "") if kind is TableKind.VIRTUAL else None
        if words is not None and _has_secret(words[1].lower(), found):
            found.add((table.lower(), "term"))
    return frozenset(found)


def _holds_hashes(reader: Reader, table: str, column: str) -> bool:
    name = quoted(column)
    sql = f"SELECT substr({name}, 1, 128) FROM {quoted(table)} LIMIT {SAMPLED}"
    try:
        with reader.limited(SAMPLE_S):
            values = [value for (value,) in reader.all(sql) if value is not None]
    except sqlite3.OperationalError as error:
        if reader.job.over():
            raise
        # What could not be looked at in time is rather hidden than shown.
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_INTERRUPT
    return bool(values) and sum(map(looks_like_hash, values)) * 2 >= len(values)


def _has_secret(table: str, secrets: Iterable[tuple[str, str]]) -> bool:
    return any(owner == table for owner, _ in secrets)


def _generated(
    table: str, rows: list[tuple[Any, ...]], sql: str, secrets: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return the generated columns of a table, if one of them is made of a secret column.

    The engine tells which columns are read when it takes in the CREATE statement, but not for which of the
    generated ones: so all of them are hidden then.
    """
    own = {column for owner, column in secrets if owner == table.lower()}
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
    table: str, kinds: Mapping[str, TableKind], columns: Columns, secrets: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return where a virtual table with a secret column keeps it: its content, and its index in words."""
    own = [at for at, row in enumerate(columns.get(table, ())) if (table.lower(), row[1].lower()) in secrets]
    if not own:
        return set()
    found: set[tuple[str, str]] = set()
    for shadow, rows in columns.items():
        if kinds.get(shadow) is not TableKind.SHADOW or not shadow.lower().startswith(f"{table.lower()}_"):
            continue
        for _, column, *_ in rows:
            content = _CONTENT.match(column)
            if column.lower() in _STORAGE or (content is not None and int(content[1]) in own):
                found.add((shadow.lower(), column.lower()))
    return found
