"""Pages of wide tables, of large values and of sorts that no index answers."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bridge.database.ports import DatabasePorts
from app.database import filters, page_keys, page_rows
from streams.model.database import (
    Blob,
    ColumnFilter,
    ColumnInfo,
    Direction,
    LongText,
    PageQuery,
    TableInfo,
    TablePage,
)
from streams.operators.spawning import task_spawner
from tests.app.bridge.databases import answer, made


async def _page(path: Path, query: PageQuery) -> TablePage:
    ports = DatabasePorts(path, task_spawner())
    found = await answer(ports.page(query))
    await ports.close()
    return found


@pytest.mark.parametrize("count", [999, 1000, 2000])
@pytest.mark.parametrize("key", ["", ", PRIMARY KEY (c0)) WITHOUT ROWID"])
async def test_a_table_of_as_many_columns_as_there_can_be(tmp_path: Path, count: int, key: str) -> None:
    names = ", ".join(f"c{n} INTEGER" for n in range(count))
    path = made(
        tmp_path / "wide.db",
        f"CREATE TABLE t ({names}{key or ')'}; CREATE VIEW v AS SELECT * FROM t;"
        f"INSERT INTO t (c0, c{count - 1}) VALUES (7, 8), (6, 9)",
    )
    page = await _page(path, PageQuery(table="t", sort=f"c{count - 1}", descending=True))
    assert [(row[0], row[count - 1], len(row)) for row in page.rows] == [(6, 9, count), (7, 8, count)]
    assert len((await _page(path, PageQuery(table="v"))).rows[0]) == count


async def test_a_value_too_large_to_be_read_costs_its_cell(tmp_path: Path) -> None:
    path = made(
        tmp_path / "a.db",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, v, w);
        INSERT INTO t VALUES (1, zeroblob(70000000), 'x'), (2, 'small', 'y'), (3, 4, 'z');
        UPDATE t SET v = CAST(zeroblob(70000000) AS TEXT) WHERE id = 3""",
    )
    page = await _page(path, PageQuery(table="t"))
    assert page.rows == ((1, Blob(70_000_000, b""), "x"), (2, "small", "y"), (3, LongText(""), "z"))


@pytest.mark.parametrize("table", ["t", "v"])
async def test_a_page_ends_at_its_bytes_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(page_rows, "PAGE_BYTES", 3_000)
    monkeypatch.setattr(page_rows, "CELLS_AT_ONCE", 8)
    path = made(
        tmp_path / "a.db",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE VIEW v AS SELECT * FROM t;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40)
            INSERT INTO t SELECT i, printf('%.*c', 150, 'x') FROM n""",
    )
    ports = DatabasePorts(path, task_spawner())
    for ways in ((Direction.FIRST, Direction.AFTER), (Direction.LAST, Direction.BEFORE)):
        if table == "v" and ways[0] is Direction.LAST:
            continue  # what has no key is counted off from its beginning
        page = await answer(ports.page(PageQuery(table=table, direction=ways[0])))
        seen = [row[0] for row in page.rows]
        while page.has_after if ways[0] is Direction.FIRST else page.has_before:
            assert 5 < len(page.rows) < 20
            edge = page.last if ways[0] is Direction.FIRST else page.first
            page = await answer(ports.page(PageQuery(table=table, direction=ways[1], edge=edge)))
            more = [row[0] for row in page.rows]
            seen = seen + more if ways[0] is Direction.FIRST else more + seen
        assert seen == list(range(1, 41))
    await ports.close()


@pytest.fixture
def sorts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many keys each sort has read."""
    read, counts = page_keys._read, list[int]()

    def counted(*args: Any, **words: Any) -> Any:
        counts.append(words["count"])
        return read(*args, **words)

    monkeypatch.setattr(page_keys, "_read", counted)
    return iter([counts])


async def test_the_pages_beside_one_are_not_sorted_again(tmp_path: Path, sorts: Iterator[list[int]]) -> None:
    count = next(sorts)
    path = made(
        tmp_path / "a.db",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, v);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)
            INSERT INTO t SELECT i, nullif(i * 7919 % 3001 / 3, 5) FROM n""",
    )
    with closing(sqlite3.connect(path)) as db:
        wanted = [row for (row,) in db.execute("SELECT id FROM t ORDER BY v DESC, id DESC")]
        ports = DatabasePorts(path, task_spawner())

        async def page(direction: Direction, edge: Any = None) -> TablePage:
            query = PageQuery(table="t", sort="v", descending=True, direction=direction, edge=edge)
            return await answer(ports.page(query))

        def ids(page: TablePage) -> list[Any]:
            return [row[0] for row in page.rows]

        first = await page(Direction.FIRST)
        second = await page(Direction.AFTER, first.last)
        third = await page(Direction.AFTER, second.last)
        back = await page(Direction.BEFORE, second.first)
        assert [ids(first), ids(second), ids(third)] == [wanted[:100], wanted[100:200], wanted[200:300]]
        assert (ids(back), back.has_before) == (ids(first), False)
        assert len(count) == 1
        seen, at = ids(third), third
        while at.has_after:
            at = await page(Direction.AFTER, at.last)
            seen += ids(at)
        assert seen == wanted[200:]
        assert len(count) < 6  # of 30 pages
        last = await page(Direction.LAST)
        before = await page(Direction.BEFORE, last.first)
        assert (ids(before), ids(last)) == (wanted[-200:-100], wanted[-100:])
        so_far = len(count)
        db.execute("INSERT INTO t VALUES (5000, 999999)")
        db.commit()
        again = await page(Direction.AFTER, first.last)
        assert ids(again) == ids(second)
        assert len(count) == so_far + 1
        assert ids(await page(Direction.FIRST))[0] == 5000
    await ports.close()


async def test_a_filter_whose_rows_are_all_there_is_not_counted_once_more(tmp_path: Path) -> None:
    path = made(
        tmp_path / "a.db",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, v);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500)
            INSERT INTO t SELECT i, 'row ' || (i % 100) FROM n""",
    )
    for sort in (None, "v"):
        for text, rows, count in (("row 7", 55, 55), ("row", 100, 500)):
            wanted = ColumnFilter(column="v", text=text)
            page = await _page(path, PageQuery(table="t", sort=sort, filter=wanted))
            assert (len(page.rows), page.matching, page.matching_capped) == (rows, count, False)


texts = st.text(st.sampled_from("abAB%_\\\0é�'1.5"), max_size=6)


@given(
    values=st.lists(texts | st.binary(max_size=5) | st.integers(-(2**40), 2**40) | st.none(), max_size=8),
    wanted=texts,
)
def test_the_fast_way_to_what_text_contains_finds_what_the_full_one_does(
    values: list[Any], wanted: str
) -> None:
    table = TableInfo(name="t", columns=(ColumnInfo(name="v", type="TEXT"),))
    condition = filters.filter_condition(table, ColumnFilter(column="v", text=wanted))
    assert condition is not None
    with closing(sqlite3.connect(":memory:")) as db:
        db.create_function(filters.SHOWN_FUNCTION, 1, lambda raw: raw.decode("utf-8", "replace"))
        db.create_function(filters.REAL_FUNCTION, 1, repr)
        db.execute("CREATE TABLE t (v TEXT)")
        db.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        found = [
            [row for (row,) in db.execute(f"SELECT rowid FROM t WHERE {sql} ORDER BY rowid", params)]
            for sql, params in (condition, filters._contains('"v"', wanted))
        ]
    assert found[0] == found[1]
