"""Keys of the rows of a page, in their order.

They are found first, since a sort that carries all columns costs more than one of keys. Where no index gives
the order, a sort goes through the whole table: so it keeps more keys than one page needs, and the pages
beside it are taken from these for as long as nobody has written to the database.
"""

from collections.abc import Sequence
from typing import Any

from app.database.connection import Reader
from app.database.filters import Condition
from app.database.kept_orders import Run
from app.database.values import bound, column_of, source_of, unpack, whole
from streams.model.base import Record
from streams.model.database import Direction, Edge, Key, PageQuery, TableInfo

KEPT_KEYS = 1_000
"""Ten pages; each further one would make the worst order, which is the reverse one, slower."""
BACKWARDS = (Direction.BEFORE, Direction.LAST)
BESIDE = (Direction.AFTER, Direction.BEFORE)


class PageKeys(Record, frozen=True, kw_only=True):
    """Keys from the edge on, one more than the page has rows where there are more."""

    keys: tuple[Key, ...]
    total: int | None = None
    """How many rows the filter leaves, where that is known by the way."""


def keys_of(reader: Reader, table: TableInfo, query: PageQuery, filtered: Condition | None) -> PageKeys:
    """Return the keys of a page from its edge on: backwards ones begin at the end of the page."""
    column = next((column for column in table.columns if column.name == query.sort), None)
    count = query.limit + 1
    if column is None or column.indexed:
        keys: list[Key] = []
        for segment, by_value in _segments(table, query):
            order = column_of(table, column.name) if column is not None and by_value else None
            left = count - len(keys)
            keys += _read(reader, table, query, sort=order, conditions=[segment, filtered], count=left)
            if len(keys) == count:
                break
        whole = _edge_of(query) is None and len(keys) < count
        return PageKeys(keys=tuple(keys), total=len(keys) if whole else None)
    return _sorted(reader, table, query, filtered)


def _sorted(reader: Reader, table: TableInfo, query: PageQuery, filtered: Condition | None) -> PageKeys:
    count, edge = query.limit + 1, _edge_of(query)
    down = _is_down(query)
    runs = reader.orders.at((reader.opened, reader.session.state, reader.one("PRAGMA data_version")))
    about = (table.name, query.sort, query.filter)
    same, other = runs.get((*about, down)), runs.get((*about, not down))
    if edge is None:
        known = same.first(count) if same is not None else None
    else:
        known = same.after(edge.key, count) if same is not None else None
        if known is None and other is not None:
            known = other.before(edge.key, count)
    if known is None:
        sort = column_of(table, query.sort or "")
        beyond = _following(table, sort, edge, down) if edge is not None else None
        most = max(KEPT_KEYS, count)
        keys = _read(reader, table, query, sort=sort, conditions=[beyond, filtered], count=most)
        known = keys[:count]
        # With the edge itself, from which the pages beside it are asked for.
        kept = keys if edge is None else [edge.key, *keys]
        same = Run(kept, to_the_end=len(keys) < most, from_the_start=edge is None)
        reader.orders.keep((*about, down), same)
    totals = (run.total for run in (same, other) if run is not None)
    return PageKeys(keys=tuple(known), total=next((total for total in totals if total is not None), None))


def _read(
    reader: Reader,
    table: TableInfo,
    query: PageQuery,
    *,
    sort: str | None,
    conditions: Sequence[Condition | None],
    count: int,
) -> list[Key]:
    names = [column_of(table, part) for part in table.key]
    word = " DESC" if _is_down(query) else ""
    order = ", ".join(f"{part}{word}" for part in ([sort] if sort is not None else []) + names)
    where, params = where_of(conditions)
    chosen = ", ".join(whole(table, part) for part in table.key)
    sql = f"SELECT {chosen} FROM {source_of(table)}{where} ORDER BY {order} LIMIT ?"
    return [tuple(map(unpack, row)) for row in reader.all(sql, (*params, count))]


def _is_down(query: PageQuery) -> bool:
    return query.descending != (query.direction in BACKWARDS)


def _edge_of(query: PageQuery) -> Edge | None:
    return query.edge if query.direction in BESIDE else None


def _segments(table: TableInfo, query: PageQuery) -> list[tuple[Condition, bool]]:
    """Return what follows the edge, in order, as conditions that an index can answer each.

    Beside each stands whether the sorted value differs within it, so that it must be in the ORDER BY.
    """
    down, edge = _is_down(query), _edge_of(query)
    if query.sort is None:
        return [(_beyond(table, edge.key, down) if edge else ("", ()), False)]
    column = column_of(table, query.sort)
    missing: tuple[Condition, bool] = (f"{column} IS NULL", ()), False
    present: tuple[Condition, bool] = (f"{column} IS NOT NULL", ()), True
    if edge is None:
        return [present, missing] if down else [missing, present]
    beyond, params = _beyond(table, edge.key, down)
    if edge.value is None:
        rest: tuple[Condition, bool] = (f"{column} IS NULL AND {beyond}", params), False
        return [rest] if down else [rest, present]
    mark, value = bound(edge.value)
    same: tuple[Condition, bool] = (f"{column} = {mark} AND {beyond}", (value, *params)), False
    further: tuple[Condition, bool] = (f"{column} {'<' if down else '>'} {mark}", (value,)), True
    return [same, further, missing] if down else [same, further]


def _following(table: TableInfo, column: str, edge: Edge, down: bool) -> Condition:
    """Return what follows the edge as one condition, for one way through the whole table."""
    beyond, params = _beyond(table, edge.key, down)
    if edge.value is None:
        rest = f"{column} IS NULL AND {beyond}"
        return (rest if down else f"({rest}) OR {column} IS NOT NULL"), params
    mark, value = bound(edge.value)
    further = f"{column} {'<' if down else '>'} {mark} OR ({column} = {mark} AND {beyond})"
    return (f"{further} OR {column} IS NULL" if down else further), (value, value, *params)


def _beyond(table: TableInfo, key: Key, down: bool) -> Condition:
    sign = "<" if down else ">"
    names, marks = [column_of(table, part) for part in table.key], [bound(part) for part in key]
    params = tuple(param for _, param in marks)
    if len(names) == 1:
        return f"{names[0]} {sign} {marks[0][0]}", params
    return f"({', '.join(names)}) {sign} ({', '.join(mark for mark, _ in marks)})", params


def where_of(conditions: Sequence[Condition | None]) -> Condition:
    """Return the WHERE of conditions that all have to hold."""
    parts = [condition for condition in conditions if condition is not None and condition[0]]
    if not parts:
        return "", ()
    text = " AND ".join(f"({condition})" for condition, _ in parts)
    return f" WHERE {text}", tuple(param for _, params in parts for param in params)


def key_condition(table: TableInfo, key: Key) -> Condition:
    """Return the WHERE that finds one row."""
    marks = [bound(part) for part in key]
    text = " AND ".join(
        f"{column_of(table, part)} = {mark}" for part, (mark, _) in zip(table.key, marks, strict=True)
    )
    return where_of([(text, tuple(param for _, param in marks))])


def keys_beside(table: TableInfo, keys: Sequence[Key]) -> tuple[str, str, str, Sequence[Any]]:
    """Return how one statement finds the rows of some keys: WITH, the number of a key, FROM, and parameters.

    A statement for each key costs many times more: it names every column, and none is kept prepared.
    The keys are the outer loop, so that the index of the key is used; ``(a, b) IN (VALUES ...)`` goes
    through the whole table where its columns have different affinities.
    """
    if len(keys) == 1:
        where, params = key_condition(table, keys[0])
        return "", "0", f"FROM {source_of(table)}{where}", params
    # The columns of the table are asked for without its name: no other may have theirs.
    name = "key_"
    while any(column.name.lower().startswith(name) for column in table.columns):
        name += "_"
    marks = [[bound(part) for part in key] for key in keys]
    rows = ", ".join(f"({', '.join((str(at), *(mark for mark, _ in key)))})" for at, key in enumerate(marks))
    columns = [f"{name}{at}" for at in range(len(table.key))]
    begin = f"WITH {name}({name}n, {', '.join(columns)}) AS (VALUES {rows}) "
    same = " AND ".join(
        f"{column_of(table, part)} = {name}.{at}" for part, at in zip(table.key, columns, strict=True)
    )
    place = f"FROM {name} CROSS JOIN {source_of(table)} WHERE {same}"
    return begin, f"{name}.{name}n", place, tuple(param for key in marks for _, param in key)
