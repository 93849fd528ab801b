"""Pages of files: every order, filter and search for text in about the same time, at millions of files.

Where few files can match, all of them are looked at and sorted. Where more can, the index of the order is
walked: either the rows are read, or its entries are compared with the numbers of the candidates, so that no
row is read that cannot match. Where the page is not soon found, because all matches lie together far away, as
names do that begin alike, it goes on whichever way costs least.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as replace_fields
from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import file_filter
from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.errors import BadQuery
from app.catalogue.file_filter import Candidates, Filter, fewest, filter_of
from app.catalogue.paging import OF_CLIENT, ORDERS, Key, Page
from app.catalogue.readable import fitting, readable
from app.catalogue.rows import file_of, select_files
from app.catalogue.schema import clients, files
from app.catalogue.totals import summed
from streams.records.files import FilePage, FileQuery

COUNT_CAP = 10_000
"""Counting stops here: nobody reads further, and it would freeze on a million rows."""
LOOKED_AT = 12_000
"""Counting stops, too, after so many candidates: of some filters few of them match."""
GATHERED = 20_000
"""Candidates that are all looked at, at most, before the order is walked."""
WALKED = 10_000
"""Rows that are read for one page where very many are candidates, before it is judged whether to go on."""
WALKED_ON = 25_000
"""Rows up to which the walk goes on if that is likely to find the page."""
PASSED = 20_000
"""Entries of an index that are compared with numbers of candidates, before it is judged whether to go on."""
COMPARED_AFTER_ALL = 300_000
"""Candidates that are counted, at most, where no walk finds the page."""
LOOK_COST = 3.4
"""To look at a candidate costs so much more than to pass an entry of an index, with 5 million files."""

Span = tuple[Key | None, Key | None]
"""The row behind which a walk starts, and the last one of it."""


async def file_page(connection: AsyncConnection, query: FileQuery, page: Page) -> FilePage:
    """Return a page; raises UnknownClient, or BadQuery where the row that it starts from is gone."""
    page, all_looked_at = await _whole(connection, page), True
    found = await filter_of(connection, query)
    best = await fewest(connection, found, file_filter.COMPARED)
    if best is not None and best.count <= GATHERED and not _leads(found, page):
        ids, counted = await _gathered(connection, found, best, page)
    else:
        ids, counted = await _walked(connection, found, best, page)
    total = counted or 0
    if counted is None:
        # Counted for each page anew: files come and go while somebody turns the pages.
        total, all_looked_at = await _count(connection, found, best)
        total = max(total, len(ids))
    total, capped = min(total, COUNT_CAP), total > COUNT_CAP or not all_looked_at
    fetched = await connection.execute(select_files().where(files.c.id.in_(ids)))
    rows = {row.id: row for row in fetched.all()}
    return _page_of_rows(page, [rows[each] for each in ids if each in rows], total, capped)


async def _whole(connection: AsyncConnection, page: Page) -> Page:
    """Return the page with all sort values of its start: long ones do not stand in a cursor."""
    cursor = page.cursor
    if cursor is None or None not in cursor.key:
        return page
    found = await connection.execute(select(*ORDERS[page.sort]).where(files.c.id == cursor.key[-1]))
    row = found.one_or_none()
    if row is None:
        raise BadQuery("The row that this page starts from is gone.", hint="Start again with the first page.")
    return replace(page, cursor=replace_fields(cursor, key=tuple(row)))


async def _gathered(
    connection: AsyncConnection, found: Filter, candidates: Candidates, page: Page
) -> tuple[list[int], int | None]:
    """Look at all candidates; return the ids of the page, and how many match (of a later page: None)."""
    among = candidates.ids.subquery("among")
    columns = ORDERS[page.sort] if page.cursor is None else (files.c.id,)
    matching = (
        select(*columns)
        # Not IN, which would sort the candidates first; the sign keeps files from being what leads.
        .select_from(among.join(files, files.c.id == literal_column("+among.id")))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(found.listed, *found.conditions)
    )
    if page.cursor is not None:
        return await _ids(connection, page.apply(matching)), None
    # Kept for a moment, to be counted and sorted: a window function would take twice as long.
    kept = matching.cte("matching").prefix_with("MATERIALIZED")
    total = select(func.count()).select_from(kept).scalar_subquery()
    order = [kept.c[str(column.key)] for column in ORDERS[page.sort]]
    wanted = page.ordered(select(kept.c.id, total.label("total")), order).limit(page.limit + 1)
    rows = (await connection.execute(wanted)).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def _walked(
    connection: AsyncConnection, found: Filter, best: Candidates | None, page: Page
) -> tuple[list[int], int | None]:
    """Walk the index of the order to the rows of the page; return their ids, and a count if one was made."""
    wanted = page.limit + 1
    if not found.sources or _leads(found, page):
        return await _walk(connection, found, page, (page.start, None), wanted), None
    ids: list[int] = []
    passed, likely = page.start, 0.0

    async def walk_on(rows: int, among: AnySelect | None) -> bool:
        """Walk up to so many rows from the start; return whether the page is found."""
        nonlocal passed, likely
        last = await _bound(connection, found, page, rows)
        further = await _walk(connection, found, page, (passed, last), wanted - len(ids), among=among)
        ids.extend(further)
        # As many rows have to be passed if there are as many in all that follows.
        passed, likely = last, rows * wanted / max(len(ids), 0.1)
        return last is None or len(ids) == wanted

    if best is not None:
        if await walk_on(PASSED, best.ids):
            return ids, None
    else:
        for rows in (WALKED, WALKED_ON):
            if likely <= rows and await walk_on(rows, None):
                return ids, None
        best = await fewest(connection, found, COMPARED_AFTER_ALL)
    if best is not None:
        # What is likely is but an estimate: where matches lie together, the walk ends in time.
        if likely < LOOK_COST * best.count and await walk_on(int(2 * likely), best.ids):
            return ids, None
        return await _gathered(connection, found, best, page)
    rest = await _walk(connection, found, page, (passed, None), wanted - len(ids), among=found.sources[0])
    return [*ids, *rest], None


def _leads(found: Filter, page: Page) -> bool:
    """Return whether the only filter is what the index of the order begins with: all that it has matches."""
    if len(found.sources) != 1:
        return False
    if found.client is not None:
        return _index(found, page) in OF_CLIENT
    return page.sort in found.leading or page.sort in found.between


def _index(found: Filter, page: Page) -> str:
    return page.index(deleted=found.deleted, of_client=found.client is not None)


def _along(found: Filter, page: Page, span: Span, *columns: ColumnElement[Any]) -> list[AnySelect]:
    """Select along the index of the order what follows a row, up to another one, as stretches in order."""
    index = _index(found, page)
    wanted = select(*columns).with_hint(files, f"INDEXED BY {index}", "sqlite").where(found.listed)
    if found.client is not None and index in OF_CLIENT:
        wanted = wanted.where(files.c.client_name == found.client.name)
    elif page.sort in found.leading:
        wanted = wanted.where(found.leading[page.sort])
    within = found.between.get(page.sort, (None, None))
    return [page.ordered(wanted.where(*each)) for each in page.stretches(*span, within)]


async def _walk(
    connection: AsyncConnection,
    found: Filter,
    page: Page,
    span: Span,
    most: int,
    *,
    among: AnySelect | None = None,
) -> list[int]:
    """Return ids along the index of the order, if wanted only those that are among candidates."""
    conditions = found.conditions
    if among is not None:
        # Entries of the index are compared. The sign keeps the candidates from being what leads the search.
        conditions = [literal_column("+files.id").in_(among), *conditions]
    ids: list[int] = []
    for stretch in _along(found, page, span, files.c.id):
        if (left := most - len(ids)) > 0:
            ids += await _ids(connection, stretch.where(*conditions).limit(left))
    return ids


async def _bound(connection: AsyncConnection, found: Filter, page: Page, count: int) -> Key | None:
    """Return the key of the row up to which ``count`` rows are walked; None where fewer follow."""
    for stretch in _along(found, page, (page.start, None), *ORDERS[page.sort]):
        following = stretch.limit(1).offset(count)
        if (row := (await connection.execute(following)).one_or_none()) is not None:
            return tuple(row)
    return None


async def _count(connection: AsyncConnection, found: Filter, best: Candidates | None) -> tuple[int, bool]:
    """Count what matches, up to one more than the cap; return whether all candidates were looked at."""
    if found.whole_client:
        return await _counted_already(connection, found), True
    among = (found.sources[0] if best is None else best.ids).limit(LOOKED_AT).subquery("among")
    matching = (
        select(literal_column("1"))
        .select_from(among.join(files, files.c.id == literal_column("+among.id")))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(found.listed, *found.conditions)
        .limit(COUNT_CAP + 1)
    )
    count = (await connection.execute(select(func.count()).select_from(matching.subquery()))).scalar_one()
    return count, best is not None and best.count <= LOOKED_AT


async def _counted_already(connection: AsyncConnection, found: Filter) -> int:
    """Return what the counters of one client or of all say."""
    columns = (
        (clients.c.deleted_count,) if found.deleted else (clients.c.file_count, clients.c.vanished_count)
    )
    wanted = select(sum((summed(column) for column in columns), start=literal_column("0")))
    if found.client is not None:
        wanted = wanted.where(clients.c.no == found.client.no)
    return (await connection.execute(wanted)).scalar_one()


async def _ids(connection: AsyncConnection, wanted: AnySelect) -> list[int]:
    return list((await connection.execute(wanted)).scalars().all())


def _page_of_rows(page: Page, fetched: Sequence[AnyRow], total: int, capped: bool) -> FilePage:
    rows, before, after = page.split(fetched)
    # Of a page that is too large those rows are told that lie next to where it begins.
    if page.backwards and (count := fitting(rows[::-1])) < len(rows):
        rows, before = rows[-count:], True
    elif (count := fitting(rows)) < len(rows):
        rows, after = rows[:count], True
    return FilePage(
        rows=tuple(readable(rows, file_of)),
        next_cursor=page.cursor_at(rows[-1], "after") if rows and after else None,
        previous_cursor=page.cursor_at(rows[0], "before") if rows and before else None,
        last_cursor=page.cursor_at(None, "last") if rows and after else None,
        total=total,
        total_capped=capped,
    )
