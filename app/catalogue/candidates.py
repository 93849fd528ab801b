"""Ids of the files that may match a query: listed from its indexes, looked at, and sorted.

A list of ids is read as one text in JSON: an id of it costs a tenth of a row of an answer. A row of the table
that is looked at costs as much as ten entries of an index.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnySelect
from app.catalogue.file_filter import Filter
from app.catalogue.paging import ORDERS, Page
from app.catalogue.schema import files

MAX_GATHERED = 12_000
"""Candidates that are all looked at, at most, before the order is walked."""
MAX_OF_TEXT = 300_000
"""Ids of the full-text index that are compared with those of others: to look at these would cost more."""
CONFIRMED_AT_ONCE = 500

_IDS = msgspec.json.Decoder(list[int])


async def ids_of(connection: AsyncConnection, wanted: AnySelect) -> list[int]:
    """Return the ids that a select finds, in its order."""
    listed = select(func.json_group_array(literal_column("listed.id"))).select_from(wanted.subquery("listed"))
    return _IDS.decode((await connection.execute(listed)).scalar_one())


async def candidates_of(
    connection: AsyncConnection, found: Filter, most: int, *, enough: int
) -> list[int] | None:
    """Return the ids that the short sources have in common, in order; None where each has more than ``most``.

    No further source is asked where they are ``enough`` or fewer.
    """
    best: list[int] | None = None
    for source in found.sources:
        if best is not None:
            if source is found.by_letters:
                # What has a letter may be nearly all, and most pages are found without.
                break
        elif source is found.by_letters:
            # A file stands in it with each of its trigrams.
            most //= 2
        ids = await _listed(connection, found, source, most)
        if ids is not None:
            if source is found.by_letters:
                ids = list(set(ids))
            best = ids if best is None else _common(best, ids)
            if len(best) <= enough:
                break
    if best is not None and len(best) > enough and await _is_soon_listed(connection, found, most):
        ids = await _of_text(connection, found, 2 * MAX_OF_TEXT)
        best = _common(best, ids) if len(ids) <= 2 * MAX_OF_TEXT else best
    # In the end alone: to sort what an index of sizes has takes longer than to read it.
    return None if best is None else sorted(best)


def _common(some: Sequence[int], others: Sequence[int]) -> list[int]:
    shorter, longer = sorted((some, others), key=len)
    return list(filter(set(shorter).__contains__, longer))


async def _listed(
    connection: AsyncConnection, found: Filter, source: AnySelect, most: int
) -> list[int] | None:
    """Return the ids that a source finds; None for more than ``most``."""
    if found.in_order and source is found.by_text:
        ids = await _of_text(connection, found, most)
    else:
        wanted = source.limit(most + 1)
        if source is not found.by_text:
            # To count costs a third of a list.
            some = select(func.count()).select_from(wanted.subquery())
            if (await connection.execute(some)).scalar_one() > most:
                return None
        ids = await ids_of(connection, wanted)
    return ids if len(ids) <= most else None


async def _of_text(connection: AsyncConnection, found: Filter, most: int) -> list[int]:
    """Return the ids that the full-text index finds, up to one more than ``most``; it is not asked again."""
    source, head = found.by_text, found.head
    assert source is not None
    if head:
        source = source.where(text("files_text.rowid > :behind").bindparams(behind=head[-1]))
    if len(head) <= most:
        found.head = [*head, *await ids_of(connection, source.limit(most + 1 - len(head)))]
    return found.head


async def _is_soon_listed(connection: AsyncConnection, found: Filter, most: int) -> bool:
    """Return whether the text has more files than were listed, and not many more: as these tell."""
    if not found.in_order or not found.head or len(found.head) <= most:
        return False
    newest = (await connection.execute(select(func.max(files.c.id)))).scalar_one()
    return len(found.head) * newest <= MAX_OF_TEXT * found.head[-1]


def looked_at(found: Filter, among: AnySelect) -> AnySelect:
    """Select the rows of those candidates that match."""
    candidates = among.subquery("among")
    return (
        select()
        # Not IN, which would sort the candidates first; the sign keeps files from being what leads.
        .select_from(candidates.join(files, files.c.id == literal_column("+among.id")))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(found.listed, *found.conditions)
    )


def among(ids: Sequence[int]) -> AnySelect:
    """Select the ids of a list."""
    listed = text("json_each(:ids) AS listed").bindparams(ids=msgspec.json.encode(ids).decode())
    return select(literal_column("listed.value").label("id")).select_from(listed)


async def gathered(
    connection: AsyncConnection, found: Filter, ids: Sequence[int], page: Page
) -> tuple[list[int], int | None]:
    """Look at all candidates; return the ids of the page, and how many match (of a later page: None)."""
    matching = looked_at(found, among(ids))
    if page.cursor is not None:
        wanted = page.apply(matching.add_columns(files.c.id))
        return list((await connection.execute(wanted)).scalars().all()), None
    # Kept for a moment, to be counted and sorted: a window function would take twice as long.
    kept = matching.add_columns(*ORDERS[page.sort]).cte("matching").prefix_with("MATERIALIZED")
    total = select(func.count()).select_from(kept).scalar_subquery()
    order = [kept.c[str(column.key)] for column in ORDERS[page.sort]]
    wanted = page.ordered(select(kept.c.id, total.label("total")), order).limit(page.limit + 1)
    rows = (await connection.execute(wanted)).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def confirmed(connection: AsyncConnection, found: Filter, ids: Sequence[int], most: int) -> list[int]:
    """Return the first candidates that match, at most so many, in the order in which they are given."""
    matching: list[int] = []
    for start in range(0, len(ids), CONFIRMED_AT_ONCE):
        if len(matching) >= most:
            break
        part = ids[start : start + CONFIRMED_AT_ONCE]
        kept = set(await ids_of(connection, looked_at(found, among(part)).add_columns(files.c.id)))
        matching += [each for each in part if each in kept]
    return matching[:most]
