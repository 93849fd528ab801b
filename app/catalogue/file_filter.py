"""The conditions of a file query, and the indexes that find candidates for it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import search
from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.clients import unknown
from app.catalogue.paths import key_of
from app.catalogue.rows import PRESENT, REMOVED
from app.catalogue.schema import clients, files
from app.catalogue.times import to_us
from streams.model.files import FileQuery
from streams.model.vocabulary import FileState

MAX_ASKED = 3
"""Trigrams that the full-text index is asked for: each costs as much as it has files."""
RARITY_SAMPLE = 1000
"""Files by which it is judged how rare a trigram is."""
TELLING_SAMPLE = 200
"""Files with the rarest, by which it is judged what another trigram tells."""
TELLING = 0.9
"""The share of them that have a trigram that is still worth to be asked for."""
COMPARED_OF_CLIENT = 300_000
"""Paths of a client that are compared with one letter or two, at most: they are in its index."""


# The words of the partial indexes: without them SQLite does not use these.
_LISTED = text("files.kind != 'folder' AND files.deleted_at IS NULL")
_DELETED = text("files.kind != 'folder' AND files.deleted_at IS NOT NULL")


@dataclass(slots=True)
class Filter:
    """What the files of a query fulfil, and what finds candidates for it."""

    listed: Any
    """Which of the two sets of indexes has them: those that are there, or the deleted ones."""
    deleted: bool
    conditions: list[ColumnElement[bool]] = field(default_factory=list[ColumnElement[bool]])
    sources: list[AnySelect] = field(default_factory=list[AnySelect])
    """Selects of ids; all matching files are among each."""
    by_text: AnySelect | None = None
    """The first of the sources, where texts are compared to find it: it is not asked twice."""
    in_order: bool = False
    """Whether ``by_text`` is the full-text index, which gives its ids in order."""
    head: list[int] = field(default_factory=list[int])
    """The first ids of ``by_text`` in order, where more were there than were asked for."""
    by_letters: AnySelect | None = None
    """The last of the sources, where less than a trigram is looked for; it has a file more than once."""
    leading: dict[str, ColumnElement[bool]] = field(default_factory=dict[str, ColumnElement[bool]])
    """By order: the condition that names the one value of its first column."""
    between: dict[str, tuple[int | None, int | None]] = field(
        default_factory=dict[str, tuple[int | None, int | None]]
    )
    """By order: the least and the greatest value of its first column."""
    client: AnyRow | None = None
    whole_client: bool = True
    """No other filter than a client is set: its counters tell how many there are."""

    @property
    def all_match(self) -> bool:
        """Whether each file that the only source finds matches: none need be looked at to be counted."""
        alone = len(self.sources) == len(self.conditions) == 1
        return alone and self.by_text is None and self.by_letters is None

    def narrow(self, condition: ColumnElement[bool], *sources: AnySelect) -> None:
        """Add a condition that is no client."""
        self.conditions.append(condition)
        self.sources += sources
        self.whole_client = False


async def filter_of(connection: AsyncConnection, query: FileQuery) -> Filter:
    """Return the conditions of a query and the sources of candidates; raises UnknownClient."""
    deleted = query.state is FileState.DELETED
    found = Filter(_DELETED if deleted else _LISTED, deleted)
    ids = select(files.c.id).where(found.listed)
    asked_for: list[AnySelect] = []
    removed = (await connection.execute(REMOVED)).scalars().all()
    if removed:
        found.conditions.append(files.c.client_no.not_in(removed))
    if query.client_id is not None:
        wanted = select(clients.c.no, clients.c.name, clients.c.file_count).where(
            clients.c.id == query.client_id, PRESENT
        )
        found.client = (await connection.execute(wanted)).one_or_none()
        if found.client is None:
            raise unknown(query.client_id)
        # The name leads to the index, the number tells it from a removed client of the same name.
        found.conditions.append(files.c.client_name == found.client.name)
        found.conditions.append(files.c.client_no == found.client.no)
        asked_for.append(select(files.c.id).where(files.c.client_no == found.client.no))
        found.sources += asked_for
    if query.state is not None and not deleted:
        state = files.c.state == query.state.value
        found.narrow(state, ids.where(state))
        found.leading["state"] = state
    suffix = None if query.suffix is None else query.suffix.lower().removeprefix(".")
    if suffix is not None:
        found.leading["suffix"] = files.c.suffix == suffix
        of_suffix = ids.where(found.leading["suffix"])
        found.narrow(found.leading["suffix"], of_suffix)
        if suffix and suffix.isascii():
            asked_for.append(of_suffix)
    wanted_text = key_of(query.text)
    if wanted_text:
        found.narrow(func.instr(files.c.path_key, wanted_text) > 0)
    for order, column, least, most in (
        ("size", files.c.size_bytes, query.min_bytes, query.max_bytes),
        ("date", files.c.backed_up_at, to_us(query.since), to_us(query.until)),
    ):
        if (bounds := _between(column, least, most)) is not None:
            found.between[order] = least, most
            # With the sign the order's own index is not entered by them, but where the page starts.
            signed = _between(literal_column(f"+files.{column.key}", BigInteger), least, most)
            assert signed is not None
            found.narrow(signed, ids.where(bounds))
    if deleted and (found.sources or wanted_text):
        # Not many are deleted: their paths are compared in an index that has them alone.
        paths = ids.with_hint(files, "INDEXED BY ix_files_deleted_path", "sqlite")
        found.sources.append(
            paths.where(func.instr(files.c.path_key, wanted_text) > 0) if wanted_text else ids
        )
    await _add_text(connection, found, wanted_text, suffix, asked_for)
    return found


async def _add_text(
    connection: AsyncConnection, found: Filter, wanted: str, suffix: str | None, asked_for: list[AnySelect]
) -> None:
    """Add what finds a text; ``asked_for`` are sources for which the full-text index has trigrams too."""
    short = 0 < len(wanted) < search.TRIGRAM
    client = found.client
    if short and client is not None and client.file_count <= COMPARED_OF_CLIENT and not found.deleted:
        paths = (
            select(files.c.id).where(found.listed).with_hint(files, "INDEXED BY ix_files_client", "sqlite")
        )
        compared = func.instr(files.c.path_key, wanted) > 0
        found.by_text = paths.where(files.c.client_name == client.name, compared)
        found.sources = [found.by_text]
    elif short:
        # Last: to list what has one letter may take seconds, and another filter may find fewer.
        found.by_letters = _by_letters(wanted)
        found.sources.append(found.by_letters)
    elif (source := await _by_text(connection, wanted, client, suffix)) is not None:
        # First: it is a part of what the others find. Those that have trigrams there too are not asked again.
        found.by_text, found.in_order = source, True
        others = [each for each in found.sources if all(each is not other for other in asked_for)]
        found.sources = [source, *others]


def _between(column: ColumnElement[Any], least: int | None, most: int | None) -> ColumnElement[bool] | None:
    if least is not None and most is not None:
        return column.between(least, most)
    if least is not None:
        return column >= least
    return None if most is None else column <= most


def _by_letters(wanted: str) -> AnySelect:
    """Return what finds candidates for one letter or two: all trigrams that begin so."""
    first, last = search.beginning_with(wanted)
    return (
        select(literal_column("files_trigrams.doc").label("id"))
        .select_from(text("files_trigrams"))
        .where(text("term >= :first AND term <= :last").bindparams(first=first, last=last))
    )


async def _by_text(
    connection: AsyncConnection, wanted: str, client: AnyRow | None, suffix: str | None
) -> AnySelect | None:
    """Return what finds candidates by the full-text index, where it can tell more than another index."""
    if not wanted and (client is None or not suffix):
        return None
    terms = search.candidates(wanted, client_no=None if client is None else client.no, suffix=suffix)
    if not terms:
        # All its trigrams have a NUL, which no path has.
        return select(files.c.id).where(literal_column("0"))
    if len(terms) > 1:
        terms = await _telling(connection, terms)
    return (
        select(literal_column("files_text.rowid").label("id"))
        .select_from(text("files_text"))
        .where(text("files_text MATCH :question").bindparams(question=search.question(terms)))
    )


async def _telling(connection: AsyncConnection, terms: list[str]) -> list[str]:
    """Return a few trigrams to ask for: the rarest, and such as few of the files with it have.

    How rare one is, is judged by how far one has to go in the index to find some files with it.
    """
    asked = text(
        "SELECT asked.key AS number,"
        " (SELECT iif(count(*) < :sample, 1e15 - count(*), max(id) - min(id)) FROM"
        " (SELECT rowid AS id FROM files_text WHERE files_text MATCH asked.value LIMIT :sample)) AS way"
        " FROM json_each(:terms) AS asked"
    )
    quoted = msgspec.json.encode([search.question([term]) for term in terms]).decode()
    rows = await connection.execute(asked, {"sample": RARITY_SAMPLE, "terms": quoted})
    ways: dict[int, float] = {row.number: row.way for row in rows}
    rarest = terms[max(ways, key=lambda number: ways[number])]
    some = text("SELECT rowid FROM files_text WHERE files_text MATCH :rarest LIMIT :sample")
    some = some.bindparams(rarest=search.question([rarest]), sample=TELLING_SAMPLE)
    wanted = select(files.c.client_no, files.c.path_key).where(files.c.id.in_(some))
    found = [search.indexed_text(*row) for row in await connection.execute(wanted)]
    chosen = [rarest]
    while len(found) > 0 and len(chosen) < MAX_ASKED:
        having = {term: [each for each in found if term in each] for term in terms}
        best = min(terms, key=lambda term: len(having[term]))
        if len(having[best]) > TELLING * len(found):
            break
        chosen.append(best)
        found = having[best]
    return chosen
