"""Round trips of values over all storage classes: pages by key, filters, whole values, exports, copies."""

import csv
import io
import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.database import paging
from app.database.connection import Reader
from app.database.export_formats import ENCODING, ERRORS, ending_of, is_run, writer_of
from app.database.messages import Reply as ReplyMessage
from app.database.messages import decode_reply, framed, packed, unpacked
from app.database.outline import read_schema
from app.database.session import LocalSession, part_of_value
from app.database.values import ROWIDS, encoding_of, real_text, short, text_of, text_reader
from streams.model.database import (
    Blob,
    CellQuery,
    ColumnFilter,
    Direction,
    FilterKind,
    LongText,
    PageQuery,
    RawText,
    Stored,
    TablePage,
)
from streams.model.statements import ExportFormat
from tests.app.bridge.databases import reader_of
from ui.base.format import Formatter
from ui.views.database.present import value_text

looks_like_a_number = st.sampled_from(
    [
        "02134",
        "+49",
        "1e3",
        "001.0",
        " 5",
        "1_000",
        "infinity",
        "inf",
        "-0",
        "0x10",
        "99999999999999999999",
        "5",
    ]
)
texts = st.text(max_size=6) | looks_like_a_number | st.sampled_from(["", "\0", "a\0b", "abc\0def", "x" * 300])
raw_texts = st.binary(min_size=1, max_size=6).map(lambda raw: text_of(raw, "utf-8"))
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
blobs = st.binary(max_size=20)
values = st.none() | numbers | texts | raw_texts | blobs
DECLARED = ["", "TEXT", "BLOB", "NUMERIC", "INTEGER", "REAL"]


@contextmanager
def table(
    declared: str, rows: list[Stored], *, key: str = "", encoding: str = "UTF-8", name: str = "v"
) -> Generator[tuple[sqlite3.Connection, Reader]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"PRAGMA encoding = '{encoding}'")
        db.execute(f"CREATE TABLE t ({name} {declared}, n INTEGER{key}")
        db.text_factory = text_reader(encoding_of(db))
        for n, value in enumerate(rows):
            sql = "CAST(? AS TEXT)" if isinstance(value, RawText) else "?"
            raw = value.raw if isinstance(value, RawText) else value
            db.execute(f"INSERT OR IGNORE INTO t VALUES ({sql}, ?)", (raw, n))
        yield db, reader_of(db)


def walked(reader: Reader, **query: Any) -> list[int]:
    info = read_schema(reader)[0]
    seen: list[int] = []
    page = paging.read_page(reader, info, PageQuery(table="t", limit=2, **query))
    for _ in range(60):
        reader.session.end()
        seen += [int(str(row[1])) for row in page.rows]
        if not page.has_after:
            return seen
        after = PageQuery(table="t", limit=2, direction=Direction.AFTER, edge=page.last, **query)
        page = paging.read_page(reader, info, after)
    raise AssertionError("no end")


@pytest.mark.parametrize("declared", DECLARED)
@given(rows=st.lists(values, max_size=9), down=st.booleans())
@example(rows=[RawText(bytes([0x80 + n, 65])) for n in range(6)], down=True)
def test_every_row_is_reached_once_by_any_value(declared: str, rows: list[Stored], down: bool) -> None:
    with table(declared, rows, key=")") as (_, reader):
        assert sorted(walked(reader, sort="v", descending=down)) == list(range(len(rows)))


@given(rows=st.lists(values.filter(lambda value: value is not None), max_size=9), down=st.booleans())
def test_every_row_is_reached_once_by_any_key(rows: list[Stored], down: bool) -> None:
    with table("", rows, key=", PRIMARY KEY (v)) WITHOUT ROWID") as (db, reader):
        wanted = [n for (n,) in db.execute(f"SELECT n FROM t ORDER BY v {'DESC' if down else ''}")]
        assert walked(reader, descending=down) == wanted
        page = paging.read_page(reader, read_schema(reader)[0], PageQuery(table="t"))
        for key in page.keys:
            query = CellQuery(table="t", column="v", key=key)
            assert paging.whole_of_cell(reader, read_schema(reader)[0], query, 2**20).value == key[0]


@pytest.mark.parametrize("name", [*ROWIDS, "OID"])
@given(rows=st.lists(values.filter(lambda value: value is not None), max_size=9), down=st.booleans())
@example(rows=[bytes([65 + n]) * 3 for n in range(6)], down=True)
def test_a_column_named_as_a_row_number_is_a_column(name: str, rows: list[Stored], down: bool) -> None:
    with table("", rows, key=")", name=name) as (_, reader):
        assert sorted(walked(reader, sort=name, descending=down)) == list(range(len(rows)))
    with table("", rows, key=f", PRIMARY KEY ({name})) WITHOUT ROWID", name=name) as (db, reader):
        order = f"SELECT {name}, n FROM t ORDER BY {name}{' DESC' if down else ''}"
        wanted = [n for _, n in db.execute(order)]
        assert walked(reader, descending=down) == wanted
        page = paging.read_page(reader, read_schema(reader)[0], PageQuery(table="t"))
        assert sorted(map(repr, page.keys)) == sorted(repr((value,)) for value, _ in db.execute(order))


def test_half_a_pair_of_utf_16_is_a_key_like_any_other() -> None:
    halves: list[Stored] = [RawText(bytes([n, 0xD8]), "utf-16le") for n in range(5)]
    with table("TEXT", halves, key=", PRIMARY KEY (v)) WITHOUT ROWID", encoding="UTF-16le") as (_, reader):
        assert sorted(walked(reader)) == sorted(walked(reader, sort="v")) == list(range(5))


def shown_in(page: TablePage) -> list[str]:
    return [value_text(row[0], Formatter())[0] for row in page.rows]


@pytest.mark.parametrize("declared", DECLARED)
@given(rows=st.lists(numbers | texts | raw_texts | blobs, min_size=1, max_size=5))
def test_a_value_on_the_screen_is_found_by_a_filter(declared: str, rows: list[Stored]) -> None:
    with table(declared, rows, key=")") as (_, reader):
        info = read_schema(reader)[0]
        whole = paging.read_page(reader, info, PageQuery(table="t"))
        for row in whole.rows:
            value, number = row[0], row[1]
            if isinstance(value, LongText) or (
                isinstance(value, Blob) and value.size_bytes > len(value.head)
            ):
                continue
            text = value if isinstance(value, str) else value_text(value, Formatter())[0]
            if isinstance(value, RawText):
                text = value.shown
            if not text:
                continue  # an empty field filters nothing
            for kind in (FilterKind.EQUALS, FilterKind.CONTAINS):
                wanted = ColumnFilter(column="v", kind=kind, text=text)
                reader.session.end()
                found = paging.read_page(reader, info, PageQuery(table="t", filter=wanted))
                assert number in [row[1] for row in found.rows], (kind, text, value)


@pytest.mark.parametrize("column", ["zip TEXT", "loose"])
def test_text_that_looks_like_a_number_is_text(column: str) -> None:
    rows: list[Stored] = [
        "02134",
        "2134",
        "+49",
        "49",
        "1e3",
        "1000.0",
        "infinity",
        "inf",
        " 5",
        "1_000",
        "9" * 20,
    ]
    with table(column.partition(" ")[2], rows, key=")") as (_, reader):
        info = read_schema(reader)[0]
        for value in rows:
            wanted = ColumnFilter(column="v", kind=FilterKind.EQUALS, text=str(value))
            found = paging.read_page(reader, info, PageQuery(table="t", filter=wanted))
            reader.session.end()
            assert [row[0] for row in found.rows] == [value]


def test_what_is_behind_a_nul_is_searched_too() -> None:
    with table("TEXT", ["abc\0Def", "\0hidden", b"\0\0PNG", "other"], key=")") as (_, reader):
        info = read_schema(reader)[0]
        for text, numbers_found in (("def", [0]), ("HID", [1]), ("png", [2]), ("x'0000'", [2])):
            wanted = ColumnFilter(column="v", text=text)
            found = paging.read_page(reader, info, PageQuery(table="t", filter=wanted))
            reader.session.end()
            assert [row[1] for row in found.rows] == numbers_found


@given(st.floats(allow_nan=False))
def test_a_real_is_shown_with_all_its_digits(value: float) -> None:
    assert float(real_text(value)) == float(value_text(value, Formatter())[0]) == value


@given(st.lists(values, max_size=6))
def test_values_pass_between_the_processes(row: list[Stored]) -> None:
    for sent in (tuple(row), tuple(short(value) for value in row)):
        reply = decode_reply(framed(ReplyMessage(rows=(packed(sent),)))[4:])
        assert isinstance(reply, ReplyMessage)
        assert unpacked(reply.rows[0]) == sent


@given(
    st.text(max_size=30) | st.binary(max_size=30).map(lambda raw: text_of(raw, "utf-8")), st.integers(4, 9)
)
def test_a_value_in_parts_is_the_value(value: Any, size: int) -> None:
    raw, start = b"", 0
    while True:
        part, total = part_of_value(value, start, size)
        piece = part.raw if isinstance(part, RawText) else part.encode()
        raw += piece
        start += len(piece)
        if start >= total:
            break
    assert raw == (value.raw if isinstance(value, RawText) else value.encode())


def exported(kind: ExportFormat, rows: Sequence[Sequence[Stored]], columns: list[str]) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=ENCODING, errors=ERRORS, newline="")
    write = writer_of(kind, file, columns)
    write(list(rows), 0)
    file.write(ending_of(kind, len(rows)))
    file.seek(0)
    return file.read()


def as_csv(value: Stored) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return f"x'{value.hex()}'"
        case RawText():
            return value.raw.decode(ENCODING, ERRORS)
        case str():
            return value
        case _:
            return repr(value)


@given(st.lists(st.lists(values, min_size=2, max_size=2), max_size=5))
def test_unguarded_csv_is_what_the_table_holds(rows: list[list[Stored]]) -> None:
    text = exported(ExportFormat.CSV_UNGUARDED, rows, ["a", "=b"])
    back = list(csv.reader(io.StringIO(text, newline="")))
    assert back == [["a", "=b"], *([as_csv(value) for value in row] for row in rows)]


@given(st.text(alphabet="'=+-@1 a(|\t", max_size=6))
def test_the_guard_can_always_be_taken_away(text: str) -> None:
    line = exported(ExportFormat.CSV, [[text, 1]], ["a", "b"])
    found = next(csv.reader(io.StringIO(line.partition("\r\n")[2], newline="")))[0]
    assert found == (f"'{text}" if is_run(text) else text)
    assert (found[1:] if is_run(found) else found) == text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "@x",
        "+cmd|' /C calc'!A0",
        "-cmd|x",
        "-2+3+cmd|x",
        "\t=1",
        "\r=1",
        "-1+1",
        "+A1",
        "- CALL(1)",
        "＝1",
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert exported(ExportFormat.CSV, [], [text, "b"]).lstrip('"').startswith("'")
    assert exported(ExportFormat.CSV, [[text, 1]], ["a", "b"]).splitlines()[1].lstrip('"').startswith("'")


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "-12.5",
        "+49 170",
        "+1-555-0100",
        "+49 (170) 12",
        "-1e5",
        "-5 %",
        "- item",
        "-",
        "--",
        "'quoted",
        "\tx",
    ],
)
def test_numbers_and_words_are_left_alone(text: str) -> None:
    line = exported(ExportFormat.CSV, [[text, 1]], ["a", "b"]).splitlines()[1]
    assert next(csv.reader([line]))[0] == text


def test_null_and_all_that_is_empty_differ() -> None:
    alone: list[list[Stored]] = [[None], [""], [b""]]
    for rows in (alone, [[*row, 1] for row in alone]):
        for kind in ExportFormat:
            text = exported(kind, rows, ["a", "b"][: len(rows[0])])
            lines = text.splitlines()[1:4]
            assert len(set(lines)) == 3, (kind, lines)
    assert [value_text(short(value), Formatter()) for value in (None, "", b"")] == [
        ("NULL", ""), ("", ""), ("", "0 B"),
    ]  # fmt: skip


@given(st.lists(st.lists(values, min_size=2, max_size=2), max_size=5))
def test_json_is_what_the_table_holds(rows: list[list[Stored]]) -> None:
    back = json.loads(exported(ExportFormat.JSON, rows, ["a", "a"]))

    def stored(value: Any) -> Stored:
        if isinstance(value, dict):
            ((kind, digits),) = value.items()
            return bytes.fromhex(digits) if kind == "hex" else RawText(bytes.fromhex(digits))
        return value

    found = [[stored(value) for value in row.values()] for row in back]
    assert [[(type(v), v) for v in row] for row in found] == [[(type(v), v) for v in row] for row in rows]


def test_a_file_takes_any_bytes_of_text(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    with target.open("w", encoding=ENCODING, errors=ERRORS, newline="") as file:
        writer_of(ExportFormat.CSV, file, ["a"])([[RawText(b"\x80A")]], 0)
    assert target.read_bytes() == b"a\r\n\x80A\r\n"


def test_a_session_reads_text_as_it_is() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.text_factory = text_reader("utf-8")
        rows = LocalSession(db).execute("SELECT CAST(x'8041' AS TEXT), 'a' || char(0) || 'b'").fetchall()
        assert [tuple(row) for row in rows] == [(RawText(b"\x80A"), "a\0b")]
