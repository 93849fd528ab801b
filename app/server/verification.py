"""Verification: stored bytes are read again, and what is damaged is said."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from app.catalogue.catalogue import Catalogue
from app.catalogue.stored_blobs import StoredBlob
from app.runtime.log_limits import FOR_EACH, LimitedLog
from app.runtime.tasks import Tasks
from app.server.client_registry import Roster
from app.server.transfers import OpenTransfer, TransferBoard
from app.store.errors import StoreUnreadable
from app.store.store import Store
from streams.model.failures import TidewatchError
from streams.model.files import VerifyResult
from streams.model.vocabulary import TransferKind, TransferState

log = structlog.stdlib.get_logger(__name__)
each_log = LimitedLog(log, most=FOR_EACH)

AT_ONCE = 2
"""Contents that are read at once, so that backups go on beside it."""
MAX_LISTED = 1000
"""Damaged paths that an answer names; all of them are marked, and can be found by their state."""
BATCH = 200
"""Contents after which the catalogue is told."""


@dataclass(slots=True)
class _Found:
    """What a verification has found so far: its answer is bounded, however much is damaged."""

    damaged: list[str] = field(default_factory=list[str])
    damaged_count: int = 0
    unreadable: StoreUnreadable | None = None
    """The first of those that could not be read."""
    unreadable_count: int = 0

    def add(self, noted: VerifyResult) -> None:
        """Add what the catalogue says of a part."""
        self.damaged_count += len(noted.damaged) + noted.more_damaged
        self.damaged += noted.damaged[: max(0, MAX_LISTED - len(self.damaged))]


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

    async def look_for_missing(self) -> int:
        """Mark contents damaged that the store does not have, without reading any; return how many."""
        missing, batch = 0, list[str]()
        async for blob in self._catalogue.files.hashes_of():
            batch.append(blob.sha256)
            if len(batch) == BATCH:
                missing += await self._mark_missing(batch)
                batch.clear()
        missing += await self._mark_missing(batch)
        if missing:
            log.error("contents_missing", count=missing)
        return missing

    async def _mark_missing(self, hashes: Sequence[str]) -> int:
        missing = await self._store.missing(hashes)
        if missing:
            await self._catalogue.files.mark_verified(
                dict.fromkeys(missing, False), present=self._store.sizes
            )
        return len(missing)

    async def _kept(self, file_ids: Sequence[int] | None, client_id: str | None) -> VerifyResult:
        outcome = await asyncio.shield(self._tasks.start(self._settled(file_ids, client_id), "verify"))
        if isinstance(outcome, TidewatchError):
            raise outcome
        return outcome

    async def _settled(
        self, file_ids: Sequence[int] | None, client_id: str | None
    ) -> VerifyResult | TidewatchError:
        """Return a failure of the outside world as a value, for the one who asked; anything else is a bug."""
        try:
            return await self._verify(file_ids, client_id)
        except TidewatchError as failure:
            return failure

    async def _verify(self, file_ids: Sequence[int] | None, client_id: str | None) -> VerifyResult:
        # Twice over the hashes instead of keeping them: there may be millions.
        count, total_bytes, last = 0, 0, ""
        async for blob in self._catalogue.files.hashes_of(file_ids=file_ids, client_id=client_id):
            count += 1
            total_bytes += blob.size_bytes
            last = blob.sha256
        label = await self._catalogue.files.path_of(last) if count == 1 else f"{count} contents"
        transfer = self._transfers.begin(
            TransferKind.VERIFY,
            client_id=client_id or "",
            client_name=self._roster.name(client_id) if client_id else "",
            label=label,
            total_bytes=total_bytes,
        )
        found = _Found()
        state, reason = TransferState.CANCELLED, None
        try:
            batch: list[StoredBlob] = []
            async for blob in self._catalogue.files.hashes_of(file_ids=file_ids, client_id=client_id):
                batch.append(blob)
                if len(batch) == BATCH:
                    await self._check(batch, transfer, found)
                    batch.clear()
            await self._check(batch, transfer, found)
            if found.unreadable is not None:
                raise StoreUnreadable(
                    f"{found.unreadable_count} of {count} contents could not be read:"
                    f" {found.unreadable.message}",
                    hint=found.unreadable.hint,
                )
            state = TransferState.FAILED if found.damaged else TransferState.COMPLETE
            reason = f"{found.damaged_count} damaged" if found.damaged else None
        except Exception as error:
            state, reason = TransferState.FAILED, str(error)
            raise
        finally:
            transfer.end(state, reason)
        return VerifyResult(
            checked=count,
            damaged=tuple(found.damaged),
            more_damaged=found.damaged_count - len(found.damaged),
        )

    async def _check(self, blobs: Sequence[StoredBlob], transfer: OpenTransfer, found: "_Found") -> None:
        """Read contents again, note what they are, and add the paths of the damaged to what was found.

        Those that cannot be read now are neither good nor damaged.
        """
        outcomes = await asyncio.gather(
            *(self._one(blob.sha256, blob.size_bytes, transfer) for blob in blobs), return_exceptions=True
        )
        results: dict[str, bool] = {}
        broken: BaseException | None = None
        for blob, outcome in zip(blobs, outcomes, strict=True):
            if isinstance(outcome, StoreUnreadable):
                found.unreadable = found.unreadable or outcome
                found.unreadable_count += 1
            elif isinstance(outcome, BaseException):
                broken = outcome
            else:
                results[blob.sha256] = outcome
        if not results and broken is None:
            return
        # Noted before it ends: what is damaged was set aside already.
        noted = await self._catalogue.files.mark_verified(results, present=self._store.sizes)
        if broken is not None:
            raise broken
        found.add(noted)

    async def _one(self, sha256: str, size_bytes: int, transfer: OpenTransfer) -> bool:
        async with self._places:
            verified = await self._store.verify(sha256)
        if not verified.good:
            each_log.error("content_damaged", sha256=sha256, reason=verified.reason)
        transfer.advance(size_bytes)
        return verified.good
