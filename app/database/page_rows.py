"""Rows of a page by their keys: wide ones in groups of columns, large ones up to a number of bytes."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from app.database.connection import Reader
from app.database.page_keys import key_condition, keys_beside
from app.database.values import quoted, row_reader, shortening, size_of, source_of
from streams.model.database import Blob, ColumnInfo, Key, LongText, Row, Stored, TableInfo
from streams.model.failures import CommandFailed

COLUMNS_AT_ONCE = 400
"""An answer of SQLite has at most 2,000 columns, which a table can have too."""
CELLS_AT_ONCE = 20_000
PAGE_BYTES = 8 * 1024**2
"""A page ends after the row with which it is larger, and says that there is more."""
MAX_KEY_PARTS = 1_000
"""Of all keys in one statement; one key may have more."""
MAX_KEY_BYTES = 1024**2
_OF_A_CELL = frozenset({sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_ERROR})


def read_rows(reader: Reader, table: TableInfo, keys: Sequence[Key]) -> tuple[list[Key], list[Row]]:
    """Return keys with their rows, in this order, up to ``PAGE_BYTES``; a row that is gone is left out."""
    there: list[Key] = []
    rows: list[Row] = []
    size, step = 0, max(1, CELLS_AT_ONCE // max(1, len(table.columns)))
    for start in range(0, len(keys), step):
        some = keys[start : start + step]
        found = _rows_of(reader, table, some)
        for key in some:
            if size > PAGE_BYTES:
                return there, rows
            if (row := found.get(key)) is not None:
                there.append(key)
                rows.append(row)
                size += sum(map(size_of, row))
    return there, rows


def up_to_bytes(rows: Iterable[Row]) -> list[Row]:
    """Return rows up to ``PAGE_BYTES``."""
    found: list[Row] = []
    size = 0
    for row in rows:
        found.append(row)
        size += sum(map(size_of, row))
        if size > PAGE_BYTES:
            break
    return found


def costs_a_cell(error: sqlite3.Error) -> bool:
    """Whether one value may be at fault: it is larger than may be read, or it cannot be computed."""
    return error.sqlite_errorcode & 0xFF in _OF_A_CELL


def _rows_of(reader: Reader, table: TableInfo, keys: Sequence[Key]) -> dict[Key, Row]:
    groups = [
        table.columns[start : start + COLUMNS_AT_ONCE]
        for start in range(0, len(table.columns), COLUMNS_AT_ONCE)
    ]
    found: dict[Key, Row] = dict.fromkeys(keys, ())
    for columns in groups:
        part = _parts(reader, table, columns, keys)
        found = {key: (*row, *part[key]) for key, row in found.items() if key in part}
    return found


def _parts(
    reader: Reader, table: TableInfo, columns: Sequence[ColumnInfo], keys: Sequence[Key]
) -> dict[Key, Row]:
    """Return the cells of some rows; a value that cannot be read costs no other."""
    try:
        return _cells(reader, table, columns, keys)
    except sqlite3.DatabaseError as error:
        if not costs_a_cell(error):
            raise
    if len(columns) == 1:
        return {key: _cells_of_key(reader, table, columns, key) for key in keys}
    half = len(columns) // 2
    left, right = (_parts(reader, table, part, keys) for part in (columns[:half], columns[half:]))
    return {key: (*row, *right[key]) for key, row in left.items() if key in right}


def _cells(
    reader: Reader, table: TableInfo, columns: Sequence[ColumnInfo], keys: Sequence[Key]
) -> dict[Key, Row]:
    chosen = ", ".join(map(shortening, columns))
    read = row_reader([column.secret for column in columns])
    source = source_of(table)
    if all(len(key) == 1 and isinstance(key[0], int) for key in keys):
        name = quoted(table.key[0])
        marks = ", ".join("?" * len(keys))
        sql = f"SELECT {name}, {chosen} FROM {source} WHERE {name} IN ({marks})"
        return {(row[0],): read(row[1:]) for row in reader.all(sql, [key[0] for key in keys])}
    found: dict[Key, Row] = {}
    for some in _batches(keys):
        begin, number, place, params = keys_beside(table, some)
        for row in reader.all(f"{begin}SELECT {number}, {chosen} {place}", params):
            found[some[row[0]]] = read(row[1:])
    return found


def _batches(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """Give keys in lists of which each fits into one statement, whatever they are made of."""
    batch: list[Key] = []
    parts = size = 0
    for key in keys:
        key_bytes = sum(map(size_of, key))
        if batch and (parts + len(key) > MAX_KEY_PARTS or size + key_bytes > MAX_KEY_BYTES):
            yield batch
            batch, parts, size = [], 0, 0
        batch.append(key)
        parts, size = parts + len(key), size + key_bytes
    if batch:
        yield batch


def _cells_of_key(reader: Reader, table: TableInfo, columns: Sequence[ColumnInfo], key: Key) -> Row:
    where, params = key_condition(table, key)
    return cells_of_one(reader, columns, f"FROM {source_of(table)}{where}", params)


def cells_of_one(reader: Reader, columns: Sequence[ColumnInfo], place: str, params: Sequence[Stored]) -> Row:
    """Return the cells of the row at a place, FROM what and WHERE; those that cannot be read are empty.

    Raises CommandFailed where there is no row any more.
    """
    try:
        found = reader.all(f"SELECT {', '.join(map(shortening, columns))} {place}", params)
    except sqlite3.DatabaseError as error:
        if not costs_a_cell(error):
            raise
        computed = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR
    else:
        if not found:
            raise CommandFailed("A row is gone.", code="not_found", hint="Read the page again.")
        return row_reader([column.secret for column in columns])(found[0])
    if len(columns) > 1:
        half = len(columns) // 2
        parts = columns[:half], columns[half:]
        return tuple(cell for part in parts for cell in cells_of_one(reader, part, place, params))
    if computed:  # its value in full is asked for by itself, and tells why there is none
        return (LongText(""),)
    name = quoted(columns[0].name)
    # Neither reads the value: its type and the size of a blob stand before it.
    if not reader.one(f"SELECT typeof({name}) = 'blob' {place}", params):
        return (LongText(""),)
    return (Blob(reader.one(f"SELECT length({name}) {place}", params), b""),)
