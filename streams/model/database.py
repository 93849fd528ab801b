"""A database as the console reads it: its tables, and pages of them."""

from enum import StrEnum

from streams.model.base import Record

COUNT_CAP = 10_000
"""Counting stops here unless somebody asks for the exact number."""
PAGE_ROWS = 100


class TableKind(StrEnum):
    """What a name in a database stands for."""

    TABLE = "table"
    VIEW = "view"
    VIRTUAL = "virtual"
    SHADOW = "shadow"
    """Holds the data of a virtual table."""


class Blob(Record, frozen=True):
    """Bytes, of which only the first are here."""

    size_bytes: int
    head: bytes


class LongText(Record, frozen=True):
    """Text of which only the beginning is here."""

    head: str
    size_bytes: int | None = None
    """None where only the beginning was read."""


class RawText(Record, frozen=True):
    """Text that is not valid in the encoding of its database, as the bytes that are stored."""

    raw: bytes
    encoding: str = "utf-8"

    @property
    def shown(self) -> str:
        """The text for a screen; a sign stands for what is not valid."""
        return self.raw.decode(self.encoding, "replace")


class Masked(Record, frozen=True):
    """A secret: it was not read."""


Value = int | float | str | None | Blob | LongText | RawText | Masked
"""What a cell holds."""
Row = tuple[Value, ...]
Stored = int | float | str | bytes | RawText | None
"""A value itself, as it is compared, copied and exported."""
Key = tuple[Stored, ...]
"""What a row is known by: its rowid, its primary key, or its place."""


class ColumnInfo(Record, frozen=True, kw_only=True):
    """A column as the schema says."""

    name: str
    type: str = ""
    not_null: bool = False
    default: str | None = None
    key_place: int = 0
    """Place in the primary key from 1 on; 0 is not part of it."""
    generated: bool = False
    secret: bool = False
    """Its values are never read."""
    indexed: bool = False
    """Sorting by it costs no more than reading a page."""


class IndexInfo(Record, frozen=True, kw_only=True):
    """An index of a table."""

    name: str
    columns: tuple[str, ...]
    """An expression stands as ``(expression)``."""
    unique: bool = False
    partial: bool = False
    origin: str = "c"
    """c: created; u: of a UNIQUE; pk: of the primary key."""


class ForeignKey(Record, frozen=True, kw_only=True):
    """Columns that name a row of another table."""

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]
    on_update: str = ""
    on_delete: str = ""


class TableInfo(Record, frozen=True, kw_only=True):
    """One table, view or virtual table with all that the schema says of it."""

    name: str
    kind: TableKind = TableKind.TABLE
    columns: tuple[ColumnInfo, ...] = ()
    indexes: tuple[IndexInfo, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    key: tuple[str, ...] = ()
    """What its pages follow: the rowid or the primary key; empty where there is neither."""
    sql: str = ""
    rows: int | None = None
    """Up to ``COUNT_CAP``; None where they could not be counted in time."""
    capped: bool = False
    problem: str = ""
    """Why it cannot be read, such as a module that is missing here."""
    index_only: bool = False
    """Whether that is no fault: it is made to be searched, and keeps no rows to list."""
    masked: tuple[str, ...] = ()
    """Secret columns of other tables that a view asks for; they are read as NULL."""
    foreign_orders: tuple[str, ...] = ()
    """Collations of the program that made it: what they order is compared by bytes here."""


class Outline(Record, frozen=True, kw_only=True):
    """The whole database at a glance."""

    path: str
    size_bytes: int
    tables: tuple[TableInfo, ...] = ()
    read_by: str = ""
    """The server that reads the file; empty where this machine does."""
    own: bool = False
    """It is a catalogue of Tidewatch, not a database of some other program."""

    def table(self, name: str | None) -> TableInfo | None:
        """Return a table by its name."""
        return next((table for table in self.tables if table.name == name), None)


class FilterKind(StrEnum):
    """How the values of a column are compared."""

    CONTAINS = "contains"
    EQUALS = "="
    LESS = "<"
    GREATER = ">"
    NULL = "is null"
    NOT_NULL = "is not null"


class ColumnFilter(Record, frozen=True, kw_only=True):
    """Which rows to show."""

    column: str
    kind: FilterKind = FilterKind.CONTAINS
    text: str = ""


class Direction(StrEnum):
    """Where a page lies."""

    FIRST = "first"
    AFTER = "after"
    BEFORE = "before"
    LAST = "last"


class Edge(Record, frozen=True, kw_only=True):
    """The row at the edge of a page: its value in the sorted column, and its key."""

    value: Stored = None
    key: Key = ()


class PageQuery(Record, frozen=True, kw_only=True):
    """Which page of which table, in which order."""

    table: str
    sort: str | None = None
    """A column; None for the order of the key."""
    descending: bool = False
    filter: ColumnFilter | None = None
    direction: Direction = Direction.FIRST
    edge: Edge | None = None
    limit: int = PAGE_ROWS


class TablePage(Record, frozen=True, kw_only=True):
    """Rows of a table and the way to the pages beside them."""

    columns: tuple[str, ...]
    keys: tuple[Key, ...]
    rows: tuple[Row, ...]
    first: Edge | None = None
    last: Edge | None = None
    has_before: bool = False
    has_after: bool = False
    matching: int | None = None
    """Rows that the filter leaves, up to ``COUNT_CAP``; None where counting took too long."""
    matching_capped: bool = False
    ends_early: bool = False
    """There are more rows, but what has no key is only counted off up to ``COUNT_CAP``."""


class CellQuery(Record, frozen=True, kw_only=True):
    """One value of one row."""

    table: str
    column: str
    key: Key
    start_bytes: int = 0
    """Where to begin in a long text or blob."""


class AnswerQuery(Record, frozen=True, kw_only=True):
    """One value of the answer to a statement; row and column are counted from 0."""

    sql: str
    row: int
    column: int
    start_bytes: int = 0
    """Where to begin in a long text or blob."""


class WholeValue(Record, frozen=True, kw_only=True):
    """A value in full, or a part of a long text or blob of a size that a screen can show."""

    value: Stored
    size_bytes: int
    """Of the whole."""
    start_bytes: int = 0
    end_bytes: int = 0
    """Where the next part begins."""
    cut: bool = False
    """There is more behind this part."""
    secret: bool = False
