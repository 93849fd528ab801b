"""Walks along the index of an order: to the rows of a page, or past the ids of the candidates.

Where the candidates are spread over the order, the page is soon found from where it begins. Where they lie
together, as names do that begin alike and files of one day, a sample of them tells where: there the index is
walked, and only the candidates that are not met there are looked at.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.candidates import among as among_ids
from app.catalogue.candidates import confirmed, gathered, ids_of, looked_at
from app.catalogue.file_filter import Filter
from app.catalogue.paging import OF_CLIENT, ORDERS, Key, Page
from app.catalogue.schema import files

SAMPLE = 500
"""Candidates that are looked at first: how many of them match, and where these are in the order."""
PASSED = 10_000
"""Entries of an index that are compared with the candidates at first; then as many as before again."""
NEAR = 80_000
"""Entries within which the next match of the sample stands, if the walk is to go on from the start."""
FARTHER = 240_000
"""The same where there are fewer candidates than ``NEAR``, all of which might be looked at otherwise."""
WALK_COST = 5
"""At most so many entries are, for each candidate: it costs half of what it costs to look at all."""
MAX_OF_LETTERS = 200_000
"""Entries of one letter or two that are listed where still more would have to be compared."""
STEP = 8000
"""Entries that are compared first at the place of a match."""
MAX_STEP = 32_000
LOOK_COST = 10
"""A place is left where it takes so many entries to find a candidate: to look at one costs no more."""
MAX_IN_VAIN = 6
"""Places that had too few."""
MAX_LEFT = 4000
"""Candidates that no place had, and that are looked at."""

Span = tuple[Key | None, Key | None]
"""The row behind which a walk starts, and the last one of it."""


def leads(found: Filter, page: Page) -> bool:
    """Return whether the only filter is what the index of the order begins with: all that it has matches."""
    if len(found.sources) != 1 or found.by_text is not None:
        return False
    if found.client is not None:
        return _index(found, page) in OF_CLIENT
    return page.sort in found.leading or page.sort in found.between


def _index(found: Filter, page: Page) -> str:
    return page.index(deleted=found.deleted, of_client=found.client is not None)


def along(found: Filter, page: Page, span: Span, *columns: ColumnElement[Any]) -> list[AnySelect]:
    """Select along the index of the order what follows a row, up to another one, as stretches in order."""
    index = _index(found, page)
    wanted = select(*columns).with_hint(files, f"INDEXED BY {index}", "sqlite").where(found.listed)
    if found.client is not None and index in OF_CLIENT:
        wanted = wanted.where(files.c.client_name == found.client.name)
    elif page.sort in found.leading:
        wanted = wanted.where(found.leading[page.sort])
    within = found.between.get(page.sort, (None, None))
    return [page.ordered(wanted.where(*each)) for each in page.stretches(*span, within)]


async def read_along(
    connection: AsyncConnection,
    found: Filter,
    page: Page,
    span: Span,
    most: int,
    *,
    among: AnySelect | None = None,
) -> list[int]:
    """Return ids of rows that match, along the index; if wanted only of those that are among candidates."""
    conditions = found.conditions
    if among is not None:
        # Entries of the index are compared. The sign keeps the candidates from being what leads the search.
        conditions = [literal_column("+files.id").in_(among), *conditions]
    ids: list[int] = []
    for stretch in along(found, page, span, files.c.id):
        if (left := most - len(ids)) > 0:
            ids += (await connection.execute(stretch.where(*conditions).limit(left))).scalars().all()
    return ids


async def bound(connection: AsyncConnection, found: Filter, page: Page, count: int) -> Key | None:
    """Return the key of the row up to which ``count`` rows are walked; None where fewer follow."""
    for stretch in along(found, page, (page.start, None), *ORDERS[page.sort]):
        following = stretch.limit(1).offset(count)
        if (row := (await connection.execute(following)).one_or_none()) is not None:
            return tuple(row)
    return None


def one_after_the_other(stretches: Sequence[AnySelect], most: int) -> AnySelect:
    """Return one select of the first ids of several: each statement costs as much as 2,000 entries."""
    if len(stretches) == 1:
        return stretches[0].limit(most)
    parts = [select(stretch.limit(most).subquery().c.id) for stretch in stretches]
    whole = union_all(*parts).subquery()
    return select(whole.c.id).limit(most)


class Comparison:
    """Compares the entries of an index with the ids of the candidates, which it does not look at."""

    def __init__(
        self, connection: AsyncConnection, found: Filter, page: Page, candidates: Sequence[int]
    ) -> None:
        self._connection = connection
        self._found = found
        self._page = page
        self._wanted = page.limit + 1
        self._candidates = candidates
        self._left = set(candidates)

    async def ids(self) -> list[int]:
        """Return the ids of the page, in its order."""
        places = await self._places()
        candidates = len(self._left)
        newest = (await self._connection.execute(select(func.max(files.c.id)))).scalar_one()
        # As far as this if matches were spread evenly over the order.
        likely = newest * self._wanted * min(SAMPLE, candidates) / (candidates * max(len(places), 0.1))
        ids: list[int] = []
        if likely <= WALK_COST * candidates:
            ids, complete = await self._from_start(int(1.5 * likely), places)
            if complete:
                return ids
        elif self._found.by_letters is not None:
            letters = await ids_of(self._connection, self._found.by_letters.limit(MAX_OF_LETTERS + 1))
            if len(letters) <= MAX_OF_LETTERS:
                self._left.intersection_update(letters)
        met = await self._at_places(places)
        met = await confirmed(self._connection, self._found, met, self._wanted)
        return (await gathered(self._connection, self._found, [*ids, *met, *self._left], self._page))[0]

    async def _from_start(self, most: int, places: Sequence[AnyRow]) -> tuple[list[int], bool]:
        """Walk from where the page begins as far as is likely; return whether the page was found."""
        ids: list[int] = []
        at, rows, passed = self._page.start, PASSED, 0
        near = FARTHER if len(self._candidates) < NEAR else NEAR
        while True:
            met, at = await self._walk((at, None), rows)
            ids += await confirmed(self._connection, self._found, met, self._wanted - len(ids))
            if at is None or len(ids) >= self._wanted:
                return ids, True
            passed += rows
            if passed == PASSED and most < near and await self._is_near(places, near):
                most = near
            rows = min(passed, most - passed)
            if rows <= 0:
                return ids, False

    async def _is_near(self, places: Sequence[AnyRow], near: int) -> bool:
        """Return whether a match of the sample follows soon, or the end where none does."""
        last = await bound(self._connection, self._found, self._page, near)
        following = (tuple(place)[:-1] for place in places if place.behind and place.id in self._left)
        if last is None or (place := next(following, None)) is None:
            return last is None
        return place > last if self._page.falling else place < last

    async def _places(self) -> Sequence[AnyRow]:
        """Return sort values of some that match, in order, and whether each is behind the page's start."""
        page, columns = self._page, ORDERS[self._page.sort]
        every = -(-len(self._candidates) // SAMPLE)
        sample = looked_at(self._found, among_ids(self._candidates[::every]))
        behind: ColumnElement[Any] = literal_column("1")
        if page.start is not None:
            here, start = tuple_(*columns), tuple_(*page.start)
            behind = here < start if page.falling else here > start
        wanted = page.ordered(sample.add_columns(*columns, behind.label("behind")))
        return (await self._connection.execute(wanted)).all()

    async def _at_places(self, places: Sequence[AnyRow]) -> list[int]:
        """Walk where candidates lie close together; return those behind the page's start, in order."""
        first = sum(not place.behind for place in places)
        # Parts of the list, and where the walk through each ends: behind the last place hardly any follow.
        # The largest is divided in its middle.
        end_of_all = tuple(places[-1])[:-1] if places else None
        parts: list[tuple[int, int, Key | None]] = [
            (0, first, self._page.start),
            (first, len(places), end_of_all),
        ]
        met_from: dict[int, list[int]] = {}
        in_vain = 0
        while len(self._left) > MAX_LEFT and in_vain < MAX_IN_VAIN:
            start, end, last = part = max(parts, key=lambda each: each[1] - each[0])
            if start == end:
                break
            parts.remove(part)
            middle = (start + end) // 2
            key = tuple(places[middle])[:-1]
            met_from[middle], worth = await self._at_place(key, last)
            in_vain += not worth
            after = middle + 1
            while after < end and places[after].id not in self._left:
                after += 1
            parts += [(start, middle, key), (after, end, last)]
        return [each for number in sorted(met_from) if number >= first for each in met_from[number]]

    async def _at_place(self, key: Key, last: Key | None) -> tuple[list[int], bool]:
        """Walk from a candidate on while others are near; return them, and whether it was worth it."""
        file_id = key[-1]
        assert isinstance(file_id, int)
        self._left.discard(file_id)
        met, at, rows = [file_id], key, STEP
        while at is not None:
            more, at = await self._walk((at, last), rows)
            met += more
            if len(more) * LOOK_COST < rows:
                break
            rows = min(2 * rows, MAX_STEP)
        return met, len(met) * LOOK_COST >= STEP

    async def _walk(self, span: Span, most: int) -> tuple[list[int], Key | None]:
        """Return the candidates among the next entries, and the last one's key; None if no more follow."""
        stretches = along(self._found, self._page, span, files.c.id)
        ids = await ids_of(self._connection, one_after_the_other(stretches, most))
        met = list(filter(self._left.__contains__, ids))
        self._left.difference_update(met)
        if len(ids) < most:
            return met, None
        last = await self._connection.execute(select(*ORDERS[self._page.sort]).where(files.c.id == ids[-1]))
        return met, tuple(last.one())
