"""Contents and the clients that have sent them: nobody can name, or learn of, what another has sent."""

from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.aliases import AnyRow, AnySelect
from app.catalogue.batch_write import MAINTENANCE, in_steps
from app.catalogue.clients import client_row, unknown
from app.catalogue.content_owners import add_held, blobs_of, correct_size, owned_by
from app.catalogue.doomed import revive
from app.catalogue.errors import ContentWithdrawn
from app.catalogue.readers import Readers
from app.catalogue.rows import SOUND
from app.catalogue.schema import blobs, client_contents, clients, runs
from app.catalogue.totals import add_blob_bytes, increased
from app.catalogue.transaction import Transaction
from app.catalogue.unnamed_contents import forget, unnamed
from app.catalogue.verification import heal, spread
from app.catalogue.writer import Writer

StoredSizes = Callable[[Collection[str]], Coroutine[Any, Any, Mapping[str, int]]]
"""Tells of those contents that are in the store how many bytes each takes, packed or raw."""

AT_ONCE = 500
"""Contents in one write; each is up to two rows."""

_received = insert(client_contents)
_RECEIVED = _received.on_conflict_do_update(
    index_elements=["client_no", "blob_id"], set_={"received_at": _received.excluded.received_at}
)


class Contents:
    """Which client has sent which contents, and how many bytes that are."""

    def __init__(
        self,
        readers: Readers,
        writer: Writer,
        stored_sizes: StoredSizes | None,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._now = now
        self._readers = readers
        self._writer = writer
        self._stored_sizes = stored_sizes

    async def receive(self, client_id: str, sizes: Mapping[str, int], *, sent_bytes: int = 0) -> None:
        """Note that a client has sent contents that are in the store now; ``sizes`` are their raw sizes.

        ``sent_bytes`` have come for them over the line and are counted for its open run. Raises
        UnknownClient, or ContentWithdrawn where one has left the store again since.
        """
        hashes = list(sizes)
        for start in range(0, max(1, len(hashes)), AT_ONCE):
            part = {sha256: sizes[sha256] for sha256 in hashes[start : start + AT_ONCE]}
            sent = sent_bytes if not start else 0
            waiting = await self._writer.write(
                lambda transaction, part=part, sent=sent: self._receive(transaction, client_id, part, sent)
            )
            if waiting:
                await in_steps(self._writer, spread, flow=MAINTENANCE)

    def _receive(
        self, transaction: Transaction, client_id: str, sizes: Mapping[str, int], sent_bytes: int
    ) -> bool:
        """Note contents inside the write; return whether files of healed ones wait for their state."""
        client = client_row(transaction, client_id)
        stored: Mapping[str, int] = {}
        if self._stored_sizes is not None:
            # Asked inside the write: what takes contents out of the store does so inside one too.
            stored = transaction.ask(self._stored_sizes(sizes))
            if gone := [sha256 for sha256 in sizes if sha256 not in stored]:
                raise ContentWithdrawn(gone)
        revive(transaction, sizes)
        found = blobs_of(transaction, sizes)
        _correct(transaction, found.values(), sizes)
        _add(transaction, [sha256 for sha256 in sizes if sha256 not in found], sizes, stored)
        # Set aside when it was found damaged: what is in the store now is what came just now.
        waiting = heal(transaction, [row.id for row in found.values() if row.damaged])
        found = blobs_of(transaction, sizes)
        own = owned_by(transaction, client.no, [row.id for row in found.values()])
        rows: list[dict[str, Any]] = [
            {
                "client_no": client.no,
                "blob_id": row.id,
                "version_count": 0,
                "received_at": transaction.now_us,
            }
            for row in found.values()
        ]
        if rows:
            transaction.run(_RECEIVED, rows)
        new_bytes = sum(row.size_bytes for row in found.values() if row.id not in own)
        add_held(transaction, client.no, new_bytes)
        if sent_bytes and client.running_run_id is not None:
            transaction.run(
                update(runs)
                .where(runs.c.id == client.running_run_id)
                .values(bytes_sent=increased(runs.c.bytes_sent, sent_bytes))
            )
        return waiting

    async def owned(self, client_id: str, hashes: Collection[str], *, damaged: bool = False) -> set[str]:
        """Return those contents that a client has sent; those known to be damaged only if asked for."""
        found: set[str] = set()
        for part in _parts(list(hashes)):
            rows = await self._readers.rows(_owned(client_id, part, damaged=damaged))
            found.update(row.sha256.hex() for row in rows)
        return found

    async def held_and_owned(self, client_id: str, hashes: Collection[str]) -> tuple[int, set[str]]:
        """Return the raw bytes of all contents of a client, and those of ``hashes`` that it has sent.

        Both are of one moment. Raises UnknownClient.
        """

        async def work(connection: AsyncConnection) -> tuple[int, set[str]]:
            known = await connection.execute(select(clients.c.held_bytes).where(clients.c.id == client_id))
            held_bytes = known.scalar_one_or_none()
            if held_bytes is None:
                raise unknown(client_id)
            found: set[str] = set()
            for part in _parts(list(hashes)):
                rows = await connection.execute(_owned(client_id, part, damaged=True))
                found.update(sha256.hex() for sha256 in rows.scalars())
            return held_bytes, found

        return await self._readers.read(work)

    async def known(self, hashes: Collection[str]) -> set[str]:
        """Return those contents that the catalogue knows, whoever has sent them."""
        found: set[str] = set()
        for part in _parts(list(hashes)):
            rows = await self._readers.rows(
                select(blobs.c.sha256).where(blobs.c.sha256.in_([bytes.fromhex(sha256) for sha256 in part]))
            )
            found.update(row.sha256.hex() for row in rows)
        return found

    async def held(self, client_id: str) -> tuple[int, int | None]:
        """Return the raw bytes of all contents of a client, and its own quota. Raises UnknownClient."""
        rows = await self._readers.rows(
            select(clients.c.held_bytes, clients.c.quota_bytes).where(clients.c.id == client_id)
        )
        if not rows:
            raise unknown(client_id)
        return rows[0].held_bytes, rows[0].quota_bytes

    async def forget_unnamed(self, at: datetime | None = None, newest: datetime | None = None) -> int:
        """Let go of contents that were sent and never named, a part at a time; return how many.

        Those are kept that a run may still name: of an open run, or of one that may begin yet.
        """
        # Looked for beside the writes: there may be many that are to stay.
        at, newest = at or self._now(), newest or self._now()
        wanted = unnamed(at, newest)
        due = [(row.client_no, row.blob_id) for row in await self._readers.rows(wanted)]
        gone = 0
        for start in range(0, len(due), AT_ONCE):
            part = due[start : start + AT_ONCE]
            gone += await self._writer.write(lambda transaction, part=part: forget(transaction, part, newest))
        return gone


def _owned(client_id: str, hashes: Sequence[str], *, damaged: bool) -> AnySelect:
    """Select the hashes of those of these contents that a client has sent."""
    number = select(clients.c.no).where(clients.c.id == client_id).scalar_subquery()
    # No join: SQLite believes that a client has ten contents, and would read all of them.
    has = exists().where(client_contents.c.client_no == number, client_contents.c.blob_id == blobs.c.id)
    wanted = select(blobs.c.sha256).where(has, blobs.c.sha256.in_([bytes.fromhex(each) for each in hashes]))
    return wanted if damaged else wanted.where(SOUND)


def _parts(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(hashes), AT_ONCE):
        yield hashes[start : start + AT_ONCE]


def _add(
    transaction: Transaction, new: Sequence[str], sizes: Mapping[str, int], stored: Mapping[str, int]
) -> None:
    if not new:
        return
    first = transaction.numbers("blobs", len(new))
    rows: list[dict[str, Any]] = [
        {
            "id": first + offset,
            "sha256": bytes.fromhex(sha256),
            "size_bytes": sizes[sha256],
            "stored_bytes": stored.get(sha256, 0),
            "created_at": transaction.now_us,
            "damaged": False,
        }
        for offset, sha256 in enumerate(new)
    ]
    transaction.insert(blobs, rows)
    add_blob_bytes(transaction, sum(row["stored_bytes"] for row in rows))


def _correct(transaction: Transaction, found: Collection[AnyRow], sizes: Mapping[str, int]) -> None:
    """Put right what an earlier release has believed of the size of a content."""
    for row in found:
        if row.size_bytes != (counted := sizes[row.sha256.hex()]):
            correct_size(transaction, row.id, row.size_bytes, counted)
