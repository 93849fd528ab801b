"""Pages of files: every order, filter and search for text in about the same time, at millions of files.

Where few files can match, all of them are looked at and sorted. Where more can, the index of the order is
walked: its entries are compared with the ids of the candidates, so that no row is read that cannot match.
Where very many can, the rows themselves are read: a page is soon found.
"""

from collections.abc import Sequence
from dataclasses import replace

from msgspec.structs import replace as replace_fields
from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow
from app.catalogue.candidates import MAX_GATHERED, among, candidates_of, gathered, looked_at
from app.catalogue.errors import BadQuery
from app.catalogue.file_filter import Filter, filter_of
from app.catalogue.index_walk import Comparison, bound, leads, read_along
from app.catalogue.paging import ORDERS, Page
from app.catalogue.readable import fitting, readable
from app.catalogue.rows import file_of, select_files
from app.catalogue.schema import clients, files
from app.catalogue.totals import summed
from streams.model.files import FilePage, FileQuery

COUNT_CAP = 10_000
"""Counting stops here: nobody reads further, and it would freeze on a million rows."""
LOOKED_AT = 3000
"""Counting stops, too, after so many candidates: of some filters few of them match."""
MAX_LISTED = 100_000
"""Candidates that are listed at most: where more are, a page is soon found."""
READ_FIRST = 2000
"""Rows that are read along the order where very many are candidates, before it is judged whether to go on."""
MAX_READ = 30_000
"""Rows up to which they are read if that is likely to find the page."""
LISTED_AFTER_ALL = 600_000
"""Candidates that are listed at most where it is not."""


async def file_page(connection: AsyncConnection, query: FileQuery, page: Page) -> FilePage:
    """Return a page; raises UnknownClient, or BadQuery where the row that it starts from is gone."""
    page, all_looked_at = await _whole(connection, page), True
    found = await filter_of(connection, query)
    listed = await candidates_of(connection, found, MAX_LISTED, enough=MAX_GATHERED)
    ids: list[int]
    counted: int | None = None
    if leads(found, page) or not found.sources:
        ids = await read_along(connection, found, page, (page.start, None), page.limit + 1)
    elif listed is None:
        ids = await _read(connection, found, page)
    else:
        ids, counted = await _among(connection, found, listed, page)
    total = counted or 0
    if counted is None:
        # Counted for each page anew: files come and go while somebody turns the pages.
        total, all_looked_at = await _count(connection, found, listed)
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


async def _read(connection: AsyncConnection, found: Filter, page: Page) -> list[int]:
    """Read the rows along the order to the page; return their ids."""
    wanted = page.limit + 1
    ids: list[int] = []
    passed, rows = page.start, READ_FIRST
    while rows <= MAX_READ:
        last = await bound(connection, found, page, rows)
        ids += await read_along(connection, found, page, (passed, last), wanted - len(ids))
        if last is None or len(ids) == wanted:
            return ids
        # As many rows have to be read if there are as many in all that follows; a little is chance.
        passed, rows = last, max(2 * rows, rows * wanted // (len(ids) + 2))
    listed = await candidates_of(connection, found, LISTED_AFTER_ALL, enough=LISTED_AFTER_ALL)
    if listed is not None:
        return (await _among(connection, found, listed, page))[0]
    span = (passed, None)
    return ids + await read_along(connection, found, page, span, wanted - len(ids), among=found.sources[0])


async def _among(
    connection: AsyncConnection, found: Filter, listed: Sequence[int], page: Page
) -> tuple[list[int], int | None]:
    """Return the ids of the page, and how many match where that is known then."""
    if len(listed) <= MAX_GATHERED:
        return await gathered(connection, found, listed, page)
    return await Comparison(connection, found, page, listed).ids(), None


async def _count(
    connection: AsyncConnection, found: Filter, listed: Sequence[int] | None
) -> tuple[int, bool]:
    """Count what matches, up to one more than the cap; return whether all candidates were looked at."""
    if found.whole_client:
        return await _counted_already(connection, found), True
    if found.all_match:
        counted = select(func.count()).select_from(found.sources[0].limit(COUNT_CAP + 1).subquery())
        return (await connection.execute(counted)).scalar_one(), True
    if listed is not None:
        some = among(listed[:LOOKED_AT])
    else:
        source = found.sources[0]
        some = (source.distinct() if source is found.by_letters else source).limit(LOOKED_AT)
    matching = looked_at(found, some).add_columns(literal_column("1")).limit(COUNT_CAP + 1)
    count = (await connection.execute(select(func.count()).select_from(matching.subquery()))).scalar_one()
    return count, listed is not None and len(listed) <= LOOKED_AT


async def _counted_already(connection: AsyncConnection, found: Filter) -> int:
    """Return what the counters of one client or of all say."""
    columns = (
        (clients.c.deleted_count,) if found.deleted else (clients.c.file_count, clients.c.vanished_count)
    )
    wanted = select(sum((summed(column) for column in columns), start=literal_column("0")))
    if found.client is not None:
        wanted = wanted.where(clients.c.no == found.client.no)
    return (await connection.execute(wanted)).scalar_one()


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
