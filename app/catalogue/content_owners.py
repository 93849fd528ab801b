"""Inside a write: who has sent which contents, how many versions name them, and what nobody has any more."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, func, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.doomed import doom_unowned
from app.catalogue.schema import blobs, client_contents, clients
from app.catalogue.totals import increased
from app.catalogue.transaction import Transaction

_NAMED = (
    update(client_contents)
    .where(client_contents.c.client_no == bindparam("whose"), client_contents.c.blob_id == bindparam("which"))
    .values(version_count=func.max(0, client_contents.c.version_count + bindparam("change")))
)


def blobs_of(transaction: Transaction, hashes: Collection[str]) -> dict[str, AnyRow]:
    """Return the rows of those contents that are known, by hash."""
    wanted = select(
        blobs.c.id, blobs.c.sha256, blobs.c.size_bytes, blobs.c.verified_at, blobs.c.damaged
    ).where(blobs.c.sha256.in_([bytes.fromhex(sha256) for sha256 in hashes]))
    return {row.sha256.hex(): row for row in transaction.all(wanted)}


def owned_by(transaction: Transaction, client_no: int, blob_ids: Collection[int]) -> set[int]:
    """Return those of these contents that a client has sent."""
    wanted = select(client_contents.c.blob_id).where(
        client_contents.c.client_no == client_no, client_contents.c.blob_id.in_(blob_ids)
    )
    return {row.blob_id for row in transaction.all(wanted)}


def count_names(transaction: Transaction, client_no: int, changes: Mapping[int, int]) -> None:
    """Count versions of a client's files that name contents: by content, how many more or fewer."""
    rows = [{"whose": client_no, "which": blob_id, "change": by} for blob_id, by in changes.items() if by]
    if rows:
        transaction.run(_NAMED, rows)


def release(transaction: Transaction, client_no: int, changes: Mapping[int, int]) -> None:
    """Count versions that are gone; contents that no version of the client names any more are not its own."""
    count_names(transaction, client_no, {blob_id: -gone for blob_id, gone in changes.items()})
    let_go(transaction, client_no, changes)


def let_go(transaction: Transaction, client_no: int, blob_ids: Collection[int]) -> int:
    """Take those of these contents from a client that none of its versions names; return how many.

    Those that no other client has are doomed.
    """
    unnamed = (
        client_contents.c.client_no == client_no,
        client_contents.c.blob_id.in_(blob_ids),
        client_contents.c.version_count == 0,
    )
    wanted = select(blobs.c.id, blobs.c.size_bytes).join(
        client_contents, client_contents.c.blob_id == blobs.c.id
    )
    gone = transaction.all(wanted.where(*unnamed))
    if gone:
        transaction.run(delete(client_contents).where(*unnamed))
        add_held(transaction, client_no, -sum(row.size_bytes for row in gone))
        doom_unowned(transaction, [row.id for row in gone])
    return len(gone)


def add_held(transaction: Transaction, client_no: int, change: int) -> None:
    """Add to the bytes of the contents that a client has sent."""
    if change:
        transaction.run(
            update(clients)
            .where(clients.c.no == client_no)
            .values(held_bytes=increased(clients.c.held_bytes, change))
        )


def correct_size(transaction: Transaction, blob_id: int, believed: int, counted: int) -> None:
    """Give a content the size that the store has counted, and its clients what they hold by it."""
    transaction.run(update(blobs).where(blobs.c.id == blob_id).values(size_bytes=counted))
    owners = select(client_contents.c.client_no).where(client_contents.c.blob_id == blob_id)
    transaction.run(
        update(clients)
        .where(clients.c.no.in_(owners))
        .values(held_bytes=increased(clients.c.held_bytes, counted - believed))
    )
