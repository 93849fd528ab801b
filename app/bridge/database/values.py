"""Values on their way to the screen: long ones shortened, secret ones never read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from streams.records.database import Blob, ColumnInfo, LongText, Masked, Row, TableInfo, Value

TEXT_CHARS = 200
BLOB_BYTES = 16
MASKED = Masked()


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def short(value: Any) -> Value:
    """Return what a cell shows of a value."""
    if isinstance(value, bytes):
        return Blob(len(value), value[:BLOB_BYTES])
    if isinstance(value, str) and len(value) > TEXT_CHARS:
        return LongText(value[:TEXT_CHARS], len(value.encode("utf-8", "replace")))
    return value


def short_row(row: Iterable[Any]) -> Row:
    """Return a row with its values shortened."""
    return tuple(short(value) for value in row)


def column_of(table: TableInfo, column: str) -> str:
    """Return a column as an expression: NULL for a secret one, which so is never named."""
    return "NULL" if any(known.secret for known in table.columns if known.name == column) else quoted(column)


def source_of(table: TableInfo) -> str:
    """Return what the pages of a table are read from.

    That is the table itself where it has a key, since a view that hides secrets has none; the console's own
    statements name no secret column. What has no key is read as a person's statements read it.
    """
    return f"main.{quoted(table.name)}" if table.key else quoted(table.name)


def shortening(column: ColumnInfo) -> str:
    """Return the two expressions that read a column so that no more than a cell shows leaves the database.

    The first is the value, cut; the second is the size of a blob, -1 for text that was cut, else NULL.
    """
    if column.secret:
        return "NULL, NULL"
    name = quoted(column.name)
    return (
        f"CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {TEXT_CHARS})"
        f" WHEN 'blob' THEN substr({name}, 1, {BLOB_BYTES}) ELSE {name} END,"
        f" CASE typeof({name}) WHEN 'blob' THEN length({name})"
        f" WHEN 'text' THEN CASE WHEN substr({name}, {TEXT_CHARS + 1}, 1) <> '' THEN -1 END END"
    )


def row_reader(secret: Sequence[bool]) -> Callable[[Sequence[Any]], Row]:
    """Return what makes a row of the pairs that ``shortening`` reads; secret columns are masked."""

    def cell(value: Any, size: int | None, masked: bool) -> Value:
        if masked:
            return MASKED
        if isinstance(value, bytes):
            return Blob(size if size is not None else len(value), value)
        if size == -1:
            return LongText(value)
        return value

    def read(pairs: Sequence[Any]) -> Row:
        return tuple(cell(pairs[2 * i], pairs[2 * i + 1], masked) for i, masked in enumerate(secret))

    return read
