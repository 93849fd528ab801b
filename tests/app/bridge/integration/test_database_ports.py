"""The questions about a database: what they answer on files of all kinds, and what they never do."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.bridge.database.ports import DatabasePorts
from app.database.connection import Reader
from app.database.lanes import Lane
from streams.model.database import AnswerQuery, Blob, CellQuery, LongText, Masked, PageQuery, TableKind
from streams.model.failures import (
    CommandFailed,
)
from tests.app.bridge.databases import HASH, answer


async def test_the_outline_knows_tables_columns_indexes_and_keys(ports: DatabasePorts) -> None:
    outline = await answer(ports.outline())
    tables = {table.name: table for table in outline.tables}
    assert not outline.own
    assert (tables["clients"].rows, tables["clients"].capped) == (250, False)
    assert tables["clients"].key == ("rowid",)
    assert tables["pairs"].key == ("a", "b")
    assert tables["names"].kind is TableKind.VIEW
    assert tables["words"].kind is TableKind.VIRTUAL
    assert tables["words"].rows == 1
    assert [column.name for column in tables["clients"].columns if column.indexed] == ["id", "name"]
    assert tables["clients"].indexes[0].columns == ("name",)
    key = tables["tokens"].foreign_keys[0]
    assert (key.columns, key.table, key.to_columns, key.on_delete) == (
        ("client_id",),
        "clients",
        ("id",),
        "CASCADE",
    )
    assert [column.name for column in tables["tokens"].columns if column.secret] == [
        "token_hash",
        "hash",
        "key",
    ]
    assert not any(column.secret for column in tables["settings"].columns)


async def test_counting_stops_at_ten_thousand_until_asked(ports: DatabasePorts, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO pairs VALUES ('x', ?)", [(n,) for n in range(10_500)])
    table = (await answer(ports.outline())).table("pairs")
    assert table is not None
    assert (table.rows, table.capped) == (10_000, True)
    assert await answer(ports.count("pairs", None)) == 10_500


async def test_long_values_are_shortened_and_come_whole_when_asked(ports: DatabasePorts) -> None:
    page = await answer(ports.page(PageQuery(table="clients")))
    row = page.rows[99]
    assert isinstance(row[2], LongText)
    assert row[3] == Blob(200, b"\x00\x01" * 8)
    query = CellQuery(table="clients", column="note", key=page.keys[99])
    assert (await answer(ports.whole_value(query))).value == "x" * 300
    query = CellQuery(table="clients", column="raw", key=page.keys[99])
    assert (await answer(ports.whole_value(query))).value == b"\x00\x01" * 100


async def test_values_of_an_answer_come_whole_when_asked(ports: DatabasePorts) -> None:
    sql = "SELECT id, note, note, raw FROM clients ORDER BY id"
    result = await answer(ports.run_sql(sql))
    assert isinstance(result.rows[99][2], LongText)
    whole = await answer(ports.whole_value(AnswerQuery(sql=sql, row=99, column=2)))
    assert (whole.value, whole.size_bytes, whole.cut) == ("x" * 300, 300, False)
    assert (
        await answer(ports.whole_value(AnswerQuery(sql=sql, row=99, column=3)))
    ).value == b"\x00\x01" * 100
    with pytest.raises(CommandFailed, match="gone"):
        await answer(ports.whole_value(AnswerQuery(sql=sql, row=10_000, column=1)))
    secret = AnswerQuery(sql="SELECT hash FROM tokens", row=0, column=0)
    assert (await answer(ports.whole_value(secret))).value is None


async def test_secrets_are_masked_whatever_one_asks(ports: DatabasePorts) -> None:
    page = await answer(ports.page(PageQuery(table="tokens")))
    assert page.rows == ((Masked(), 1, Masked(), Masked()),)
    whole = await answer(ports.whole_value(CellQuery(table="tokens", column="hash", key=(1,))))
    assert whole.secret
    assert whole.value is None
    for sql in (
        "SELECT hash AS x, lower(token_hash), key || '' FROM tokens",
        "SELECT max(hash), min(token_hash), group_concat(key) FROM tokens",
        "WITH t AS (SELECT hash h, token_hash k, key FROM tokens) SELECT h, k, key FROM t",
        "SELECT json_group_array(hash), quote(key), hex(token_hash) FROM tokens",
    ):
        result = await answer(ports.run_sql(sql))
        assert result.problem is None
        assert HASH[:10] not in repr(result.rows).lower()
        assert len(result.masked) == 3


async def test_a_table_that_is_altered_as_a_page_begins_is_read_as_it_is_by_then(
    ports: DatabasePorts, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, altered = Lane._learn, list[str]()

    def alter_after(lane: Lane, reader: Reader) -> bool:
        learned = learn(lane, reader)
        if not altered:
            altered.append("note")
            reader.session.end()
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("ALTER TABLE clients DROP COLUMN note")
        return learned

    monkeypatch.setattr(Lane, "_learn", alter_after)
    page = await answer(ports.page(PageQuery(table="clients", limit=1)))
    assert altered
    assert page.columns == ("id", "name", "raw")
    assert page.rows == ((1, "client 001", Blob(2, b"\x00\x01")),)
