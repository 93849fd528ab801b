"""Contents on their way out: forgotten by the catalogue first, durably, and only then taken out of the store.

A content is doomed in the write in which it loses its last owner. A later write removes it from the store
while it holds the one lock, so that no upload can be noted meanwhile; what is uploaded again before that is
doomed no more.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.dialects.sqlite import insert

from app.catalogue.batch_write import MAINTENANCE
from app.catalogue.readers import Readers
from app.catalogue.schema import blobs, client_contents, doomed_contents, verifications
from app.catalogue.totals import add_blob_bytes
from app.catalogue.transaction import Transaction
from app.catalogue.writer import FLOW, Writer

MAX_REMOVED = 100
"""Contents that leave the store in one write at most."""
ENOUGH = 900

_doom = insert(doomed_contents)
_DOOM = _doom.on_conflict_do_update(index_elements=["sha256"], set_={"doomed_at": _doom.excluded.doomed_at})
_NOT_ANY_MORE = delete(doomed_contents).where(
    doomed_contents.c.sha256 == bindparam("which"), doomed_contents.c.doomed_at == bindparam("since")
)


class ContentStore(Protocol):
    """What takes contents off the disk."""

    def unlink_many(self, hashes: Collection[str]) -> Coroutine[Any, Any, Collection[str]]:
        """Remove contents; return those that are not there any more."""
        ...

    def sync_removed(self, hashes: Collection[str]) -> Awaitable[None]:
        """Make their removal durable."""
        ...


def doom_unowned(transaction: Transaction, blob_ids: Collection[int]) -> int:
    """Forget those of these contents that no client has any more, inside the write; return how many."""
    ids = list(blob_ids)
    gone = 0
    for start in range(0, len(ids), ENOUGH):
        gone += _doom_part(transaction, ids[start : start + ENOUGH])
    return gone


def _doom_part(transaction: Transaction, ids: Sequence[int]) -> int:
    owned = exists().where(client_contents.c.blob_id == blobs.c.id)
    rows = transaction.all(
        select(blobs.c.id, blobs.c.sha256, blobs.c.stored_bytes).where(blobs.c.id.in_(ids), ~owned)
    )
    if not rows:
        return 0
    dropped = [row.id for row in rows]
    transaction.run(delete(verifications).where(verifications.c.blob_id.in_(dropped)))
    transaction.run(delete(blobs).where(blobs.c.id.in_(dropped)))
    add_blob_bytes(transaction, -sum(row.stored_bytes for row in rows))
    now = transaction.now_us
    transaction.run(
        _DOOM,
        [{"sha256": row.sha256, "stored_bytes": row.stored_bytes, "doomed_at": now} for row in rows],
    )
    return len(rows)


def revive(transaction: Transaction, hashes: Collection[str]) -> None:
    """Let contents stay that have been sent again; the same write must see that the store has them."""
    raw = [bytes.fromhex(sha256) for sha256 in hashes]
    for start in range(0, len(raw), ENOUGH):
        part = raw[start : start + ENOUGH]
        transaction.run(delete(doomed_contents).where(doomed_contents.c.sha256.in_(part)))


class DoomedContents:
    """Takes contents out of the store that the catalogue has forgotten."""

    def __init__(self, readers: Readers, writer: Writer, *, held: Callable[[], Awaitable[bool]]) -> None:
        self._readers = readers
        self._writer = writer
        self._held = held

    async def drop(self, store: ContentStore) -> int:
        """Remove all doomed contents from the store, a few in each write; return how many.

        Each is looked up by a reader first: what a reader sees has been committed, so that nothing leaves the
        store before the commit that forgets it is durable. Killed at any point, the next call goes on.
        While they are ``held`` none goes: a newer catalogue, in which somebody has them, may be put back yet.
        """
        if await self._held():
            return 0
        token = FLOW.set(MAINTENANCE)
        try:
            return await self._drop(store)
        finally:
            FLOW.reset(token)

    async def _drop(self, store: ContentStore) -> int:
        after, dropped = b"", 0
        removed: list[dict[str, Any]] = []
        while True:
            doomed = await self._next(after)
            if not doomed and not removed:
                return dropped
            if doomed:
                after = max(doomed)
            removed = await self._writer.write(
                lambda transaction, doomed=doomed, removed=removed: _remove(
                    transaction, store, doomed, removed
                )
            )
            dropped += len(removed)
            # Not while the lock is held: it takes a turn of the disk for each folder.
            await store.sync_removed([row["which"].hex() for row in removed])

    async def _next(self, after: bytes) -> dict[bytes, int]:
        wanted = (
            select(doomed_contents.c.sha256, doomed_contents.c.doomed_at)
            .where(doomed_contents.c.sha256 > after)
            .order_by(doomed_contents.c.sha256)
            .limit(MAX_REMOVED)
        )
        return {row.sha256: row.doomed_at for row in await self._readers.rows(wanted)}


def _remove(
    transaction: Transaction,
    store: ContentStore,
    doomed: dict[bytes, int],
    removed: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Note what the step before has removed for good, and remove these; return which have gone."""
    if removed:
        transaction.run(_NOT_ANY_MORE, removed)
    still = transaction.all(
        select(doomed_contents.c.sha256, doomed_contents.c.doomed_at).where(
            doomed_contents.c.sha256.in_(list(doomed))
        )
    )
    # Doomed anew since it was looked up, it is another time's: that commit may not be durable yet.
    due = [row.sha256 for row in still if doomed[row.sha256] == row.doomed_at]
    if not due:
        return []
    gone = transaction.ask(store.unlink_many([sha256.hex() for sha256 in due]))
    return [{"which": sha256, "since": doomed[sha256]} for sha256 in due if sha256.hex() in gone]
