"""Rows of a page by keys that are no row numbers: by one statement, whatever the keys are made of."""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database import page_rows, paging
from app.database.connection import Reader
from app.database.outline import read_schema
from app.database.session import LocalCursor, LocalSession
from app.database.values import short_row, text_reader
from streams.model.database import Direction, PageQuery, RawText, Stored
from tests.app.bridge.databases import reader_of

parts = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["5", "5.0", "1e3", "05", "", "a", "A", "\0", "é"])
    | st.binary(max_size=3)
    | st.binary(min_size=1, max_size=3).map(lambda raw: RawText(bytes([0xFF]) + raw, "utf-8"))
)


@contextmanager
def reading(script: str) -> Generator[tuple[sqlite3.Connection, Reader]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(script)
        db.text_factory = text_reader("utf-8")
        yield db, reader_of(db)


def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[Any]]]:
    """Return a list that gets each statement with its parameters."""
    found: list[tuple[str, Sequence[Any]]] = []
    execute = LocalSession.execute

    def noted(self: LocalSession, sql: str, params: Any = (), **how: bool) -> LocalCursor:
        found.append((sql, params))
        return execute(self, sql, params, **how)

    monkeypatch.setattr(LocalSession, "execute", noted)
    return found


@pytest.mark.parametrize("declared", [("TEXT", "TEXT"), ("TEXT", "INTEGER"), ("", "REAL")])
def test_the_rows_of_a_page_are_found_by_one_statement_and_the_index_of_their_key(
    monkeypatch: pytest.MonkeyPatch, declared: tuple[str, str]
) -> None:
    script = f"""CREATE TABLE t (a {declared[0]}, b {declared[1]}, c, PRIMARY KEY (a, b)) WITHOUT ROWID;
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 300)
            INSERT INTO t SELECT i / 10, i % 10, i FROM n"""
    with reading(script) as (db, reader):
        info = read_schema(reader)[0]
        statements = asked(monkeypatch)
        page = paging.read_page(reader, info, PageQuery(table="t", direction=Direction.LAST))
        db.set_authorizer(None)
        wanted = [row[0] for row in db.execute("SELECT c FROM t ORDER BY a, b LIMIT -1 OFFSET 200")]
        assert [row[2] for row in page.rows] == wanted
        assert len(statements) <= 2, "a statement for each row"
        sql, params = statements[-1]
        plan = [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
        assert any("SEARCH" in line and "(a=? AND b=?)" in line for line in plan), plan


@pytest.mark.parametrize("declared", [("", ""), ("TEXT", "INTEGER"), ("NUMERIC", "BLOB"), ("REAL", "TEXT")])
@given(rows=st.lists(st.tuples(parts, parts), max_size=9), most=st.sampled_from([1, 4, 1_000]))
def test_a_row_is_found_by_keys_of_any_values(
    declared: tuple[str, str], rows: list[tuple[Stored, Stored]], most: int
) -> None:
    script = f"""CREATE TABLE t (key_ {declared[0]} COLLATE NOCASE, "Key_n" {declared[1]}, key_0, n,
        PRIMARY KEY (key_, "Key_n")) WITHOUT ROWID"""
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as db,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(page_rows, "MAX_KEY_PARTS", most)
        db.executescript(script)
        db.text_factory = text_reader("utf-8")
        for n, row in enumerate(rows):
            marks = ["CAST(? AS TEXT)" if isinstance(part, RawText) else "?" for part in row]
            raw = [part.raw if isinstance(part, RawText) else part for part in row]
            db.execute(f"INSERT OR IGNORE INTO t VALUES ({', '.join(marks)}, 'x', ?)", (*raw, n))
        stored = db.execute('SELECT * FROM t ORDER BY key_, "Key_n"').fetchall()
        reader = reader_of(db)
        page = paging.read_page(reader, read_schema(reader)[0], PageQuery(table="t"))
        assert list(page.keys) == [row[:2] for row in stored]
        assert list(page.rows) == [short_row(row) for row in stored]


def test_large_keys_go_in_several_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_rows, "MAX_KEY_BYTES", 3_000)
    script = """CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID;
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 20)
            INSERT INTO t SELECT printf('%02d%.*c', i, 1000, 'x') FROM n"""
    with reading(script) as (_, reader):
        info = read_schema(reader)[0]
        statements = asked(monkeypatch)
        page = paging.read_page(reader, info, PageQuery(table="t"))
        assert len(page.rows) == 20
        assert len(statements) == 11  # one for the keys, and one for each two of them
