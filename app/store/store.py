"""The content-addressed store: each content once, compressed, durable before it is acknowledged."""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from functools import partial
from pathlib import Path

from app.store import small, upkeep
from app.store.errors import (
    BlobMissing,
    Damaged,
    HashMismatch,
    StoreFull,
    StoreUnwritable,
    UploadIncomplete,
)
from app.store.inflow import Inflow
from app.store.layout import Layout, sync_directory
from app.store.reader import Reader, opened
from app.store.threads import Threads, to_the_end
from app.store.upload import DATA, Upload, forget, received_bytes

CHECKED_FIRST_BYTES = 4 << 20
"""Contents up to this size are checked before their first byte is handed out."""


class Store:
    """Contents on the disk. All work is done in a few threads of its own; memory does not grow with size."""

    def __init__(self, root: Path, *, threads: int | None = None) -> None:
        self._layout = Layout(root)
        self._threads = Threads(threads or min(8, (os.cpu_count() or 2) * 2 + 2))
        self._run, self._taken = self._threads.run, self._threads.taken
        self._unique = itertools.count()
        self._uploading: set[str] = set()
        self._settling: Counter[str] = Counter()
        """Contents at their place whose directory entry may not be durable yet: nobody is told of them."""
        self._bytes: int | None = None

    async def prepare(self) -> None:
        """Make the folders and clear what a crash has left; raises StoreUnwritable."""
        try:
            await self._run(upkeep.prepare, self._layout)
        except OSError as error:
            raise StoreUnwritable(
                f"The store {self._layout.root} cannot be written: {error.strerror}.",
                hint="Check the permissions of the data folder.",
            ) from error

    async def close(self) -> None:
        """End the threads once their work is done."""
        await self._threads.close()

    async def has(self, sha256: str) -> bool:
        """Return whether a content is there, whole as far as is known."""
        return bool(await self._run(self._sizes, [sha256]))

    async def sizes(self, hashes: Collection[str]) -> dict[str, int]:
        """Return the compressed sizes of those contents that are there."""
        return await self._run(self._sizes, hashes)

    async def missing(self, hashes: Collection[str]) -> dict[str, int]:
        """Return those contents that are not there, with the bytes that have been received of each."""
        return await self._run(self._missing, hashes)

    async def received_bytes(self, sha256: str) -> int:
        """Return how many bytes of an interrupted upload are here; it can go on after them."""
        self._layout.blob(sha256)
        return await self._run(received_bytes, self._partial(sha256))

    async def receive(self, sha256: str, size: int, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Take in a content, or its rest from ``offset`` on; return the bytes it takes once it is durable.

        Raises HashMismatch (nothing is kept), OffsetMismatch (before a byte is read), UploadIncomplete or
        StoreFull. In these two, and whatever ``chunks`` raises, what has been received is kept for going on.
        """
        data = self._partial(sha256)
        if sha256 not in self._uploading:
            self._uploading.add(sha256)
            try:
                return await self._receive(sha256, size, offset, chunks, data)
            finally:
                self._uploading.discard(sha256)
        # Somebody is sending the same: a file of its own, beginning with what the other has received so far.
        own = data.with_name(f"{sha256}.{self._name()}{DATA}")
        try:
            return await self._receive(sha256, size, offset, chunks, own)
        except UploadIncomplete as error:
            raise UploadIncomplete(0, error.size_bytes) from error
        finally:
            await self._run(forget, own)

    async def receive_many(self, items: Iterable[tuple[str, bytes]], *, synced: bool = True) -> list[str]:
        """Take in small contents, each at most 1 MiB; return their hashes once all are durable.

        Without ``synced`` nothing waits for the disk: for contents that can be made again, before a server
        uses the store, and for no others.

        Raises HashMismatch naming those that were wrong, when all others are durable, or StoreFull.
        """
        contents = dict(items)
        for sha256 in contents:
            self._layout.blob(sha256)
        parts = [list(contents.items())[first :: self._threads.width] for first in range(self._threads.width)]
        self._settling.update(contents.keys())
        try:
            done = await asyncio.gather(
                *(
                    self._run(partial(small.put_all, synced=synced), self._layout, part, self._name())
                    for part in parts
                    if part
                )
            )
            outcomes = {
                sha256: outcome
                for part, found in zip(parts, done, strict=False)
                for (sha256, _), outcome in zip(part, found, strict=True)
            }
            good = [sha256 for sha256 in contents if isinstance(outcomes[sha256], int)]
            await asyncio.gather(
                *(
                    self._run(sync_directory, folder)
                    for folder in {self._layout.blob(x).parent for x in good}
                    if synced
                )
            )
        finally:
            self._settling.subtract(contents.keys())
            self._settling = +self._settling
        self._count(sum(size for size in outcomes.values() if isinstance(size, int)))
        for outcome in outcomes.values():
            if isinstance(outcome, StoreFull):
                raise outcome
        if wrong := [sha256 for sha256, outcome in outcomes.items() if outcome is None]:
            raise HashMismatch(wrong)
        return good

    async def read_many(self, hashes: Collection[str]) -> dict[str, bytes]:
        """Return small contents, each checked; those that are not there whole are left out, see ``open``."""
        listed = list(hashes)
        parts = [listed[first :: self._threads.width] for first in range(self._threads.width)]
        found = await asyncio.gather(
            *(self._run(small.read_all, self._layout, part) for part in parts if part)
        )
        return {sha256: content for part in found for sha256, content in part.items()}

    async def open(self, sha256: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield a content, or its bytes from ``start`` up to ``end``, exclusive.

        Read whole, its hash is checked: before the first byte up to 4 MiB, before the last piece above that.
        Raises BlobMissing or Damaged; a damaged content is set aside, so that it can be sent again.
        """
        reader = await self._reader(sha256, start, end)
        try:
            for piece in reader.ahead:
                yield piece
            while piece := await self._rest(reader):
                yield piece
        except Damaged:
            await self._set_aside(sha256)
            raise
        finally:
            reader.close()

    async def verify(self, sha256: str) -> bool:
        """Read a content again; False where it is lost or damaged, and it is set aside then."""
        try:
            reader = await self._reader(sha256)
        except (BlobMissing, Damaged):
            return False
        try:
            while await self._rest(reader):
                pass
        except Damaged:
            await self._set_aside(sha256)
            return False
        finally:
            reader.close()
        return True

    async def size_on_disk(self) -> int:
        """Return the bytes of all contents on the disk; counted once, then kept up."""
        if self._bytes is None:
            self._bytes = await self._run(upkeep.bytes_of, self._layout)
        return self._bytes

    async def delete(self, sha256: str) -> None:
        """Remove a content; nothing happens where there is none."""
        await self.delete_many([sha256])

    async def delete_many(self, hashes: Collection[str]) -> None:
        """Remove contents; those that are not there are passed over."""
        self._count(-await self._run(upkeep.delete, self._layout, hashes))

    def _name(self) -> str:
        return str(next(self._unique))

    async def _receive(
        self, sha256: str, size: int, offset: int, chunks: AsyncIterator[bytes], data: Path
    ) -> int:
        upload = await self._taken(self._begin, sha256, data, offset)
        inflow = Inflow(upload, self._run)
        try:
            async for chunk in chunks:
                await inflow.add(chunk)
                if inflow.received > size:
                    break
            await inflow.end()
            if upload.received < size:
                raise UploadIncomplete(upload.received, size)
            if upload.received > size:
                await self._run(upload.discard)
                raise HashMismatch(
                    [sha256], f"More than the {size} bytes came that were announced for {sha256}."
                )
            self._settling[sha256] += 1
            try:
                stored = await self._run(upload.commit)
            finally:
                self._settling[sha256] -= 1
        except BaseException:
            # Also when the sender is gone: what has come is not to be sent again.
            await to_the_end(asyncio.create_task(inflow.abandon()))
            raise
        self._count(stored)
        return stored

    def _begin(self, sha256: str, data: Path, offset: int) -> Upload:
        return Upload(self._layout, sha256, source=self._partial(sha256), data=data, offset=offset)

    async def _rest(self, reader: Reader) -> bytes:
        return b"" if reader.ahead else await self._run(reader.read)

    async def _reader(self, sha256: str, start: int = 0, end: int | None = None) -> Reader:
        path = self._layout.blob(sha256)
        open_it = partial(opened, ahead_bytes=CHECKED_FIRST_BYTES)
        try:
            # One turn of a thread for a small content: most are, and each turn costs more than they do.
            return await self._taken(open_it, path, sha256, start, end)
        except Damaged:
            await self._set_aside(sha256)
            raise
        except FileNotFoundError as error:
            if await self._run(self._layout.damaged(sha256).exists):
                raise Damaged(
                    f"The stored bytes of {sha256} were found damaged.", hint="Back up its client again."
                ) from error
            raise BlobMissing(f"The store has no content {sha256}.") from error

    async def _set_aside(self, sha256: str) -> None:
        self._count(-await self._run(upkeep.set_aside, self._layout, sha256))

    def _partial(self, sha256: str) -> Path:
        self._layout.blob(sha256)
        return self._layout.tmp / f"{sha256}{DATA}"

    def _sizes(self, hashes: Collection[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for sha256 in hashes:
            if self._settling[sha256]:
                continue
            try:
                found[sha256] = self._layout.blob(sha256).stat().st_size
            except FileNotFoundError:
                continue
        return found

    def _missing(self, hashes: Collection[str]) -> dict[str, int]:
        there = self._sizes(hashes)
        return {sha256: received_bytes(self._partial(sha256)) for sha256 in hashes if sha256 not in there}

    def _count(self, change: int) -> None:
        if self._bytes is not None:
            self._bytes += change
