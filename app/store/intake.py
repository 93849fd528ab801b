"""Taking contents into the store: large ones in pieces that can be gone on with, small ones many at once."""

import asyncio
import itertools
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from app.runtime.tasks import to_the_end
from app.store import batch_read as small
from app.store.errors import HashMismatch, StoreFailure, UploadIncomplete, failure_of
from app.store.identity import Identity
from app.store.layout import Layout
from app.store.places import Placed, Places
from app.store.receive_buffer import Inflow
from app.store.threads import Threads
from app.store.upload import DATA, Upload, forget, received_bytes

LOCAL = "local"
"""Owns the uploads that come from no client."""


class Intake:
    """Receives contents; each is durable before it is acknowledged."""

    def __init__(self, layout: Layout, places: Places, identity: Identity, threads: Threads) -> None:
        self._layout = layout
        self._places = places
        self._identity = identity
        self._threads = threads
        # Never the name of a file that an earlier process has left.
        self._unique = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._uploading: set[Path] = set()

    async def received(self, hashes: Collection[str], owner: str) -> dict[str, int]:
        """Return how many bytes of interrupted uploads of an owner are here; each can go on after them."""
        return await self._threads.read(self._received, hashes, owner)

    async def receive(
        self, sha256: str, size: int, offset: int, chunks: AsyncIterator[bytes], owner: str
    ) -> int:
        """Take in a content, or its rest from ``offset`` on; return the bytes it takes once it is durable.

        What is received by halves is its ``owner``'s alone, so that nobody goes on with what others began.

        Raises HashMismatch (nothing is kept), OffsetMismatch (before a byte is read), UploadIncomplete or
        StoreFailure. In these two, and whatever ``chunks`` raises, what has been received is kept for going
        on, except after a failed sync: then nothing has been received.
        """
        data = self._partial(sha256, owner)
        if data not in self._uploading:
            self._uploading.add(data)
            try:
                return await self._receive(sha256, size, offset, chunks, source=data, data=data)
            finally:
                self._uploading.discard(data)
        # The same is under way: a file of its own, beginning with what the other has received so far.
        own = data.with_name(f"{owner}.{sha256}.{next(self._unique)}{DATA}")
        try:
            return await self._receive(sha256, size, offset, chunks, source=data, data=own)
        except UploadIncomplete as error:
            raise UploadIncomplete(0, error.size_bytes) from error
        finally:
            # What stays is cleared at the next start; how the upload went is on its way.
            with suppress(StoreFailure):
                await self._threads.write(forget, own)

    async def receive_many(self, items: Iterable[tuple[str, bytes]], *, synced: bool = True) -> list[str]:
        """Take in small contents, each at most 1 MiB; return their hashes once all are durable.

        Without ``synced`` nothing waits for the disk: for contents that can be made again, before a server
        uses the store, and for no others.

        Raises HashMismatch naming those that were wrong, when all others are durable, or StoreFailure.
        """
        contents = dict(items)
        for sha256 in contents:
            self._layout.blob(sha256)
        # To the end: with its caller gone, names that it has made would stay unsettled.
        writing = asyncio.create_task(self._put_all(contents, synced=synced))
        await to_the_end(writing)
        return writing.result()

    async def _put_all(self, contents: dict[str, bytes], *, synced: bool) -> list[str]:
        parts = [list(contents.items())[first :: self._threads.width] for first in range(self._threads.width)]
        put = partial(small.put_all, self._layout, self._places, synced=synced)
        done = await asyncio.gather(
            *(self._threads.write(put, part, next(self._unique)) for part in parts if part)
        )
        outcomes = {
            sha256: outcome
            for part, found in zip(parts, done, strict=False)
            for (sha256, _), outcome in zip(part, found, strict=True)
        }
        by_folder: defaultdict[str, list[Placed]] = defaultdict(list)
        for outcome in outcomes.values():
            if isinstance(outcome, Placed):
                by_folder[outcome.sha256[:2]].append(outcome)
        settle = partial(small.settle_all, self._places, synced=synced)
        failures = await asyncio.gather(
            *(self._threads.write(settle, placed) for placed in by_folder.values())
        )
        await self._threads.write(self._identity.check)
        for outcome in (*outcomes.values(), *failures):
            if isinstance(outcome, StoreFailure):
                raise outcome
        if wrong := [sha256 for sha256, outcome in outcomes.items() if outcome is False]:
            raise HashMismatch(wrong)
        return list(outcomes)

    async def _receive(
        self,
        sha256: str,
        size: int,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        source: Path,
        data: Path,
    ) -> int:
        try:
            upload = await self._threads.taken(self._begin, sha256, source, data, offset)
        except OSError as error:
            raise failure_of(error) from error
        inflow = Inflow(upload, self._threads.write)
        try:
            async for chunk in chunks:
                await inflow.add(chunk)
                if inflow.received > size:
                    break
            await inflow.end()
            if upload.received < size:
                raise UploadIncomplete(upload.received, size)
            if upload.received > size:
                await self._threads.write(upload.discard)
                raise HashMismatch(
                    [sha256], f"More than the {size} bytes came that were announced for {sha256}."
                )
            placed = await self._threads.write(upload.commit)
        except BaseException:
            # Also when the sender is gone: what has come is not to be sent again.
            await to_the_end(asyncio.create_task(inflow.abandon()))
            raise
        return placed.size_bytes

    def _begin(self, sha256: str, source: Path, data: Path, offset: int) -> Upload:
        self._identity.check()
        return Upload(self._layout, self._places, sha256, source=source, data=data, offset=offset)

    def _partial(self, sha256: str, owner: str) -> Path:
        self._layout.blob(sha256)
        if not owner.isalnum():
            raise ValueError(f"{owner!r} cannot own an upload")
        return self._layout.tmp / f"{owner}.{sha256}{DATA}"

    def _received(self, hashes: Collection[str], owner: str) -> dict[str, int]:
        return {sha256: received_bytes(self._partial(sha256, owner), self._places) for sha256 in hashes}
