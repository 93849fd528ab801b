"""Pages of files: every order, filter and search for text in about the same time, at millions of files.

Where few files can match, all of them are looked at and sorted. Where very many match, the index of the order
is walked: most pages are soon found. In between, and where one is not, the walk compares what it passes with
the numbers of the candidates, so that no row is read that cannot match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec.structs import replace as replace_fields
from sqlalchemy import ColumnElement, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import search
from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.clients import unknown
from app.catalogue.errors import BadQuery
from app.catalogue.paging import OF_CLIENT, ORDERS, Key, Page
from app.catalogue.paths import key_of
from app.catalogue.readable import fitting, readable
from app.catalogue.rows import PRESENT, REMOVED, file_of, select_files
from app.catalogue.schema import clients, files, sequences
from app.catalogue.times import to_us
from app.catalogue.totals import summed
from streams.records.files import FilePage, FileQuery
from streams.vocabulary import FileState

COUNT_CAP = 10_000
"""Counting stops here: nobody reads further, and it would freeze on a million rows."""
GATHERED = 20_000
"""Candidates that are all looked at, at most."""
FEW = 1000
"""Where so few are found, no other source is asked."""
SPARSE_RATIO = 0.02
"""The share of all files up to which the numbers of candidates are of use."""
WALKED = 10_000
"""Rows that are read for one page where more are candidates, before their numbers are compared after all."""
PASSED = 60_000
"""Entries of an index that are compared with numbers of candidates, before all of these are looked at."""

# The words of the partial indexes: without them SQLite does not use these.
_LISTED = text("files.kind != 'folder' AND files.deleted_at IS NULL")
_DELETED = text("files.kind != 'folder' AND files.deleted_at IS NOT NULL")


@dataclass(slots=True)
class Filter:
    """What the files of a query fulfil, and what finds candidates for it."""

    listed: Any
    """Which of the two sets of indexes has them: those that are there, or the deleted ones."""
    deleted: bool
    total_files: int
    conditions: list[ColumnElement[bool]] = field(default_factory=list[ColumnElement[bool]])
    sources: list[AnySelect] = field(default_factory=list[AnySelect])
    """Selects of ids; all matching files are among each."""
    leading: dict[str, ColumnElement[bool]] = field(default_factory=dict[str, ColumnElement[bool]])
    """By order: the condition that names the one value of its first column."""
    client: AnyRow | None = None
    whole_client: bool = True
    """No other filter than a client is set: its counters tell how many there are."""

    def narrow(self, condition: ColumnElement[bool], *sources: AnySelect) -> None:
        """Add a condition that is no client."""
        self.conditions.append(condition)
        self.sources += sources
        self.whole_client = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """A select of ids of which all matching files are part, and how many they are."""

    ids: AnySelect
    count: int


async def file_page(connection: AsyncConnection, query: FileQuery, page: Page) -> FilePage:
    """Return a page; raises UnknownClient, or BadQuery where the row that it starts from is gone."""
    page = await _whole(connection, page)
    found = await _filter(connection, query)
    best = await _fewest(connection, found)
    if best is not None and best.count <= GATHERED:
        ids, total = await _gathered(connection, found, best, page)
    else:
        ids, counted = await _walked(connection, found, best, page)
        total = counted or (await _count(connection, found, best) if page.cursor is None else 0)
    if page.cursor is None:
        total, capped = min(total, COUNT_CAP), total > COUNT_CAP
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


async def _filter(connection: AsyncConnection, query: FileQuery) -> Filter:
    deleted = query.state is FileState.DELETED
    total = await connection.execute(select(sequences.c.value).where(sequences.c.name == "files"))
    found = Filter(_DELETED if deleted else _LISTED, deleted, total.scalar_one())
    ids = select(files.c.id).where(found.listed)
    removed = (await connection.execute(REMOVED)).scalars().all()
    if removed:
        found.conditions.append(files.c.client_no.not_in(removed))
    if query.client_id is not None:
        wanted = select(clients.c.no, clients.c.name).where(clients.c.id == query.client_id, PRESENT)
        found.client = (await connection.execute(wanted)).one_or_none()
        if found.client is None:
            raise unknown(query.client_id)
        # The name leads to the index, the number tells it from a removed client of the same name.
        found.conditions.append(files.c.client_name == found.client.name)
        found.conditions.append(files.c.client_no == found.client.no)
        found.sources.append(select(files.c.id).where(files.c.client_no == found.client.no))
    if query.state is not None and not deleted:
        state = files.c.state == query.state.value
        found.narrow(state, ids.where(state))
        found.leading["state"] = state
    suffix = None if query.suffix is None else query.suffix.lower().removeprefix(".")
    if suffix is not None:
        found.leading["suffix"] = files.c.suffix == suffix
        found.narrow(found.leading["suffix"], ids.where(found.leading["suffix"]))
    wanted_text = key_of(query.text)
    if wanted_text:
        found.narrow(func.instr(files.c.path_key, wanted_text) > 0)
    for column, least, most in (
        (files.c.size_bytes, query.min_bytes, query.max_bytes),
        (files.c.backed_up_at, to_us(query.since), to_us(query.until)),
    ):
        if (bounds := _between(column, least, most)) is not None:
            found.narrow(bounds, ids.where(bounds))
    if deleted and (found.sources or wanted_text):
        # Not many are deleted: their paths are compared in an index that has them alone.
        paths = ids.with_hint(files, "INDEXED BY ix_files_deleted_path", "sqlite")
        found.sources.append(
            paths.where(func.instr(files.c.path_key, wanted_text) > 0) if wanted_text else ids
        )
    if (source := _by_text(wanted_text, found.client, suffix)) is not None:
        # First: it is a part of what the others find.
        found.sources.insert(0, source)
    return found


def _between(column: ColumnElement[Any], least: int | None, most: int | None) -> ColumnElement[bool] | None:
    if least is not None and most is not None:
        return column.between(least, most)
    if least is not None:
        return column >= least
    return None if most is None else column <= most


def _by_text(wanted: str, client: AnyRow | None, suffix: str | None) -> AnySelect | None:
    """Return what finds candidates by the full-text index, where it can tell more than another index."""
    if 0 < len(wanted) < search.TRIGRAM:
        first, last = search.beginning_with(wanted)
        return (
            select(literal_column("files_trigrams.doc").label("id"))
            .select_from(text("files_trigrams"))
            .where(text("term >= :first AND term <= :last").bindparams(first=first, last=last))
            .distinct()
        )
    if not wanted and (client is None or not suffix):
        return None
    question = search.candidates(wanted, client_no=None if client is None else client.no, suffix=suffix)
    if question is None:
        # All its trigrams have a NUL, which no path has.
        return select(files.c.id).where(literal_column("0"))
    return (
        select(literal_column("files_text.rowid").label("id"))
        .select_from(text("files_text"))
        .where(text("files_text MATCH :question").bindparams(question=question))
    )


async def _fewest(connection: AsyncConnection, found: Filter) -> Candidates | None:
    """Return the source with the fewest candidates; None where each has so many that they are of no use."""
    best: Candidates | None = None
    most = max(GATHERED, int(found.total_files * SPARSE_RATIO))
    for ids in found.sources:
        counted = select(func.count()).select_from(ids.limit(most + 1).subquery())
        count = (await connection.execute(counted)).scalar_one()
        if count <= most:
            best, most = Candidates(ids, count), count
        if count <= FEW:
            break
    return best


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


async def _count(connection: AsyncConnection, found: Filter, best: Candidates | None) -> int:
    """Count what matches, up to one more than the cap."""
    if found.whole_client:
        return await _counted_already(connection, found)
    first = found.sources[0]
    among = (first if best is None else best.ids).subquery("among")
    also = [] if best is None or best.ids is first else [among.c.id.in_(first)]
    matching = (
        select(literal_column("1"))
        .select_from(among.join(files, files.c.id == among.c.id))
        .with_hint(files, "NOT INDEXED", "sqlite")
        .where(*also, found.listed, *found.conditions)
        .limit(COUNT_CAP + 1)
    )
    return (await connection.execute(select(func.count()).select_from(matching.subquery()))).scalar_one()


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
