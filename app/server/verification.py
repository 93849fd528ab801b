"""Verification: stored bytes are read again, and what is damaged is said."""

import asyncio
from collections.abc import Sequence

from app.catalogue.catalogue import Catalogue
from app.server.roster import Roster
from app.server.transfers import OpenTransfer, TransferBoard
from app.store.store import Store
from app.tasks import Tasks
from streams.records.files import VerifyResult
from streams.vocabulary import TransferKind, TransferState

AT_ONCE = 2
"""Contents that are read at once, so that backups go on beside it."""
BATCH = 200
"""Contents after which the catalogue is told."""
EVERYTHING = "All files"


class Verification:
    """Reads contents and marks them verified or damaged; goes on when the one who asked has left."""

    def __init__(
        self, *, catalogue: Catalogue, store: Store, transfers: TransferBoard, roster: Roster, tasks: Tasks
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._transfers = transfers
        self._roster = roster
        self._tasks = tasks
        self._places = asyncio.Semaphore(AT_ONCE)

    async def files(self, file_ids: Sequence[int]) -> VerifyResult:
        """Verify the newest contents of these files."""
        return await self._kept(file_ids, None)

    async def client(self, client_id: str) -> VerifyResult:
        """Verify all present files of a client."""
        await self._catalogue.clients.one(client_id)
        return await self._kept(None, client_id)

    async def everything(self) -> VerifyResult:
        """Verify all that the store has."""
        return await self._kept(None, None)

    async def _kept(self, file_ids: Sequence[int] | None, client_id: str | None) -> VerifyResult:
        return await asyncio.shield(self._tasks.start(self._verify(file_ids, client_id), "verify"))

    async def _verify(self, file_ids: Sequence[int] | None, client_id: str | None) -> VerifyResult:
        sizes: dict[str, int] = {}
        path = ""
        async for blob in self._catalogue.files.hashes_of(file_ids=file_ids, client_id=client_id):
            sizes[blob.sha256] = blob.size_bytes
            path = path or blob.path
        if client_id is not None:
            label = f"{len(sizes)} contents"
        elif file_ids is None:
            label = EVERYTHING
        else:
            label = path if len(file_ids) == 1 else f"{len(file_ids)} files"
        transfer = self._transfers.begin(
            TransferKind.VERIFY,
            client_id=client_id or "",
            client_name=self._roster.name(client_id) if client_id else "",
            label=label,
            total_bytes=sum(sizes.values()),
        )
        damaged: list[str] = []
        state, reason = TransferState.CANCELLED, None
        try:
            hashes = list(sizes)
            for at in range(0, len(hashes), BATCH):
                batch = hashes[at : at + BATCH]
                good = await asyncio.gather(*(self._one(sha256, sizes[sha256], transfer) for sha256 in batch))
                marked = await self._catalogue.files.mark_verified(dict(zip(batch, good, strict=True)))
                damaged.extend(marked.damaged)
            state = TransferState.FAILED if damaged else TransferState.COMPLETE
            reason = f"{len(damaged)} damaged" if damaged else None
        except Exception as error:
            state, reason = TransferState.FAILED, str(error)
            raise
        finally:
            transfer.end(state, reason)
        return VerifyResult(checked=len(sizes), damaged=tuple(damaged))

    async def _one(self, sha256: str, size_bytes: int, transfer: OpenTransfer) -> bool:
        async with self._places:
            good = await self._store.verify(sha256)
        transfer.advance(size_bytes)
        return good
