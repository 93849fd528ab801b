"""The order in which contents are verified, and the progress over all of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow
from app.catalogue.readers import Readers
from app.catalogue.schema import blobs, meta
from app.catalogue.times import from_us, to_us
from streams.model.base import Record


class DueContent(Record, frozen=True, kw_only=True):
    """A content that is to be read again; ``checked_at`` and ``id`` tell where the next page starts."""

    id: int
    sha256: str
    size_bytes: int
    stored_bytes: int
    checked_at: datetime


class Standing(Record, frozen=True, kw_only=True):
    """How far the verification of all contents is."""

    content_count: int
    """All contents but the damaged."""
    overdue_count: int
    """Contents that were last known to be good before the time that was asked about."""
    damaged_count: int
    oldest_at: datetime | None
    """When the content was read that has not been read for longest; None where there is none."""
    stored_bytes: int


_DUE = select(blobs.c.id, blobs.c.sha256, blobs.c.size_bytes, blobs.c.stored_bytes, blobs.c.checked_at).where(
    blobs.c.damaged.is_(False)
)


def _due_content(row: AnyRow) -> DueContent:
    return DueContent(
        id=row.id,
        sha256=row.sha256.hex(),
        size_bytes=row.size_bytes,
        stored_bytes=row.stored_bytes,
        checked_at=from_us(row.checked_at),
    )


class VerificationSchedule:
    """Reads contents by the time at which their bytes were last known to be good."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def due(
        self, before: datetime, *, after: DueContent | None = None, limit: int = 100
    ) -> Sequence[DueContent]:
        """Return contents that are not known to be damaged and were last good before a time, oldest first."""
        wanted = (
            _DUE.where(blobs.c.checked_at < to_us(before))
            .order_by(blobs.c.checked_at, blobs.c.id)
            .limit(limit)
        )
        if after is not None:
            place = tuple_(to_us(after.checked_at), after.id)
            wanted = wanted.where(tuple_(blobs.c.checked_at, blobs.c.id) > place)
        return [_due_content(row) for row in await self._readers.rows(wanted)]

    async def ahead(self, of: datetime, *, limit: int = 100) -> Sequence[DueContent]:
        """Return contents that were noted as good at a time after ``of``, when the clock was wrong."""
        wanted = _DUE.where(blobs.c.checked_at > to_us(of)).order_by(blobs.c.checked_at).limit(limit)
        return [_due_content(row) for row in await self._readers.rows(wanted)]

    async def standing(self, overdue_before: datetime) -> Standing:
        """Return how far the verification is; contents last good before a time are overdue."""
        good = select(func.count()).select_from(blobs).where(blobs.c.damaged.is_(False))
        damaged = select(func.count()).select_from(blobs).where(blobs.c.damaged.is_(True))
        overdue = good.where(blobs.c.checked_at < to_us(overdue_before))
        oldest = (
            select(blobs.c.checked_at)
            .where(blobs.c.damaged.is_(False))
            .order_by(blobs.c.checked_at, blobs.c.id)
            .limit(1)
        )
        stored = select(meta.c.value).where(meta.c.name == "blob_bytes")

        async def work(connection: AsyncConnection) -> Standing:
            oldest_us = (await connection.execute(oldest)).scalar()
            return Standing(
                content_count=(await connection.execute(good)).scalar_one(),
                overdue_count=(await connection.execute(overdue)).scalar_one(),
                damaged_count=(await connection.execute(damaged)).scalar_one(),
                oldest_at=None if oldest_us is None else from_us(oldest_us),
                stored_bytes=int((await connection.execute(stored)).scalar() or 0),
            )

        return await self._readers.read(work)
