"""Removing a client for good, with all that is kept of it, and contents that nothing needs any more."""

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalogue.clients import client_row, unknown
from app.catalogue.deletion import AT_ONCE, Remove, drop_contents
from app.catalogue.readers import Readers
from app.catalogue.schema import (
    activity,
    blobs,
    client_contents,
    clients,
    file_versions,
    files,
    run_rollup,
    runs,
    tokens,
)
from app.catalogue.tokens import TokenInfo, Tokens, revoke_in
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.records.clients import ClientHoldings, ClientRemoved
from streams.records.files import FilesChanged
from streams.vocabulary import EventKind, Topic


class Removal:
    """What cannot be taken back: a client goes with its runs, its files and their versions."""

    def __init__(self, readers: Readers, writer: Writer, tokens_kept: Tokens) -> None:
        self._readers = readers
        self._writer = writer
        self._tokens = tokens_kept

    async def holdings(self, client_id: str) -> ClientHoldings:
        """Return what would be lost with a client. Raises UnknownClient."""
        kept = clients.c.file_count + clients.c.vanished_count + clients.c.deleted_count

        async def work(connection: AsyncConnection) -> ClientHoldings:
            wanted = select(clients.c.no, clients.c.name, kept.label("files"), clients.c.stored_bytes).where(
                clients.c.id == client_id
            )
            row = (await connection.execute(wanted)).one_or_none()
            if row is None:
                raise unknown(client_id)
            counted = select(func.count()).select_from(runs).where(runs.c.client_no == row.no)
            return ClientHoldings(
                client_id=client_id,
                name=row.name,
                files=row.files,
                bytes=row.stored_bytes,
                runs=(await connection.execute(counted)).scalar_one(),
            )

        return await self._readers.read(work)

    async def remove(self, client_id: str) -> ClientHoldings:
        """Forget a client and all that is kept of it; return what that was. Raises UnknownClient.

        Its tokens are good no longer. Contents stay in the store until ``collect``.
        """
        held = await self.holdings(client_id)

        def work(transaction: Transaction) -> list[TokenInfo]:
            no = client_row(transaction, client_id).no
            revoked = revoke_in(transaction, tokens.c.client_no == no)
            transaction.run(update(tokens).where(tokens.c.client_no == no).values(client_no=None))
            own = select(files.c.id).where(files.c.client_no == no)
            transaction.run(delete(file_versions).where(file_versions.c.file_id.in_(own)))
            # The lines stay: what was done with a client is told longer than the client is kept.
            transaction.run(update(activity).where(activity.c.client_no == no).values(client_no=None))
            for table in (files, client_contents, run_rollup, runs):
                transaction.run(delete(table).where(table.c.client_no == no))
            transaction.run(delete(clients).where(clients.c.no == no))
            transaction.emit(
                EventKind.CLIENT_REMOVED,
                Topic.CLIENTS,
                Topic.RUNS,
                Topic.FILES,
                removed=ClientRemoved(id=client_id),
                files=FilesChanged(client_id=client_id, count=held.files),
                # The line belongs to no client any more, so its name is told as the reason.
                told=Told(files=held.files, bytes=held.bytes, reason=held.name),
            )
            return revoked

        self._tokens.forget(await self._writer.write(work))
        return held

    async def collect(self, remove: Remove) -> int:
        """Take contents that are no client's out of catalogue and store; return how many there were.

        In small steps, so that backups go on meanwhile; ``remove`` gets hashes while nothing can be added.
        """
        after = collected = 0
        while ids := await self._unneeded(after):
            after = ids[-1]
            collected += len(ids)
            await self._writer.write(lambda transaction, ids=ids: drop_contents(transaction, ids, remove))
        return collected

    async def _unneeded(self, after: int) -> list[int]:
        needed = exists().where(client_contents.c.blob_id == blobs.c.id)
        wanted = select(blobs.c.id).where(blobs.c.id > after, ~needed).order_by(blobs.c.id).limit(AT_ONCE)
        return [row.id for row in await self._readers.rows(wanted)]
