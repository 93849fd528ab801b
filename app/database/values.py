"""Values on their way to the screen: long ones shortened, secret ones never read."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from streams.model.database import (
    Blob,
    ColumnInfo,
    LongText,
    Masked,
    RawText,
    Row,
    Stored,
    TableInfo,
    Value,
)

TEXT_CHARS = 200
BLOB_BYTES = 16
CELL_BYTES = 32
"""What a value takes beside its text or its bytes."""
MASKED = Masked()
ROWIDS = ("rowid", "_rowid_", "oid")
CELL_FUNCTION, WHOLE_FUNCTION = "tidewatch_cell", "tidewatch_whole"
REAL_FUNCTION, SHOWN_FUNCTION = "tidewatch_real", "tidewatch_shown"


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def short(value: Any) -> Value:
    """Return what a cell shows of a value."""
    if isinstance(value, bytes):
        return Blob(len(value), value[:BLOB_BYTES])
    if isinstance(value, RawText):
        return short_text(value.raw, value.encoding)
    if isinstance(value, str) and len(value) > TEXT_CHARS:
        return LongText(value[:TEXT_CHARS], len(value.encode("utf-8", "replace")))
    return value


def short_row(row: Iterable[Any]) -> Row:
    """Return a row with its values shortened."""
    return tuple(short(value) for value in row)


def size_of(value: Stored | Value) -> int:
    """Return about how many bytes a value takes, whole or shortened."""
    match value:
        case str() | bytes():
            return CELL_BYTES + len(value)
        case LongText() | Blob():
            return CELL_BYTES + len(value.head)
        case RawText():
            return CELL_BYTES + len(value.raw)
        case _:
            return CELL_BYTES


def column_of(table: TableInfo, column: str) -> str:
    """Return a column as an expression: NULL for a secret one, which so is never named."""
    if any(known.secret for known in table.columns if known.name == column):
        return "NULL"
    # An index in an order that is not known here finds nothing by bytes, and is not used for these.
    order = " COLLATE BINARY" if table.foreign_orders and not _is_row_number(table, column) else ""
    return f"{quoted(column)}{order}"


def _is_row_number(table: TableInfo, name: str) -> bool:
    """Whether a name means the number that SQLite gives a row; a column can be named so too."""
    return name in ROWIDS and all(column.name.lower() != name for column in table.columns)


def source_of(table: TableInfo) -> str:
    """Return what the pages of a table are read from.

    That is the table itself where it has a key, since a view that hides secrets has none; the console's own
    statements name no secret column. What has no key is read as a person's statements read it.
    """
    return f"main.{quoted(table.name)}" if table.key else quoted(table.name)


def shortening(column: ColumnInfo) -> str:
    """Return the expression that reads a column so that no more than a cell shows leaves the database.

    Text passes as bytes: SQL functions end it at a NUL, and it need not be valid.
    """
    return "NULL" if column.secret else _packing(quoted(column.name), CELL_FUNCTION)


def whole(table: TableInfo, column: str) -> str:
    """Return the expression that reads a value of a key, or of the sorted column, as it is."""
    expression = column_of(table, column)
    return expression if _is_row_number(table, column) else _packing(expression, WHOLE_FUNCTION)


def _packing(name: str, function: str) -> str:
    return (
        f"CASE typeof({name}) WHEN 'text' THEN {function}(1, CAST({name} AS BLOB))"
        f" WHEN 'blob' THEN {function}(0, {name}) ELSE {name} END"
    )


def bound(value: Stored) -> tuple[str, Any]:
    """Return how a value stands in a statement, and its parameter."""
    # The sign takes the affinity of the CAST away, so that it is compared as a parameter is.
    return ("+CAST(? AS TEXT)", value.raw) if isinstance(value, RawText) else ("?", value)


def encoding_of(connection: sqlite3.Connection) -> str:
    """Return the encoding of the text in a database."""
    return str(connection.execute("PRAGMA main.encoding").fetchone()[0]).lower()


def text_reader(encoding: str) -> Callable[[bytes], str | RawText]:
    """Return what decodes text, which need not be valid: SQLite keeps whatever a program has called text."""
    if encoding == "utf-8":
        return lambda raw: text_of(raw, encoding)
    # SQLite has made UTF-8 of it already; what was not valid before cannot be told any more.
    return lambda raw: raw.decode("utf-8", "replace")


def install_functions(connection: sqlite3.Connection) -> None:
    """Let statements of the console read values through a function, in the process that reads the file."""
    encoding = encoding_of(connection)

    def cell(is_text: int, raw: bytes) -> bytes:
        return pack(short_text(raw, encoding) if is_text else Blob(len(raw), raw[:BLOB_BYTES]))

    def stored(is_text: int, raw: bytes) -> bytes:
        return pack(text_of(raw, encoding) if is_text else raw)

    for name, arguments, function in (
        (CELL_FUNCTION, 2, cell),
        (WHOLE_FUNCTION, 2, stored),
        (REAL_FUNCTION, 1, real_text),
        (SHOWN_FUNCTION, 1, lambda raw: raw.decode(encoding, "replace")),
    ):
        connection.create_function(name, arguments, function, deterministic=True)


def real_text(value: float) -> str:
    """Return a real number with all its digits, as a cell shows it."""
    return repr(value)


def text_of(raw: bytes, encoding: str) -> str | RawText:
    """Return text as it is stored."""
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return RawText(raw, encoding)


def short_text(raw: bytes, encoding: str) -> str | RawText | LongText:
    """Return what a cell shows of text."""
    head = raw[: 4 * (TEXT_CHARS + 1)].decode(encoding, "replace")
    return text_of(raw, encoding) if len(head) <= TEXT_CHARS else LongText(head[:TEXT_CHARS], len(raw))


def pack(value: str | bytes | RawText | LongText | Blob) -> bytes:
    """Return a value as bytes that ``unpack`` takes apart, since SQL has no types of ours."""
    match value:
        case str():
            return b"t" + value.encode()
        case bytes():
            return b"b" + value
        case RawText():
            return b"r" + value.encoding.encode() + b" " + value.raw
        case LongText():
            return b"l" + (value.size_bytes or 0).to_bytes(8, "big") + value.head.encode()
        case Blob():
            return b"h" + value.size_bytes.to_bytes(8, "big") + value.head


def unpack(value: Any) -> Any:
    """Return what ``pack`` was given; numbers and NULL are as they were."""
    if not isinstance(value, bytes):
        return value
    kind, rest = value[:1], value[1:]
    match kind:
        case b"t":
            return rest.decode()
        case b"b":
            return rest
        case b"r":
            encoding, _, raw = rest.partition(b" ")
            return RawText(raw, encoding.decode())
        case b"l":
            return LongText(rest[8:].decode(), int.from_bytes(rest[:8], "big"))
        case _:
            return Blob(int.from_bytes(rest[:8], "big"), rest[8:])


def row_reader(secret: Sequence[bool]) -> Callable[[Sequence[Any]], Row]:
    """Return what makes a row of what ``shortening`` reads; secret columns are masked."""

    def read(values: Sequence[Any]) -> Row:
        return tuple(
            MASKED if masked else unpack(value) for value, masked in zip(values, secret, strict=True)
        )

    return read
