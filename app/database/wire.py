"""Questions about a database and their answers on the way between console and server, as JSON.

Values of SQLite have more types than JSON: what is no plain number or text travels as ``Typed``. All that is
said is bounded where it is decoded.
"""

import math
import struct
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from streams.model.base import Record
from streams.model.database import (
    AnswerQuery,
    Blob,
    CellQuery,
    ColumnFilter,
    Direction,
    Edge,
    FilterKind,
    LongText,
    Masked,
    PageQuery,
    RawText,
    TablePage,
    WholeValue,
)
from streams.model.statements import ExportFormat, SqlProblem, SqlResult

MAX_NAME = 65_536
"""Characters of the name of a table or a column."""
MAX_TEXT = 1_000_000
"""Characters of a statement or a filter."""
MAX_ROWS = 1000
"""Rows of one page."""
MAX_KEY = 2000
"""Columns of a key: SQLite has no more."""
MAX_PIECE_BYTES = 1024**2
MAX_ANSWER_BYTES = 128 * 1024**2
"""Of one answer: 16 MiB of cells, each sign of which takes up to six bytes in JSON."""

PathText = Annotated[str, msgspec.Meta(max_length=4096)]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
QuestionId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-zA-Z_-]{0,64}$(?!\n)")]
Place = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Typed(Record, frozen=True, omit_defaults=True):
    """A value that JSON has no type for."""

    type: Literal["bytes", "raw", "long", "blob", "masked", "real"]
    data: bytes = b""
    text: str = ""
    """The head of a long text, or the encoding of a raw one."""
    size_bytes: int | None = None


Cell = int | float | str | Typed | None
Cells = Annotated[tuple[Cell, ...], msgspec.Meta(max_length=MAX_KEY)]


def to_cell(value: Any) -> Cell:
    """Return a value for the way."""
    match value:
        case None | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else Typed("real", struct.pack(">d", value))
        case bytes():
            return Typed("bytes", value)
        case RawText():
            return Typed("raw", value.raw, value.encoding)
        case LongText():
            return Typed("long", text=value.head, size_bytes=value.size_bytes)
        case Blob():
            return Typed("blob", value.head, size_bytes=value.size_bytes)
        case Masked():
            return Typed("masked")
        case _:
            raise TypeError(f"no value of a database: {type(value).__name__}")


def of_cell(cell: Cell) -> Any:
    """Return a value as it was before its way."""
    if not isinstance(cell, Typed):
        return cell
    match cell.type:
        case "bytes":
            return cell.data
        case "raw":
            return RawText(cell.data, _encoding(cell.text))
        case "long":
            return LongText(cell.text, cell.size_bytes)
        case "blob":
            return Blob(cell.size_bytes or 0, cell.data)
        case "masked":
            return Masked()
        case "real":
            return struct.unpack(">d", cell.data)[0] if len(cell.data) == 8 else math.nan


def _encoding(name: str) -> str:
    return name if name in ("utf-8", "utf-16le", "utf-16be") else "utf-8"


def to_cells(values: Iterable[Any]) -> tuple[Cell, ...]:
    """Return a row or a key for the way."""
    return tuple(map(to_cell, values))


def of_cells(cells: Iterable[Cell]) -> tuple[Any, ...]:
    """Return a row or a key as it was before its way."""
    return tuple(map(of_cell, cells))


class WireEdge(Record, frozen=True, kw_only=True):
    """The row at the edge of a page."""

    value: Cell = None
    key: Cells = ()

    @classmethod
    def of(cls, edge: Edge | None) -> "WireEdge | None":
        """Return an edge for the way."""
        return None if edge is None else cls(value=to_cell(edge.value), key=to_cells(edge.key))


def of_edge(edge: WireEdge | None) -> Edge | None:
    """Return an edge as it was before its way."""
    return None if edge is None else Edge(value=of_cell(edge.value), key=of_cells(edge.key))


class Filter(Record, frozen=True, kw_only=True):
    """Rows to show."""

    column: Name
    kind: FilterKind = FilterKind.CONTAINS
    text: Text = ""

    @classmethod
    def of(cls, wanted: ColumnFilter | None) -> "Filter | None":
        """Return a filter for the way."""
        return None if wanted is None else cls(column=wanted.column, kind=wanted.kind, text=wanted.text)


def of_filter(wanted: Filter | None) -> ColumnFilter | None:
    """Return a filter as it was before its way."""
    return None if wanted is None else ColumnFilter(column=wanted.column, kind=wanted.kind, text=wanted.text)


class Question(Record, frozen=True, kw_only=True):
    """The file that a question is about, and a number by which its asker can take it back."""

    path: PathText = ""
    """Empty for the server's catalogue."""
    id: QuestionId = ""


class PageQuestion(Question, frozen=True, kw_only=True):
    """Asks for a page of a table."""

    table: Name
    sort: Name | None = None
    descending: bool = False
    filter: Filter | None = None
    direction: Direction = Direction.FIRST
    edge: WireEdge | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)] = 100

    def query(self) -> PageQuery:
        """Return the question as the database takes it."""
        return PageQuery(
            table=self.table,
            sort=self.sort,
            descending=self.descending,
            filter=of_filter(self.filter),
            direction=self.direction,
            edge=of_edge(self.edge),
            limit=self.limit,
        )


class ValueQuestion(Question, frozen=True, kw_only=True):
    """Asks for one value: of a row of a table by its key, or of the answer to a statement by its place."""

    table: Name = ""
    column: Name = ""
    key: Cells = ()
    sql: Text | None = None
    row: Place = 0
    place: Place = 0
    start_bytes: Place = 0

    def query(self) -> CellQuery | AnswerQuery:
        """Return the question as the database takes it."""
        if self.sql is not None:
            return AnswerQuery(sql=self.sql, row=self.row, column=self.place, start_bytes=self.start_bytes)
        return CellQuery(
            table=self.table, column=self.column, key=of_cells(self.key), start_bytes=self.start_bytes
        )


class CountQuestion(Question, frozen=True, kw_only=True):
    """Asks for the number of rows."""

    table: Name
    filter: Filter | None = None


class SqlQuestion(Question, frozen=True, kw_only=True):
    """Asks for the answer to a statement, or for its plan."""

    sql: Text


class ExportQuestion(SqlQuestion, frozen=True, kw_only=True):
    """Asks for the whole answer to a statement as a file."""

    format: ExportFormat


class ServedDatabase(Record, frozen=True, kw_only=True):
    """A database that the server opens for consoles."""

    path: str
    size_bytes: int


class DatabaseVersion(Record, frozen=True, kw_only=True):
    """A number that grows with each commit."""

    version: int


class RowCount(Record, frozen=True, kw_only=True):
    """How many rows there are."""

    rows: int


class TakenBack(Record, frozen=True, kw_only=True):
    """Whether a question was being answered, and is not any more."""

    stopped: bool


class PageAnswer(Record, frozen=True, kw_only=True):
    """A page of a table."""

    columns: tuple[str, ...]
    keys: tuple[tuple[Cell, ...], ...]
    rows: tuple[tuple[Cell, ...], ...]
    first: WireEdge | None = None
    last: WireEdge | None = None
    has_before: bool = False
    has_after: bool = False
    matching: int | None = None
    matching_capped: bool = False
    ends_early: bool = False

    @classmethod
    def of(cls, page: TablePage) -> "PageAnswer":
        """Return a page for the way."""
        return cls(
            columns=page.columns,
            keys=tuple(map(to_cells, page.keys)),
            rows=tuple(map(to_cells, page.rows)),
            first=WireEdge.of(page.first),
            last=WireEdge.of(page.last),
            has_before=page.has_before,
            has_after=page.has_after,
            matching=page.matching,
            matching_capped=page.matching_capped,
            ends_early=page.ends_early,
        )

    def page(self) -> TablePage:
        """Return the page as it was before its way."""
        return TablePage(
            columns=self.columns,
            keys=tuple(map(of_cells, self.keys)),
            rows=tuple(map(of_cells, self.rows)),
            first=of_edge(self.first),
            last=of_edge(self.last),
            has_before=self.has_before,
            has_after=self.has_after,
            matching=self.matching,
            matching_capped=self.matching_capped,
            ends_early=self.ends_early,
        )


class SqlAnswer(Record, frozen=True, kw_only=True):
    """The answer to a statement, or what is wrong with it."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    cut: bool = False
    took_s: float = 0.0
    masked: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    problem: SqlProblem | None = None

    @classmethod
    def of(cls, result: SqlResult) -> "SqlAnswer":
        """Return an answer for the way."""
        return cls(
            columns=result.columns,
            rows=tuple(map(to_cells, result.rows)),
            cut=result.cut,
            took_s=result.took_s,
            masked=result.masked,
            stand_ins=result.stand_ins,
            problem=result.problem,
        )

    def result(self, sql: str) -> SqlResult:
        """Return the answer as it was before its way."""
        return SqlResult(
            sql=sql,
            columns=self.columns,
            rows=tuple(map(of_cells, self.rows)),
            cut=self.cut,
            took_s=self.took_s,
            masked=self.masked,
            stand_ins=self.stand_ins,
            problem=self.problem,
        )


class ValueAnswer(Record, frozen=True, kw_only=True):
    """One value, or a part of it."""

    value: Cell
    size_bytes: int
    start_bytes: int = 0
    end_bytes: int = 0
    cut: bool = False
    secret: bool = False

    @classmethod
    def of(cls, whole: WholeValue) -> "ValueAnswer":
        """Return a value for the way."""
        return cls(
            value=to_cell(whole.value),
            size_bytes=whole.size_bytes,
            start_bytes=whole.start_bytes,
            end_bytes=whole.end_bytes,
            cut=whole.cut,
            secret=whole.secret,
        )

    def whole(self) -> WholeValue:
        """Return the value as it was before its way."""
        return WholeValue(
            value=of_cell(self.value),
            size_bytes=self.size_bytes,
            start_bytes=self.start_bytes,
            end_bytes=self.end_bytes,
            cut=self.cut,
            secret=self.secret,
        )


PIECE_HEAD = struct.Struct(">cIQ")
"""Before each piece of an export: its kind, its length in bytes, and the rows up to its end."""
PIECE, LAST_PIECE, PROBLEM = b"d", b"e", b"p"
"""Bytes of the file, the last bytes of it, or a ``Problem`` in JSON that it ends with instead."""


def framed_piece(kind: bytes, data: bytes, rows: int = 0) -> bytes:
    """Return a piece of an export for the way."""
    return PIECE_HEAD.pack(kind, len(data), rows) + data
