"""Pages of files: every order, filter and search for text in about the same time, at millions of files.

Where few files can match, all of them are looked at and sorted. Where very many match, the index of the order
is walked: most pages are soon found. In between, and where one is not, the walk compares what it passes with
the numbers of the candidates, so that no row is read that cannot match.
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
LOOKED_AT = 40_000
"""Counting stops, too, after so many candidates: of some filters few of them match."""
WALKED = 10_000
"""Rows that are read for one page where more are candidates, before their numbers are compared after all."""
PASSED = 60_000
"""Entries of an index that are compared with numbers of candidates, before all of these are looked at."""


async def file_page(connection: AsyncConnection, query: FileQuery, page: Page) -> FilePage:
    """Return a page; raises UnknownClient, or BadQuery where the row that it starts from is gone."""
    page, all_looked_at = await _whole(connection, page), True
    found = await filter_of(connection, query)
    best = await fewest(connection, found)
    if best is not None and best.count <= file_filter.GATHERED:
        ids, total = await _gathered(connection, found, best, page)
    else:
        ids, counted = await _walked(connection, found, best, page)
        total = counted
        if not counted and page.cursor is None:
            total, all_looked_at = await _count(connection, found, best)
            total = max(total, len(ids))
    if page.cursor is None:
        total, capped = min(total, COUNT_CAP), total > COUNT_CAP or not all_looked_at
    else:
        total, capped = page.cursor.total, page.cursor.capped
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
) -> tuple[list[int], int]:
    """Look at all candidates; return the ids of the page, and how many match (of a later page: none)."""
    total = func.count().over() if page.cursor is None else literal_column("0")
    matching = (
        select(files.c.id, total.label("total"))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(found.listed, files.c.id.in_(candidates.ids), *found.conditions)
    )
    rows = (await connection.execute(page.apply(matching))).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def _walked(
    connection: AsyncConnection, found: Filter, best: Candidates | None, page: Page
) -> tuple[list[int], int]:
    """Walk the index of the order to the rows of the page; return their ids, and a count if one was made."""
    walk = _along(found, page, files.c.id).where(*found.conditions)
    if not found.sources:
        return await _walk(connection, page, walk, None), 0
    if best is None:
        last = await _bound(connection, found, page, WALKED)
        ids = await _walk(connection, page, walk, last)
        if last is None or len(ids) > page.limit:
            return ids, 0
    # What the walk passes is compared with the numbers of the candidates. The sign keeps these from being
    # what leads the search.
    among = found.sources[0] if best is None else best.ids
    walk = walk.where(literal_column("+files.id").in_(among))
    last = None if best is None else await _bound(connection, found, page, PASSED)
    ids = await _walk(connection, page, walk, last)
    if best is None or last is None or len(ids) > page.limit:
        return ids, 0
    # All matches lie together far away, as names do that begin alike.
    return await _gathered(connection, found, best, page)


def _along(found: Filter, page: Page, *columns: ColumnElement[Any]) -> AnySelect:
    """Select along the index of the order."""
    index = page.index(deleted=found.deleted, of_client=found.client is not None)
    wanted = select(*columns).with_hint(files, f"INDEXED BY {index}", "sqlite").where(found.listed)
    if found.client is not None and index in OF_CLIENT:
        wanted = wanted.where(files.c.client_name == found.client.name)
    elif page.sort in found.leading:
        wanted = wanted.where(found.leading[page.sort])
    return wanted


async def _walk(connection: AsyncConnection, page: Page, walk: AnySelect, last: Key | None) -> list[int]:
    """Return ids along an index, one more than the page has rows."""
    ids: list[int] = []
    for stretch in page.stretches(last):
        if (left := page.limit + 1 - len(ids)) > 0:
            ids += await _ids(connection, page.ordered(walk.where(*stretch)).limit(left))
    return ids


async def _bound(connection: AsyncConnection, found: Filter, page: Page, count: int) -> Key | None:
    """Return the key of the row up to which ``count`` rows are walked; None where fewer follow."""
    along = _along(found, page, *ORDERS[page.sort])
    for stretch in page.stretches():
        following = page.ordered(along.where(*stretch)).limit(1).offset(count)
        if (row := (await connection.execute(following)).one_or_none()) is not None:
            return tuple(row)
    return None


async def _count(connection: AsyncConnection, found: Filter, best: Candidates | None) -> tuple[int, bool]:
    """Count what matches, up to one more than the cap; return whether all candidates were looked at."""
    if found.whole_client:
        return await _counted_already(connection, found), True
    first = found.sources[0]
    among = (first if best is None else best.ids).limit(LOOKED_AT).subquery("among")
    also = [] if best is None or best.ids is first else [among.c.id.in_(first)]
    matching = (
        select(literal_column("1"))
        .select_from(among.join(files, files.c.id == among.c.id))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(*also, found.listed, *found.conditions)
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
        next_cursor=page.cursor_at(rows[-1], "after", total, capped) if rows and after else None,
        previous_cursor=page.cursor_at(rows[0], "before", total, capped) if rows and before else None,
        last_cursor=page.cursor_at(None, "last", total, capped) if rows and after else None,
        total=total,
        total_capped=capped,
    )
