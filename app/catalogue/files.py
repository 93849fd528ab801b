"""Questions about files: pages, the summary, versions and a client's tree at a time."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import deletion, verification
from app.catalogue.aliases import AnyRow
from app.catalogue.clients import unknown
from app.catalogue.errors import UnknownFile, UnknownVersion
from app.catalogue.paging import Page, page_of
from app.catalogue.paths import key_of
from app.catalogue.readers import Readers
from app.catalogue.rows import file_of, select_files, select_versions, version_of
from app.catalogue.schema import blobs, clients, file_versions, files, meta, runs
from app.catalogue.times import to_us
from app.catalogue.totals import summed
from app.catalogue.verification import StoredBlob
from app.catalogue.writer import Writer
from streams.commands import Outcome
from streams.records.files import FilePage, FileQuery, FilesSummary, FileVersion, VerifyResult
from streams.vocabulary import EntryKind, FileState, RunState

COUNT_CAP = 10_000
"""Counting stops here: nobody reads further, and it would freeze on a million rows."""


class Files:
    """What is kept of each client."""

    def __init__(self, readers: Readers, writer: Writer, *, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._writer = writer
        self._now = now

    async def page(self, query: FileQuery) -> FilePage:
        """Return one page of files in the order of the query, then by id; folders are not listed.

        Without a state all but deleted files. Raises BadQuery for an unknown order or another one's cursor.
        """
        page = page_of(query.sort, query.descending, query.limit, query.cursor)

        async def work(connection: AsyncConnection) -> FilePage:
            conditions = await _conditions(connection, query)
            matching = select(files.c.id).where(*conditions).limit(COUNT_CAP + 1)
            if page.cursor is not None:
                total, capped = page.cursor.total, page.cursor.capped
            elif query.text:
                # A search reads all names; what it finds is kept, so that they are not read twice.
                found = (await connection.execute(matching)).scalars().all()
                total, capped = min(len(found), COUNT_CAP), len(found) > COUNT_CAP
                matching = found
            else:
                counted = await connection.execute(select(func.count()).select_from(matching.subquery()))
                total = counted.scalar_one()
                total, capped = min(total, COUNT_CAP), total > COUNT_CAP
            if capped:
                # Many rows match: walked in the page's order, most of them are soon met.
                wanted = page.apply(select_files().where(*await _conditions(connection, query, dense=True)))
            else:
                # Few rows match: found by what suits the conditions, then sorted. Walking them in the page's
                # order would pass all the rows that do not match.
                wanted = page.apply(select_files().where(files.c.id.in_(matching)))
            return _page_of_rows(page, (await connection.execute(wanted)).all(), total, capped)

        return await self._readers.read(work)

    async def summary(self) -> FilesSummary:
        """Return the cards above the files; sums over the clients' counters, not over the files."""
        since = to_us(self._now() - timedelta(hours=24))
        kinds = ("unverified_count", "damaged_count", "deleted_count", "vanished_count")
        names = ("file_count", "stored_bytes", *kinds)
        sums = [summed(clients.c[name]).label(name) for name in names]
        well = (RunState.COMPLETE.value, RunState.PARTIAL.value)

        async def work(connection: AsyncConnection) -> FilesSummary:
            row = (await connection.execute(select(*sums))).one()
            recent = await connection.execute(
                select(func.count()).where(runs.c.finished_at >= since, runs.c.state.in_(well))
            )
            kept = await connection.execute(select(meta.c.value).where(meta.c.name == "blob_bytes"))
            return FilesSummary(
                file_count=row.file_count,
                total_bytes=row.stored_bytes,
                blob_bytes=int(kept.scalar_one_or_none() or 0),
                recent_run_count=recent.scalar_one(),
                unverified_count=row.unverified_count,
                damaged_count=row.damaged_count,
                deleted_count=row.deleted_count,
                vanished_count=row.vanished_count,
            )

        return await self._readers.read(work)

    async def versions(self, file_id: int) -> list[FileVersion]:
        """Return all versions of a file, newest first; raises UnknownFile."""
        rows = await self._readers.rows(
            select_versions().where(files.c.id == file_id).order_by(file_versions.c.id.desc())
        )
        if not rows:
            raise UnknownFile(f"No file has the number {file_id}.")
        return [version_of(row) for row in rows]

    async def version(self, version_id: int) -> FileVersion:
        """Return a version; raises UnknownVersion."""
        rows = await self._readers.rows(select_versions().where(file_versions.c.id == version_id))
        if not rows:
            raise UnknownVersion(f"No version has the number {version_id}.")
        return version_of(rows[0])

    async def tree(
        self,
        client_id: str,
        at: datetime | None = None,
        after: int = 0,
        limit: int = 1000,
        *,
        include_deleted: bool = False,
    ) -> tuple[tuple[FileVersion, ...], int | None]:
        """Return what was on a client at a time (None: now), by file id, and where the next page starts.

        What an operator has deleted is left out whatever the time, unless ``include_deleted``.
        Raises UnknownClient.
        """
        wanted = (
            select_versions()
            .where(clients.c.id == client_id, files.c.id > after)
            .order_by(files.c.id)
            .limit(limit + 1)
        )
        if at is None:
            wanted = wanted.where(
                file_versions.c.id == files.c.version_id, file_versions.c.ended_at.is_(None)
            )
        else:
            moment = to_us(at)
            wanted = wanted.where(
                file_versions.c.created_at <= moment,
                file_versions.c.ended_at.is_(None) | (file_versions.c.ended_at > moment),
            )
        if not include_deleted:
            wanted = wanted.where(files.c.deleted_at.is_(None))

        async def work(connection: AsyncConnection) -> Sequence[AnyRow]:
            rows = (await connection.execute(wanted)).all()
            if not rows:
                known = await connection.execute(select(clients.c.no).where(clients.c.id == client_id))
                if known.one_or_none() is None:
                    raise unknown(client_id)
            return rows

        rows = await self._readers.read(work)
        entries = tuple(version_of(row) for row in rows[:limit])
        return entries, entries[-1].file_id if len(rows) > limit else None

    async def small_contents(self, version_ids: Collection[int], at_most: int) -> dict[str, tuple[int, str]]:
        """Return size and client of the contents of versions, up to a size and not known to be damaged."""
        rows = await self._readers.rows(
            select(blobs.c.sha256, blobs.c.size_bytes, clients.c.id)
            .select_from(file_versions)
            .join(blobs, blobs.c.id == file_versions.c.blob_id)
            .join(files, files.c.id == file_versions.c.file_id)
            .join(clients, clients.c.no == files.c.client_no)
            .where(
                file_versions.c.id.in_(version_ids),
                blobs.c.size_bytes <= at_most,
                blobs.c.damaged.is_(False),
            )
        )
        return {sha256.hex(): (size, client_id) for sha256, size, client_id in rows}

    async def delete(self, file_ids: Sequence[int]) -> Outcome:
        """Delete files until they are undeleted or purged; unknown and deleted ones are refused."""
        return await self._writer.write(lambda transaction: deletion.delete(transaction, file_ids))

    async def undelete(self, file_ids: Sequence[int]) -> Outcome:
        """Bring deleted files back as they were; unknown ones and those that are not deleted are refused."""
        return await self._writer.write(lambda transaction: deletion.undelete(transaction, file_ids))

    async def purge(self, older_than: datetime, remove: deletion.Remove) -> int:
        """Forget files deleted before a time, and contents that nothing needs any more.

        Returns how many files. ``remove`` gets the hashes of those contents while nothing else can be added,
        so that none is taken from under a backup; it runs before the commit.
        """
        return await self._writer.write(lambda transaction: deletion.purge(transaction, older_than, remove))

    def hashes_of(
        self, file_ids: Sequence[int] | None = None, client_id: str | None = None
    ) -> AsyncIterator[StoredBlob]:
        """Yield the contents of all versions of these files, of a client, or of everything, each once."""
        return verification.hashes_of(self._readers, file_ids, client_id)

    async def mark_verified(
        self, results: Mapping[str, bool], *, present: verification.Present | None = None, quiet: bool = False
    ) -> VerifyResult:
        """Note which contents have their hash and which do not; return the paths of the damaged ones.

        Those that are ``present`` again when it is noted are not damaged any more. With ``quiet`` only
        damage is a line of the activity. The clients that need a damaged content get a new revision.
        """
        return await self._writer.write(
            lambda transaction: verification.mark(transaction, results, present=present, quiet=quiet)
        )


async def _conditions(
    connection: AsyncConnection, query: FileQuery, *, dense: bool = False
) -> list[ColumnElement[bool]]:
    """What the rows of a query fulfil; ``dense`` keeps the indexes of states and suffixes out of it."""
    conditions: list[ColumnElement[bool]] = [files.c.kind != EntryKind.FOLDER.value]
    if query.state is None:
        conditions.append(files.c.state != FileState.DELETED.value)
    else:
        state = func.coalesce(files.c.state, "") if dense else files.c.state
        conditions.append(state == query.state.value)
    if query.client_id is not None:
        found = await connection.execute(select(clients.c.name).where(clients.c.id == query.client_id))
        name = found.scalar_one_or_none()
        if name is None:
            raise unknown(query.client_id)
        conditions.append(files.c.client_name == name)
    if query.text:
        conditions.append(files.c.path_key.contains(key_of(query.text), autoescape=True))
    if query.suffix is not None:
        suffix = func.coalesce(files.c.suffix, "") if dense else files.c.suffix
        conditions.append(suffix == query.suffix.lower().removeprefix("."))
    if query.min_bytes is not None:
        conditions.append(files.c.size_bytes >= query.min_bytes)
    if query.max_bytes is not None:
        conditions.append(files.c.size_bytes <= query.max_bytes)
    if query.since is not None:
        conditions.append(files.c.backed_up_at >= to_us(query.since))
    if query.until is not None:
        conditions.append(files.c.backed_up_at <= to_us(query.until))
    return conditions


def _page_of_rows(page: Page, fetched: Sequence[AnyRow], total: int, capped: bool) -> FilePage:
    rows, before, after = page.split(fetched)
    return FilePage(
        rows=tuple(file_of(row) for row in rows),
        next_cursor=page.cursor_at(rows[-1], "after", total, capped) if rows and after else None,
        previous_cursor=page.cursor_at(rows[0], "before", total, capped) if rows and before else None,
        last_cursor=page.cursor_at(None, "last", total, capped) if rows and after else None,
        total=total,
        total_capped=capped,
    )
