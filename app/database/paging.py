"""Pages of a table by key: the last one costs what the first one does, since nothing is counted off."""

import codecs
import sqlite3
from collections.abc import Sequence
from itertools import islice

from app.database.connection import Reader
from app.database.filters import Condition, filter_condition
from app.database.outline import count_capped
from app.database.page_keys import BACKWARDS, BESIDE, key_condition, keys_of, where_of
from app.database.page_rows import cells_of_one, costs_a_cell, read_rows, up_to_bytes
from app.database.statements import part_of_whole
from app.database.values import (
    column_of,
    quoted,
    row_reader,
    shortening,
    source_of,
    text_of,
    unpack,
    whole,
)
from streams.model.database import (
    COUNT_CAP,
    CellQuery,
    ColumnInfo,
    Direction,
    Edge,
    Key,
    PageQuery,
    RawText,
    Row,
    TableInfo,
    TablePage,
    WholeValue,
)
from streams.model.failures import CommandFailed

PAGE_S = 30.0
"""Time for one page; sorting tens of millions of rows without an index takes longer."""


def read_page(reader: Reader, table: TableInfo, query: PageQuery) -> TablePage:
    """Return a page of what ``Reader.steady`` has begun to read.

    Raises CommandFailed for a column that is not there or an order that takes too long.
    """
    known = {column.name: column for column in table.columns}
    for name in (query.sort, query.filter.column if query.filter else None):
        if name is not None and name not in known:
            raise CommandFailed(f"{table.name} has no column {name}.", code="query_failed")
    if table.problem:
        raise CommandFailed(table.problem, code="query_failed")
    if query.edge is not None:
        _check_key(table, query.edge.key)
    try:
        return _keyed(reader, table, query) if table.key else _counted_off(reader, table, query)
    except sqlite3.OperationalError as error:
        stopped = (error.sqlite_errorcode & 0xFF) == sqlite3.SQLITE_INTERRUPT
        if not stopped or reader.job.cancelled.is_set():
            raise
        raise _too_slow(table, query) from error


def _check_key(table: TableInfo, key: Key) -> None:
    """Raise CommandFailed for a key that no row of the table can have: a caller may send any."""
    if table.key:
        fits = len(key) == len(table.key)
    else:  # rows without a key are counted off
        fits = len(key) <= 1 and all(type(at) is int and 0 <= at <= COUNT_CAP for at in key)
    if not fits:
        raise CommandFailed(f"That is no key of {table.name}.", code="bad_request")


def _too_slow(table: TableInfo, query: PageQuery) -> CommandFailed:
    if query.sort is not None:
        message = f"Sorting {table.name} by {query.sort} took longer than {PAGE_S:g} s and was stopped."
        hint = "It has no index on it. Choose a column that the Structure tab shows an index for, or filter."
    elif query.filter is not None:
        message = f"Filtering {table.name} by {query.filter.column} took longer than {PAGE_S:g} s."
        hint = "Few rows match and no index finds them. Use = on an indexed column, or SQL with a limit."
    else:
        message = f"Reading {table.name} took longer than {PAGE_S:g} s and was stopped."
        hint = "It is a view with a costly query behind it. Ask for a part of it with SQL."
    return CommandFailed(message, code="query_timeout", hint=hint)


def _keyed(reader: Reader, table: TableInfo, query: PageQuery) -> TablePage:
    filtered = filter_condition(table, query.filter)
    backwards = query.direction in BACKWARDS
    found = keys_of(reader, table, query, filtered)
    keys, rows = read_rows(reader, table, found.keys[: query.limit])
    more = len(rows) < len(found.keys)
    if backwards:
        keys.reverse()
        rows.reverse()
    count, capped = None, False
    if filtered is not None and found.total is not None:
        count, capped = min(found.total, COUNT_CAP), found.total > COUNT_CAP
    elif filtered is not None:
        count, capped = _matching(reader, table, filtered)
    beside = query.direction in BESIDE
    return TablePage(
        columns=tuple(column.name for column in table.columns),
        keys=tuple(keys),
        rows=tuple(rows),
        first=_edge(reader, table, query.sort, keys[0]) if keys else None,
        last=_edge(reader, table, query.sort, keys[-1]) if keys else None,
        has_before=more if backwards else beside,
        has_after=beside if backwards else more,
        matching=count,
        matching_capped=capped,
    )


def _edge(reader: Reader, table: TableInfo, sort: str | None, key: Key) -> Edge:
    if sort is None:
        return Edge(key=key)
    where, params = key_condition(table, key)
    sql = f"SELECT {whole(table, sort)} FROM {source_of(table)}{where}"
    return Edge(value=unpack(reader.one(sql, params)), key=key)


def _matching(reader: Reader, table: TableInfo, filtered: Condition) -> tuple[int | None, bool]:
    where, params = where_of([filtered])
    return count_capped(reader, table.name, where, params)


def _counted_off(reader: Reader, table: TableInfo, query: PageQuery) -> TablePage:
    """Page through what has no key, such as a view: its rows are counted off each time.

    That costs more the further one goes, and so it ends after ``COUNT_CAP`` rows and says so.
    """
    filtered = filter_condition(table, query.filter)
    where, params = where_of([filtered])
    start, most = 0, query.limit
    if query.direction is Direction.LAST:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(table.name)}{where} LIMIT {COUNT_CAP})"
        start = max(0, reader.one(sql, params) - query.limit)
    elif query.edge is not None and query.edge.key:
        at = int(str(query.edge.key[0] or 0))
        start = at + 1 if query.direction is Direction.AFTER else max(0, at - query.limit)
        most = query.limit if query.direction is Direction.AFTER else min(at, query.limit)
    word = " DESC" if query.descending else ""
    order = f" ORDER BY {column_of(table, query.sort)}{word}" if query.sort else ""
    room = min(most, max(0, COUNT_CAP - start))
    source = f"FROM {quoted(table.name)}{where}{order} LIMIT ? OFFSET ?", tuple(params)
    try:
        rows, more = _rows_at(reader, table.columns, source, start, room)
    except sqlite3.DatabaseError as error:
        if query.sort is not None or not costs_a_cell(error):  # sorting takes the values of other rows along
            raise
        rows, more = _row_by_row(reader, table.columns, source, start, room)
    ends_early = more and start + len(rows) >= COUNT_CAP
    count, capped = (None, False) if filtered is None else _matching(reader, table, filtered)
    return TablePage(
        columns=tuple(column.name for column in table.columns),
        keys=tuple((start + i,) for i in range(len(rows))),
        rows=rows,
        first=Edge(key=(start,)) if rows else None,
        last=Edge(key=(start + len(rows) - 1,)) if rows else None,
        has_before=start > 0,
        has_after=more and not ends_early,
        matching=count,
        matching_capped=capped,
        ends_early=ends_early,
    )


def _rows_at(
    reader: Reader, columns: Sequence[ColumnInfo], source: Condition, start: int, room: int
) -> tuple[tuple[Row, ...], bool]:
    """Return up to ``room`` rows from ``start`` on, and whether there are more."""
    place, params = source
    chosen = ", ".join(map(shortening, columns))
    read = row_reader([column.secret for column in columns])
    cursor = reader.session.execute(f"SELECT {chosen} {place}", (*params, room + 1, start))
    values = map(read, cursor)
    rows = tuple(up_to_bytes(islice(values, room)))
    more = next(values, None) is not None
    cursor.close()
    return rows, more


def _row_by_row(
    reader: Reader, columns: Sequence[ColumnInfo], source: Condition, start: int, room: int
) -> tuple[tuple[Row, ...], bool]:
    """Return the same where a value cannot be read: that one is empty."""
    place, params = source
    there = reader.one(f"SELECT count(*) FROM (SELECT 1 {place})", (*params, room + 1, start))
    places = ((*params, 1, start + at) for at in range(min(there, room)))
    rows = tuple(up_to_bytes(cells_of_one(reader, columns, place, at) for at in places))
    return rows, there > len(rows)


def whole_of_cell(reader: Reader, table: TableInfo, query: CellQuery, most: int) -> WholeValue:
    """Return up to ``most`` bytes of one value of a table, from where the query says."""
    column = next((column for column in table.columns if column.name == query.column), None)
    if column is None:
        raise CommandFailed(f"{table.name} has no column {query.column}.", code="query_failed")
    if column.secret:
        return WholeValue(value=None, size_bytes=0, secret=True)
    if not table.key:
        raise CommandFailed(
            "A row of a view has no key to find it by.", code="query_failed", hint="Select it with SQL."
        )
    _check_key(table, query.key)
    where, params = key_condition(table, query.key)
    name, start = quoted(column.name), query.start_bytes
    part = f"substr(CAST({name} AS BLOB), {start + 1}, {most})"
    found = reader.session.execute(
        f"SELECT typeof({name}), length(CAST({name} AS BLOB)),"
        f" CASE WHEN typeof({name}) IN ('text', 'blob') THEN {part} ELSE {name} END"
        f" FROM {source_of(table)}{where}",
        params,
    ).fetchone()
    if found is None:
        raise CommandFailed(
            "The row is gone.", code="not_found", hint="It was deleted after the page was read."
        )
    kind, size, value = found
    if kind in ("text", "blob"):
        value = value or b""  # of nothing substr() makes NULL
    if not isinstance(value, bytes):
        return WholeValue(value=value, size_bytes=0)
    kept = len(value)
    if kind == "text":
        value, kept = _text_part(value, str(reader.one("PRAGMA main.encoding")).lower(), start + kept >= size)
    return part_of_whole(value, size, start, kept)


def _text_part(raw: bytes, encoding: str, last: bool) -> tuple[str | RawText, int]:
    """Return a part of a text and its size; a character that is cut belongs to the next part."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    decoder.decode(raw, last)
    kept = len(raw) - len(decoder.getstate()[0])
    return text_of(raw[:kept], encoding), kept
