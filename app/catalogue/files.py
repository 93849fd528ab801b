"""Questions about files: pages, the summary, versions and a client's tree at a time."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import String, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue import deletion, verification
from app.catalogue.aliases import AnyRow
from app.catalogue.batch_write import MAINTENANCE, in_parts, in_steps
from app.catalogue.clients import unknown
from app.catalogue.errors import UnknownFile, UnknownVersion
from app.catalogue.file_pages import file_page
from app.catalogue.paging import page_of
from app.catalogue.purge import purge
from app.catalogue.readable import fitting, readable
from app.catalogue.readers import Readers
from app.catalogue.rows import PRESENT, REMOVED, SOUND, select_versions, version_of
from app.catalogue.schema import blobs, clients, file_versions, files, meta, runs
from app.catalogue.stored_blobs import StoredBlob, hashes_of
from app.catalogue.times import to_us
from app.catalogue.totals import summed
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion, VerifyResult
from streams.model.outcome import Outcome
from streams.model.vocabulary import RunState

MAX_VERSIONS = 1000
TREE_AT_ONCE = 1000
"""Rows of a tree that are read at once, before it is known how much they take."""


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

        return await self._readers.read(lambda connection: file_page(connection, query, page))

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
                select(func.count()).where(
                    runs.c.finished_at >= since,
                    runs.c.state.in_(well),
                    runs.c.client_no.not_in(REMOVED),
                )
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
        """Return the newest versions of a file, newest first, at most 1,000; raises UnknownFile."""
        rows = await self._readers.rows(
            select_versions()
            .where(files.c.id == file_id)
            .order_by(file_versions.c.id.desc())
            .limit(MAX_VERSIONS)
        )
        if not rows:
            raise UnknownFile(f"No file has the number {file_id}.")
        return readable(rows[: fitting(rows)], version_of)

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
        wanted = select_versions().where(clients.c.id == client_id).order_by(files.c.id)
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
            rows: list[AnyRow] = []
            while len(rows) <= limit:
                start = rows[-1].file_id if rows else after
                count = min(limit + 1 - len(rows), TREE_AT_ONCE)
                part = (await connection.execute(wanted.where(files.c.id > start).limit(count))).all()
                rows += part
                if len(part) < count or fitting(rows) < len(rows):
                    break
            if not rows:
                known = await connection.execute(select(clients.c.no).where(clients.c.id == client_id))
                if known.one_or_none() is None:
                    raise unknown(client_id)
            return rows

        rows = await self._readers.read(work)
        page = rows[: min(limit, fitting(rows))]
        return tuple(readable(page, version_of)), page[-1].file_id if len(rows) > len(page) else None

    async def small_contents(
        self, version_ids: Collection[int], at_most: int, only_client: str | None = None
    ) -> dict[str, tuple[int, str]]:
        """Return size and client of the contents of versions, up to a size and not known to be damaged.

        ``only_client`` leaves out those of other clients.
        """
        rows = await self._readers.rows(
            select(blobs.c.sha256, blobs.c.size_bytes, clients.c.id)
            .select_from(file_versions)
            .join(blobs, blobs.c.id == file_versions.c.blob_id)
            .join(files, files.c.id == file_versions.c.file_id)
            .join(clients, clients.c.no == files.c.client_no)
            .where(
                file_versions.c.id.in_(version_ids),
                PRESENT,
                blobs.c.size_bytes <= at_most,
                SOUND,
                # The sign, as in SOUND: SQLite believes that a client has ten files, and would read all.
                true() if only_client is None else literal_column("+clients.id", String) == only_client,
            )
        )
        return {sha256.hex(): (size, client_id) for sha256, size, client_id in rows}

    async def delete(self, file_ids: Sequence[int]) -> Outcome:
        """Delete files until they are undeleted or purged; unknown and deleted ones are refused."""
        return await self._moved(deletion.delete, file_ids)

    async def undelete(self, file_ids: Sequence[int]) -> Outcome:
        """Bring deleted files back as they were; unknown ones and those that are not deleted are refused."""
        return await self._moved(deletion.undelete, file_ids)

    async def _moved(
        self, move: Callable[[Transaction, Sequence[int]], Outcome], file_ids: Sequence[int]
    ) -> Outcome:
        ids = list(dict.fromkeys(file_ids))
        done: list[str] = []
        refused: dict[str, str] = {}
        # Each has an entry in every index of the files: a thousand take more than a second.
        for outcome in await in_parts(self._writer, ids, move):
            done += outcome.done
            refused |= outcome.refused
        return Outcome(done=tuple(done), refused=refused)

    async def purge(self, older_than: datetime) -> int:
        """Forget files deleted before a time, a few in each write; return how many files.

        Contents that were theirs alone are doomed: ``DoomedContents.drop`` takes them out of the store.
        """
        return await purge(self._readers, self._writer, to_us(older_than))

    def hashes_of(
        self, file_ids: Collection[int] | None = None, client_id: str | None = None
    ) -> AsyncIterator[StoredBlob]:
        """Yield the contents of all versions of these files, of a client, or of everything, each once."""
        return hashes_of(self._readers, file_ids, client_id)

    async def path_of(self, sha256: str) -> str:
        """Return the path of a file that has a content in any version, empty where none has."""
        rows = await self._readers.rows(
            select(files.c.path)
            .join(file_versions, file_versions.c.file_id == files.c.id)
            .join(blobs, blobs.c.id == file_versions.c.blob_id)
            .where(blobs.c.sha256 == bytes.fromhex(sha256))
            .limit(1)
        )
        return rows[0].path if rows else ""

    async def mark_verified(
        self, results: Mapping[str, bool], *, present: verification.Present | None = None, quiet: bool = False
    ) -> VerifyResult:
        """Note which contents have their hash and which do not; return paths of the damaged ones.

        Those that are ``present`` again when it is noted are not damaged any more. With ``quiet`` only
        damage is a line of the activity. The clients that need a damaged content get a new revision.

        Of a content that very many files have, these follow in further writes before this returns.
        """
        hashes = list(results)
        damaged: list[str] = []
        for start in range(0, len(hashes), verification.MARKED_AT_ONCE):
            part = {sha256: results[sha256] for sha256 in hashes[start : start + verification.MARKED_AT_ONCE]}
            bad, waiting = await self._writer.write(
                lambda transaction, part=part: verification.mark(
                    transaction, part, present=present, quiet=quiet
                )
            )
            if bad:
                damaged += [row.path for row in await self._readers.rows(verification.paths_of(bad))]
            if waiting:
                await self.spread_states()
        return VerifyResult(checked=len(results), damaged=tuple(sorted(set(damaged))))

    async def spread_states(self) -> None:
        """Give files the state of contents of which something new is known, as a crash may have left them."""
        await in_steps(self._writer, verification.spread, flow=MAINTENANCE)
