"""Pages of contents to read again: all, of one client, or of some files."""

from collections.abc import AsyncIterator, Collection, Sequence

from sqlalchemy import select, tuple_

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.readers import Readers
from app.catalogue.schema import (
    blobs,
    client_contents,
    clients,
    file_versions,
)
from streams.model.base import Record

AT_ONCE = 1000


class StoredBlob(Record, frozen=True, kw_only=True):
    """A content in the store."""

    sha256: str
    size_bytes: int


_BLOBS = select(blobs.c.id, blobs.c.sha256, blobs.c.size_bytes)


def _stored(row: AnyRow) -> StoredBlob:
    return StoredBlob(sha256=row.sha256.hex(), size_bytes=row.size_bytes)


def page_of_everything(after: int) -> AnySelect:
    """Select the next contents of all, by the order in which they came."""
    return _BLOBS.where(blobs.c.id > after).order_by(blobs.c.id).limit(AT_ONCE)


def page_of_client(client_id: str, after: int) -> AnySelect:
    """Select the next contents that a client has."""
    number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
    return (
        _BLOBS.join(client_contents, client_contents.c.blob_id == blobs.c.id)
        .where(client_contents.c.client_no == number, client_contents.c.blob_id > after)
        .order_by(client_contents.c.blob_id)
        .limit(AT_ONCE)
    )


def page_of_files(file_ids: Sequence[int], after: tuple[int, int]) -> AnySelect:
    """Select the contents of the next versions of files: by file, then by version."""
    here = tuple_(file_versions.c.file_id, file_versions.c.id)
    return (
        _BLOBS.add_columns(file_versions.c.file_id, file_versions.c.id.label("version_id"))
        .join(file_versions, file_versions.c.blob_id == blobs.c.id)
        .where(file_versions.c.file_id.in_(file_ids), here > tuple_(*after))
        .order_by(file_versions.c.file_id, file_versions.c.id)
        .limit(AT_ONCE)
    )


async def hashes_of(
    readers: Readers, file_ids: Collection[int] | None, client_id: str | None
) -> AsyncIterator[StoredBlob]:
    """Yield contents, each once; see ``Files.hashes_of``."""
    if file_ids is not None:
        async for blob in _hashes_of_files(readers, sorted(set(file_ids))):
            yield blob
        return
    last = 0
    while True:
        page = page_of_everything(last) if client_id is None else page_of_client(client_id, last)
        rows = await readers.rows(page)
        for row in rows:
            yield _stored(row)
        if len(rows) < AT_ONCE:
            return
        last = rows[-1].id


async def _hashes_of_files(readers: Readers, ids: Sequence[int]) -> AsyncIterator[StoredBlob]:
    seen: set[int] = set()
    for start in range(0, len(ids), AT_ONCE):
        after = (0, 0)
        while rows := await readers.rows(page_of_files(ids[start : start + AT_ONCE], after)):
            for row in rows:
                if row.id not in seen:
                    seen.add(row.id)
                    yield _stored(row)
            after = (rows[-1].file_id, rows[-1].version_id)
