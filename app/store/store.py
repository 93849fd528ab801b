"""The content-addressed store: each content once, compressed, durable before it is acknowledged."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from app.store import batch_read as small
from app.store import inventory, notes, revoked
from app.store import maintenance as upkeep
from app.store.errors import (
    BlobMissing,
    Damaged,
    ReadAgain,
    StoreUnreadable,
    failure_of,
)
from app.store.file_operations import FileOperations
from app.store.identity import Identity
from app.store.intake import LOCAL, Intake
from app.store.layout import Layout
from app.store.maintenance import Aside
from app.store.places import Places
from app.store.reader import Reader, opened
from app.store.threads import Threads
from streams.model.failures import TidewatchError

CHECKED_FIRST_BYTES = 4 << 20
"""Contents up to this size are checked before their first byte is handed out."""
Throttle = Callable[[int], Awaitable[None]]
"""Takes the raw bytes that were read, and returns when the next ones may be read."""
VERIFY_TRIES = 3
"""How often a content is read again that was replaced while it was read."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of a verification; ``reason`` says what is wrong, and is empty for a good content."""

    reason: str = ""

    @property
    def good(self) -> bool:
        """Whether the content is there and whole."""
        return not self.reason


class Store:
    """Contents on the disk. All work is done in a few threads of its own; memory does not grow with size.

    Each method raises a StoreFailure where the disk does not do what is asked: full, unwritable, unreadable
    or lost. ``files`` are the system calls; a test passes some that fail.
    """

    def __init__(
        self, root: Path, *, threads: int | None = None, files: FileOperations | None = None
    ) -> None:
        self._layout = Layout(root, files)
        self._identity = Identity(self._layout)
        self._places = Places(self._layout, self._identity)
        self._threads = Threads(threads or min(8, (os.cpu_count() or 2) * 2 + 2))
        self._intake = Intake(self._layout, self._places, self._identity, self._threads)
        self._counted_bytes: int | None = None

    @property
    def identity(self) -> str:
        """Return the random word of this store; empty until it is prepared."""
        return self._identity.word

    async def prepare(self, expected: str = "") -> None:
        """Make the folders and clear what a crash has left.

        Raises StoreUnwritable, or StoreLost where the store is not the one of the identity ``expected``.
        """
        await self._threads.write(upkeep.prepare, self._layout, self._identity, expected)

    async def close(self) -> None:
        """End the threads once their work is done."""
        await self._threads.close()

    async def check(self) -> None:
        """Raise StoreLost where the folder is not the store that was prepared."""
        await self._threads.read(self._identity.check)

    async def moment(self) -> tuple[str, ...]:
        """Return the words that tell of which moment the store is; none where nobody has noted any."""
        return tuple((await self._threads.read(notes.read, self._layout, self._layout.moment)).split())

    async def note_moment(self, words: Sequence[str]) -> None:
        """Note words that tell of which moment the store is, durably."""
        await self._threads.read(self._identity.check)
        await self._threads.write(notes.write, self._layout, self._layout.moment, " ".join(words))

    async def revoked(self) -> frozenset[str]:
        """Return the hashes of tokens and codes that are good no longer, whatever catalogue is put back."""
        return await self._threads.read(revoked.remembered, self._layout)

    async def note_revoked(self, hashes: Collection[str]) -> None:
        """Keep hashes of tokens and codes that are good no longer, durably."""
        await self._threads.read(self._identity.check)
        await self._threads.write(revoked.remember, self._layout, hashes)

    async def has(self, sha256: str) -> bool:
        """Return whether a content is there, whole as far as is known."""
        return bool(await self.sizes([sha256]))

    async def sizes(self, hashes: Collection[str]) -> dict[str, int]:
        """Return the compressed sizes of contents that are there, durable and not known to be damaged."""
        return await self._threads.read(upkeep.sizes_of, self._layout, self._places, self._identity, hashes)

    async def raw_sizes(self, hashes: Collection[str]) -> dict[str, int]:
        """Return how many raw bytes those contents have that are there, by the store's own count."""
        return await self._threads.read(inventory.raw_sizes, self._layout, hashes)

    async def missing(self, hashes: Collection[str]) -> list[str]:
        """Return those contents that are not there, in the order in which they were asked for."""
        there = await self.sizes(hashes)
        return [sha256 for sha256 in hashes if sha256 not in there]

    async def received(self, hashes: Collection[str], owner: str = LOCAL) -> dict[str, int]:
        """Return how many bytes of interrupted uploads of an owner are here; each can go on after them."""
        return await self._intake.received(hashes, owner)

    async def partial_bytes(self, owner: str, hashes: Collection[str] = ()) -> int:
        """Return what interrupted uploads of an owner take on the disk, without those of ``hashes``."""
        return await self._threads.read(inventory.partial_bytes, self._layout, owner, hashes)

    async def clear_uploads(self, at: datetime, newest: datetime) -> None:
        """Remove interrupted uploads that nobody had gone on with for a week at a time.

        Those that are younger than ``newest`` were written while the clock was ahead.
        """
        await self._threads.write(upkeep.clear_uploads, self._layout, (at.timestamp(), newest.timestamp()))

    async def contents_in(self, folder: str) -> dict[str, float]:
        """Return the contents in one of the 256 folders, and the times since which they lie there."""
        return await self._threads.read(inventory.contents_in, self._layout, self._layout.root / folder)

    async def receive(
        self, sha256: str, size: int, offset: int, chunks: AsyncIterator[bytes], owner: str = LOCAL
    ) -> int:
        """Take in a content, or its rest from ``offset`` on; return the bytes it takes once it is durable.

        Raises HashMismatch, OffsetMismatch, UploadIncomplete or StoreFailure, see ``Intake``.
        """
        return await self._intake.receive(sha256, size, offset, chunks, owner)

    async def receive_many(self, items: Iterable[tuple[str, bytes]], *, synced: bool = True) -> list[str]:
        """Take in small contents, each at most 1 MiB; return their hashes once all are durable.

        Raises HashMismatch or StoreFailure, see ``Intake``.
        """
        return await self._intake.receive_many(items, synced=synced)

    async def read_many(self, hashes: Collection[str]) -> dict[str, bytes]:
        """Return small contents, each checked; those that are not there whole are left out, see ``open``."""
        listed = list(hashes)
        parts = [listed[first :: self._threads.width] for first in range(self._threads.width)]
        found = await asyncio.gather(
            *(self._threads.read(small.read_all, self._layout, part) for part in parts if part)
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
        except Damaged as error:
            raise await self._found_damaged(sha256, error) from error
        finally:
            reader.close()

    async def verify(self, sha256: str, *, throttle: Throttle | None = None) -> Verified:
        """Read a content again; one that is lost or damaged is not good, and is set aside.

        ``throttle`` is told of each piece that was read and may hold back the next one.
        """
        for _ in range(VERIFY_TRIES):
            try:
                await self._read_through(sha256, throttle)
            except BlobMissing as error:
                return Verified(error.message)
            except Damaged as error:
                return Verified(error.message)
            except ReadAgain:
                continue
            return Verified()
        raise StoreUnreadable(f"The content {sha256} changes while it is read.")

    async def size_on_disk(self) -> int:
        """Return the bytes of all contents on the disk; counted once, then kept up."""
        if self._counted_bytes is None:
            before = self._places.change_bytes
            self._counted_bytes = await self._threads.read(upkeep.bytes_of, self._layout) - before
        return self._counted_bytes + self._places.change_bytes

    async def delete(self, sha256: str) -> None:
        """Remove a content; nothing happens where there is none."""
        await self.delete_many([sha256])

    async def delete_many(self, hashes: Collection[str]) -> None:
        """Remove contents, durably; those that are not there are passed over."""
        await self._threads.write(upkeep.delete, self._places, self._identity, hashes)

    async def unlink_many(self, hashes: Collection[str]) -> list[str]:
        """Remove contents; return those that are not there any more, as ``sync_removed`` makes durable."""
        return await self._threads.write(upkeep.unlink, self._places, self._identity, hashes)

    async def sync_removed(self, hashes: Collection[str]) -> None:
        """Make the removal of contents durable."""
        folders = {sha256[:2] for sha256 in hashes}
        await self._threads.write(self._places.sync, folders)

    async def _read_through(self, sha256: str, throttle: Throttle | None) -> None:
        """Read a content to its end; raises ReadAgain where that tells nothing of it."""
        reader = await self._reader(sha256)
        try:
            if reader.ahead and throttle is not None:
                await throttle(reader.size_bytes)
            while piece := await self._rest(reader):
                if throttle is not None:
                    await throttle(len(piece))
        except Damaged as error:
            raise await self._found_damaged(sha256, error) from error
        finally:
            reader.close()

    async def _rest(self, reader: Reader) -> bytes:
        return b"" if reader.ahead else await self._threads.read(reader.read)

    async def _reader(self, sha256: str, start: int = 0, end: int | None = None) -> Reader:
        self._layout.blob(sha256)
        open_it = partial(opened, ahead_bytes=CHECKED_FIRST_BYTES)
        try:
            # One turn of a thread for a small content: most are, and each turn costs more than they do.
            return await self._threads.taken(open_it, self._layout, sha256, start, end)
        except Damaged as error:
            raise await self._found_damaged(sha256, error) from error
        except FileNotFoundError as error:
            await self.check()
            if await self._threads.read(self._layout.damaged(sha256).exists):
                raise Damaged(
                    f"The stored bytes of {sha256} were found damaged.", hint="Back up its client again."
                ) from error
            raise BlobMissing(f"The store has no content {sha256}.") from error
        except OSError as error:
            raise failure_of(error, reading=True) from error

    async def _found_damaged(self, sha256: str, error: Damaged) -> TidewatchError:
        """Look at a damaged content again and set it aside; return what is to be raised."""
        aside = await self._threads.read(upkeep.set_aside, self._layout, self._places, sha256, error)
        if aside in (Aside.GOOD, Aside.REPLACED):
            return ReadAgain(f"The content {sha256} could not be read just now.", hint="Try again.")
        return error
