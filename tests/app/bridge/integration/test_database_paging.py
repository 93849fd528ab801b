"""Pages by key are the same as a sorted list cut into pieces, whatever the values are."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import paging
from app.database.outline import read_schema
from streams.model.database import COUNT_CAP, ColumnFilter, Direction, FilterKind, PageQuery, TablePage
from streams.model.failures import CommandFailed
from tests.app.bridge.databases import reader_of

VALUES = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from([0.5, -1.5, 2.0]),
    st.sampled_from(["", "a", "B", "b", "ä"]), st.sampled_from([b"", b"a", b"\xff"]),
)  # fmt: skip
MAKES = {
    "rowid": "CREATE TABLE t (v, n INTEGER)",
    "indexed": "CREATE TABLE t (v, n INTEGER); CREATE INDEX i ON t (v)",
    "key": "CREATE TABLE t (v, n INTEGER PRIMARY KEY) WITHOUT ROWID",
    "two keys": "CREATE TABLE t (v, n INTEGER, m TEXT DEFAULT 'x', PRIMARY KEY (m, n)) WITHOUT ROWID",
    "shadowed": "CREATE TABLE t (v, n INTEGER, rowid TEXT)",
    "nocase": "CREATE TABLE t (v TEXT COLLATE NOCASE, n INTEGER)",
    "view": "CREATE TABLE u (v, n INTEGER); CREATE VIEW t AS SELECT * FROM u",
    "full text": "CREATE VIRTUAL TABLE t USING fts5 (v, n UNINDEXED)",
}


def page_through(db: sqlite3.Connection, query: PageQuery, onwards: Direction) -> list[Any]:
    reader = reader_of(db)
    table = next(table for table in read_schema(reader) if table.name == "t")
    start = Direction.FIRST if onwards is Direction.AFTER else Direction.LAST
    query = msgspec.structs.replace(query, direction=start)
    seen: list[Any] = []
    while True:
        page: TablePage = paging.read_page(reader, table, query)
        db.rollback()
        rows = [row[1] for row in page.rows]
        forward = onwards is Direction.AFTER
        seen = seen + rows if forward else rows + seen
        more, edge = (page.has_after, page.last) if forward else (page.has_before, page.first)
        if not more:
            return seen
        query = msgspec.structs.replace(query, direction=onwards, edge=edge)


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES.keys())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, max_size=25), size=st.integers(1, 7), down=st.booleans(), sort=st.booleans())
def test_pages_are_a_sorted_list(make: str, values: list[Any], size: int, down: bool, sort: bool) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(make)
        target = "u" if "CREATE VIEW" in make else "t"
        db.executemany(f"INSERT INTO {target} (v, n) VALUES (?, ?)", [(v, n) for n, v in enumerate(values)])
        word = "DESC" if down else ""
        order = f"v {word}, n {word}" if sort else f"n {word}"
        expected = [n for (n,) in db.execute(f"SELECT n FROM t ORDER BY {order}")]
        if "VIEW" in make and not sort:
            return  # a view has no order of its own
        query = PageQuery(table="t", sort="v" if sort else None, descending=down, limit=size)
        forward, backward = (page_through(db, query, way) for way in (Direction.AFTER, Direction.BEFORE))
        if "VIEW" in make:
            assert sorted(forward) == sorted(expected)
            return
        assert forward == expected
        assert backward == expected


def test_the_last_page_reads_no_more_than_the_first() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (v, n INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n % 7, n) for n in range(50_000)))
        db.execute("CREATE INDEX i ON t (v)")
        reader = reader_of(db)
        table = read_schema(reader)[0]
        steps: dict[tuple[Any, ...], int] = {}
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        db.set_progress_handler(step, 10)
        for sort in (None, "v"):
            for way in (Direction.FIRST, Direction.LAST):
                count = 0
                paging.read_page(reader, table, PageQuery(table="t", sort=sort, direction=way))
                db.rollback()
                steps[sort, way] = count
        assert max(steps.values()) < 3 * min(steps.values()) + 50


def test_a_view_is_counted_off_only_so_far_and_says_so() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE u (n INTEGER PRIMARY KEY)")
        db.executemany("INSERT INTO u VALUES (?)", ((n,) for n in range(COUNT_CAP + 500)))
        db.execute("CREATE VIEW t AS SELECT n FROM u")
        reader = reader_of(db)
        table = next(table for table in read_schema(reader) if table.name == "t")
        last = paging.read_page(reader, table, PageQuery(table="t", direction=Direction.LAST))
        assert [row[0] for row in last.rows] == list(range(COUNT_CAP - 100, COUNT_CAP))
        assert last.ends_early
        assert not last.has_after
        db.rollback()
        before = PageQuery(table="t", direction=Direction.BEFORE, edge=last.first)
        page = paging.read_page(reader, table, before)
        assert page.rows[-1] == (COUNT_CAP - 101,)
        assert (page.has_after, page.ends_early) == (True, False)


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        (FilterKind.CONTAINS, "50%", ["50% off"]),
        (FilterKind.CONTAINS, "OFF", ["50% off", "500 off"]),
        (FilterKind.EQUALS, "7", [7]),
        (FilterKind.LESS, "8", [7]),
        (FilterKind.NULL, "", [None]),
        (FilterKind.NOT_NULL, "", ["50% off", "500 off", 7]),
    ],
)
def test_filters(kind: FilterKind, text: str, found: list[Any]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (v)")
        db.executemany("INSERT INTO t VALUES (?)", [("50% off",), ("500 off",), (7,), (None,)])
        reader = reader_of(db)
        wanted = ColumnFilter(column="v", kind=kind, text=text)
        page = paging.read_page(reader, read_schema(reader)[0], PageQuery(table="t", filter=wanted))
        assert [row[0] for row in page.rows] == found
        assert page.matching == len(found)


def test_a_sort_that_takes_too_long_says_why(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "large.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (v)")
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)"
            " INSERT INTO t SELECT (i * 7919) % 100003 FROM n"
        )
        reader = reader_of(db)
        table = read_schema(reader)[0]
        reader.job.deadline = 0
        db.set_progress_handler(reader.job.over, 1000)
        with pytest.raises(CommandFailed) as slow:
            paging.read_page(reader, table, PageQuery(table="t", sort="v"))
        assert slow.value.server_code == "query_timeout"
        assert "Sorting t by v" in slow.value.message
        assert "no index" in slow.value.hint
