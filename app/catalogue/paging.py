"""Pages by key: the next page starts after the last row's sort values, so that every page costs the same."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, tuple_

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.errors import BadQuery
from app.catalogue.schema import files
from app.wire.limits import MAX_CURSOR

LONG_TEXT = 250
"""Longer sort values do not stand in a cursor; each character may take nine bytes of it."""
Where = Literal["after", "before", "last"]
Key = tuple[str | int | None, ...]
"""Sort values of a row, its id last; None in a cursor is a long text, to be looked up by that id."""

ORDERS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "name": (files.c.name_key, files.c.id),
    "path": (files.c.path_key, files.c.id),
    "client": (files.c.client_name, files.c.path_key, files.c.id),
    "size": (files.c.size_bytes, files.c.id),
    "suffix": (files.c.suffix, files.c.id),
    "date": (files.c.backed_up_at, files.c.id),
    "state": (files.c.state, files.c.id),
}
"""What files can be sorted by, each ending with the id so that no two rows are equal; each has indexes."""
OF_CLIENT = frozenset({"ix_files_client", "ix_files_client_date"})
"""Indexes that lead to the files of one client in an order that goes with the client."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page starts."""

    sort: str
    descending: bool
    where: Where
    key: Key

    def write(self) -> str:
        """Return the opaque text for a URL."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one order, before it is fetched."""

    sort: str
    descending: bool
    limit: int
    cursor: Cursor | None

    @property
    def backwards(self) -> bool:
        """Whether the rows come from the end towards the start."""
        return self.cursor is not None and self.cursor.where != "after"

    def index(self, *, deleted: bool, of_client: bool) -> str:
        """Return the index that has the order: of the files that are there, or of the deleted ones."""
        if deleted:
            return f"ix_files_deleted_{self.sort}"
        if of_client and self.sort in ("path", "date"):
            return "ix_files_client" if self.sort == "path" else "ix_files_client_date"
        return f"ix_files_{self.sort}"

    @property
    def start(self) -> Key | None:
        """Return the sort values that the page begins behind; None: at the end that it comes from."""
        return self.cursor.key if self.cursor is not None and self.cursor.where != "last" else None

    @property
    def falling(self) -> bool:
        """Whether the sort values of the rows come one smaller than the other."""
        return self.descending != self.backwards

    def stretches(
        self, start: Key | None, last: Key | None, within: tuple[int | None, int | None]
    ) -> list[list[ColumnElement[bool]]]:
        """Return the conditions of what follows ``start``, up to ``last``, as stretches of an index in order.

        In each stretch only one column is compared with more than one value: SQLite finds where to begin and
        to end by the first column of a row value alone, and would pass millions of rows that are equal in it.
        Where there is no start or no end, the first column is ``within`` these bounds: with two of one kind
        SQLite may take the wrong one.
        """
        first, (least, most) = ORDERS[self.sort][0], within
        bounds: list[ColumnElement[bool]] = []
        if least is not None and (last if self.falling else start) is None:
            bounds.append(first >= least)
        if most is not None and (start if self.falling else last) is None:
            bounds.append(first <= most)
        found = _stretches(ORDERS[self.sort], start, last, falling=self.falling)
        return [[*each, *bounds] for each in found]

    def apply(self, wanted: AnySelect) -> AnySelect:
        """Return the select with this page's order and start; one row above its limit tells of more."""
        if self.start is not None:
            here, there = tuple_(*ORDERS[self.sort]), tuple_(*self.start)
            wanted = wanted.where(here < there if self.falling else here > there)
        return self.ordered(wanted).limit(self.limit + 1)

    def ordered(self, wanted: AnySelect, columns: Sequence[ColumnElement[Any]] = ()) -> AnySelect:
        """Return the select with this page's order, which ``columns`` have if not those of the files."""
        order = columns or ORDERS[self.sort]
        return wanted.order_by(*(column.desc() if self.falling else column.asc() for column in order))

    def split(self, fetched: Sequence[AnyRow]) -> tuple[list[AnyRow], bool, bool]:
        """Return the rows in their order, and whether there are some before and after them."""
        rows = list(fetched[: self.limit])
        more = len(fetched) > self.limit
        if self.cursor is None:
            return rows, False, more
        if self.cursor.where == "after":
            return rows, True, more
        rows.reverse()
        return rows, more, self.cursor.where == "before"

    def cursor_at(self, row: AnyRow | None, where: Where) -> str:
        """Return the cursor of a neighbouring page; ``row`` is the one that it starts from."""
        values = () if row is None else tuple(getattr(row, str(each.key)) for each in ORDERS[self.sort])
        key = tuple(None if isinstance(value, str) and len(value) > LONG_TEXT else value for value in values)
        return Cursor(self.sort, self.descending, where, key).write()


def _stretches(
    columns: Sequence[ColumnElement[Any]], after: Key | None, last: Key | None, *, falling: bool
) -> list[list[ColumnElement[bool]]]:
    """Return the stretches of rows behind the key ``after``, up to ``last`` and with it."""
    first, *others = columns
    if after is None and last is None:
        return [[]]
    if not others:
        bounds: list[ColumnElement[bool]] = []
        if after is not None:
            bounds.append(first < after[0] if falling else first > after[0])
        if last is not None:
            bounds.append(first >= last[0] if falling else first <= last[0])
        return [bounds]

    def equal(
        value: str | int | None, after: Key | None, last: Key | None
    ) -> list[list[ColumnElement[bool]]]:
        return [[first == value, *each] for each in _stretches(others, after, last, falling=falling)]

    if after is not None and last is not None and after[0] == last[0]:
        return equal(after[0], after[1:], last[1:])
    between: list[ColumnElement[bool]] = []
    found: list[list[ColumnElement[bool]]] = []
    if after is not None:
        found += equal(after[0], after[1:], None)
        between.append(first < after[0] if falling else first > after[0])
    if last is not None:
        between.append(first > last[0] if falling else first < last[0])
    found.append(between)
    if last is not None:
        found += equal(last[0], None, last[1:])
    return found


def page_of(sort: str, descending: bool, limit: int, cursor: str | None) -> Page:
    """Return the page that is asked for; raises BadQuery for an unknown order or another one's cursor."""
    if sort not in ORDERS:
        raise BadQuery(f"Files cannot be sorted by {sort}.", hint=f"Use one of {', '.join(ORDERS)}.")
    if not 1 <= limit <= 1000:
        raise BadQuery(f"A page of {limit} rows is not possible.", hint="Ask for 1 to 1000.")
    found = None if cursor is None else _read(cursor)
    if found is not None and not _fits(found, sort, descending):
        raise BadQuery("The cursor belongs to another order.", hint="Start again with the first page.")
    return Page(sort, descending, limit, found)


def _fits(cursor: Cursor, sort: str, descending: bool) -> bool:
    if (cursor.sort, cursor.descending) != (sort, descending):
        return False
    if cursor.where == "last":
        return not cursor.key
    wanted = [column.type.python_type for column in ORDERS[sort]]
    given = [str if value is None else type(value) for value in cursor.key]
    return given == wanted and all(abs(value) < 2**63 for value in cursor.key if isinstance(value, int))


def _read(text: str) -> Cursor:
    if len(text) > MAX_CURSOR:
        raise BadQuery("The cursor is too long.", hint="Start again with the first page.")
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadQuery("That is no cursor.", hint="Start again with the first page.") from error
