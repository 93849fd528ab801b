"""The outline of a database: tables, columns, indexes, foreign keys, and secret columns."""

import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.database.connection import Reader
from app.database.messages import sqlite_error
from app.database.secrets import Secrets, columns_by_table, find_secrets
from app.database.shield import SchemaFacts, Shield, build_shield, without_literals
from app.database.sqlite_errors import is_index_only, only_this_one, table_problem, unread_reason, was_stopped
from app.database.tokens import foreign_orders
from app.database.values import ROWIDS, quoted
from streams.model.database import (
    COUNT_CAP,
    ColumnInfo,
    ForeignKey,
    IndexInfo,
    Outline,
    TableInfo,
    TableKind,
)

COUNT_S = 0.25
"""Time for counting one table; a view may be a query that takes hours."""
COUNTS_S = 3.0
"""Time for counting all of them, tables before views; what is not counted by then has no count."""
_OWN = {"clients", "runs", "files", "file_versions", "events", "tokens", "blobs"}
_INVALID = "\ufffd"
_NO_NAME = "Its name, or that of a column, is not valid text, so that no statement can ask for it"
_KEYED_MODULE = re.compile(r"\bUSING\s+(?:fts[345]|rtree|rtree_i32|geopoly)\b", re.IGNORECASE)
"""Virtual tables whose rowids are unique and can be asked for in their order."""


def read_schema(reader: Reader) -> tuple[TableInfo, ...]:
    """Return all tables by name, without their counts; secret columns are hidden from then on."""
    objects = reader.schema("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL")
    sql_of = {name: sql for kind, name, _, sql in objects if kind in ("table", "view")}
    found = [
        (name, TableKind(kind), bool(without_rowid))
        for schema, name, kind, _columns, without_rowid, *_ in reader.schema("PRAGMA table_list")
        if schema == "main" and not name.startswith("sqlite_schema") and (name in sql_of or kind == "shadow")
    ]
    found = list({entry[0]: entry for entry in found}.values())  # names that are no valid text can look alike
    for name, kind, _ in found:
        if kind is TableKind.VIRTUAL:
            _connect_virtual(reader, name)
    kinds = {name: kind for name, kind, _ in found}
    unread = [(name, kind) for kind, name, _, _ in objects if name in sql_of and name not in kinds]
    orders = _foreign_orders(objects)
    columns = {name: _columns(reader, name) for name in kinds}
    secrets = find_secrets(kinds, columns, sql_of, own=set(kinds) >= _OWN)
    without_rowid = frozenset(name for name, _, without in found if without)
    facts = SchemaFacts(
        kinds=kinds,
        columns=columns,
        sql_of=sql_of,
        others=tuple(
            (name, table, sql) for kind, name, table, sql in objects if kind in ("index", "trigger")
        ),
        telling_order=_telling_order(reader, secrets, kinds),
        without_rowid=without_rowid,
    )
    shield = _installed(reader, build_shield(facts, secrets))
    order = {TableKind.TABLE: 0, TableKind.VIEW: 1, TableKind.VIRTUAL: 0, TableKind.SHADOW: 2}
    found.sort(key=lambda entry: (order[entry[1]], entry[0].lower()))
    tables = [
        _table(
            reader, name, kind, without_rowid=name in without_rowid, sql=sql_of.get(name, ""), shield=shield
        )
        for name, kind, _ in found
    ]
    return (
        *(msgspec.structs.replace(table, foreign_orders=orders.get(table.name, ())) for table in tables),
        *(
            TableInfo(name=name, kind=TableKind(kind), problem=unread_reason(sql_of[name]))
            for name, kind in unread
        ),
    )


def _connect_virtual(reader: Reader, name: str) -> None:
    try:
        reader.session.connect_virtual(name)
    except sqlite3.DatabaseError as error:
        if not only_this_one(error):  # which is said when its columns are read
            raise


def _foreign_orders(objects: list[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for kind, _, table, sql in objects:
        if kind in ("table", "index") and "collate" in sql.lower():
            found[table] |= foreign_orders(sql)
    return {table: tuple(sorted(names)) for table, names in found.items() if names}


def _installed(reader: Reader, shield: Shield) -> Shield:
    failed = reader.session.install(shield)
    refused = {name: f"{name} cannot be read here: {reason}" for name, reason in failed.items()}
    reader.shield = msgspec.structs.replace(shield, refused=shield.refused | refused)
    return reader.shield


def _telling_order(reader: Reader, secrets: Secrets, kinds: Mapping[str, TableKind]) -> frozenset[str]:
    """Return the tables that an index would show in the order of their secrets."""
    found: set[str] = set()
    owned = columns_by_table(secrets)
    for table, kind in kinds.items():
        own = owned.get(table.lower())
        if not own or kind is not TableKind.TABLE:
            continue
        for _, index, _, _, partial in reader.schema(f"PRAGMA main.index_list({quoted(table)})"):
            parts = [row[2] for row in reader.schema(f"PRAGMA main.index_info({quoted(index)})")]
            if partial or any(part is None or part.lower() in own for part in parts):
                found.add(table)
    return frozenset(found)


def _columns(reader: Reader, table: str) -> list[Any]:
    try:
        return reader.schema(f"PRAGMA main.table_xinfo({quoted(table)})")
    except sqlite3.DatabaseError as error:
        if not only_this_one(error):
            raise
        return []


def _table(
    reader: Reader, name: str, kind: TableKind, *, without_rowid: bool, sql: str, shield: Shield
) -> TableInfo:
    if reason := shield.refused.get(name.lower()):
        return TableInfo(name=name, kind=kind, problem=reason)
    secrets = shield.secrets
    try:
        rows = reader.schema(f"PRAGMA main.table_xinfo({quoted(name)})")
        indexes = _indexes(reader, name)
        keys = _foreign_keys(reader, name)
        _try_names(reader, name, [row[1] for row in rows])
    except sqlite3.DatabaseError as error:
        if not only_this_one(error):
            raise
        return TableInfo(name=name, kind=kind, sql=sql, problem=table_problem(error))
    leading = {index.columns[0] for index in indexes if index.columns and not index.partial}
    columns = tuple(
        ColumnInfo(
            name=column,
            type=declared or "",
            not_null=bool(not_null),
            default=None if (name.lower(), column.lower()) in secrets else default,
            key_place=place,
            generated=hidden in (2, 3),
            secret=(name.lower(), column.lower()) in secrets,
            indexed=column in leading or (place == 1 and _is_rowid(declared, rows)),
        )
        for _, column, declared, not_null, default, place, hidden in rows
        if hidden != 1
    )
    return TableInfo(
        name=name,
        kind=kind,
        columns=columns,
        indexes=indexes,
        foreign_keys=keys,
        key=_key(kind, without_rowid, columns, sql),
        sql=_shown_sql(sql, name, shield),
        masked=_masked_in(reader, name) if kind is TableKind.VIEW else (),
    )


def _shown_sql(sql: str, name: str, shield: Shield) -> str:
    """Return a CREATE statement without literals where one may be a secret."""
    return without_literals(sql) if shield.hides_sql and name.lower() in shield.shielded else sql


def _try_names(reader: Reader, table: str, columns: Sequence[str]) -> None:
    """Raise sqlite3.OperationalError where a name is not valid text, since no statement can have it."""
    if _INVALID not in "".join([table, *columns]):
        return
    named = ", ".join(f"{quoted(table)}.{quoted(column)}" for column in columns) or "1"
    try:
        reader.schema(f"SELECT {named} FROM main.{quoted(table)} LIMIT 0")
    except sqlite3.OperationalError as error:
        if not only_this_one(error):
            raise
        raise sqlite_error(_NO_NAME, sqlite3.SQLITE_ERROR) from error


def _masked_in(reader: Reader, view: str) -> tuple[str, ...]:
    """Return the secret columns that a view asks for; the engine says so when it takes the statement in."""
    masked = reader.session.authority.masked
    masked.clear()
    try:
        reader.all(f"EXPLAIN SELECT * FROM {quoted(view)}")  # which runs nothing of it
    except sqlite3.DatabaseError as error:
        if not only_this_one(error):  # which is said when its rows are counted
            raise
    return tuple(masked)


def _is_rowid(declared: str, rows: list[Any]) -> bool:
    return (declared or "").upper() == "INTEGER" and sum(row[5] > 0 for row in rows) == 1


def _key(kind: TableKind, without_rowid: bool, columns: tuple[ColumnInfo, ...], sql: str) -> tuple[str, ...]:
    if kind is TableKind.VIEW or (kind is TableKind.VIRTUAL and not _KEYED_MODULE.search(sql)):
        return ()
    if without_rowid:
        parts = sorted((c for c in columns if c.key_place), key=lambda c: c.key_place)
        return () if any(part.secret for part in parts) else tuple(part.name for part in parts)
    taken = {column.name.lower() for column in columns}
    return next(((name,) for name in ROWIDS if name not in taken), ())


def _indexes(reader: Reader, table: str) -> tuple[IndexInfo, ...]:
    found: list[IndexInfo] = []
    for _, name, unique, origin, partial in reader.schema(f"PRAGMA main.index_list({quoted(table)})"):
        columns = reader.schema(f"PRAGMA main.index_info({quoted(name)})")
        found.append(
            IndexInfo(
                name=name,
                columns=tuple("(expression)" if column is None else column for _, _, column in columns),
                unique=bool(unique),
                partial=bool(partial),
                origin=origin,
            )
        )
    return tuple(found)


def _foreign_keys(reader: Reader, table: str) -> tuple[ForeignKey, ...]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in reader.schema(f"PRAGMA main.foreign_key_list({quoted(table)})"):
        groups[row[0]].append(row)
    return tuple(
        ForeignKey(
            columns=tuple(row[3] for row in rows),
            table=rows[0][2],
            to_columns=tuple(row[4] for row in rows if row[4] is not None),
            on_update=rows[0][5],
            on_delete=rows[0][6],
        )
        for _, rows in sorted(groups.items())
    )


def count_capped(
    reader: Reader, table: str, where: str = "", params: tuple[Any, ...] = ()
) -> tuple[int | None, bool]:
    """Return how many rows there are up to ``COUNT_CAP``, and whether more; None if it took long."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(table)}{where} LIMIT {COUNT_CAP + 1})"
    try:
        with reader.limited(COUNT_S):
            count = reader.one(sql, params)
    except sqlite3.OperationalError as error:
        if was_stopped(error) and not reader.job.over():
            return None, False
        raise
    return min(count, COUNT_CAP), count > COUNT_CAP


def with_count(reader: Reader, table: TableInfo) -> TableInfo:
    """Return a table with its count, or with why it cannot be read."""
    if table.problem:
        return table
    try:
        rows, capped = count_capped(reader, table.name)
    except sqlite3.DatabaseError as error:
        if not only_this_one(error):
            raise
        return msgspec.structs.replace(table, problem=table_problem(error), index_only=is_index_only(error))
    return msgspec.structs.replace(table, rows=rows, capped=capped)


def outline_of(reader: Reader, path: str, tables: tuple[TableInfo, ...]) -> Outline:
    """Return the outline with fresh counts."""
    size = reader.one("PRAGMA page_count") * reader.one("PRAGMA page_size")
    own = {table.name for table in tables} >= _OWN
    until = time.monotonic() + COUNTS_S
    counted = tuple(table if time.monotonic() > until else with_count(reader, table) for table in tables)
    return Outline(path=path, size_bytes=size, tables=counted, own=own)
