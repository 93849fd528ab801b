"""Gathers the bytes of an upload into frames."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.store.errors import StoreFailure
from app.store.frames import FRAME_BYTES
from app.store.upload import Upload

Run = Callable[[Callable[[bytes], None], bytes], Awaitable[None]]


class Inflow:
    """Gathers what comes; one frame is hashed, compressed and written while the next one comes."""

    def __init__(self, upload: Upload, run: Run) -> None:
        self._upload = upload
        self._run = run
        self._buffer = bytearray()
        self._writing: asyncio.Task[None] | None = None
        self._handed_on = upload.received

    @property
    def received(self) -> int:
        """How many bytes have come, those on their way to the disk included."""
        return self._handed_on + len(self._buffer)

    async def add(self, chunk: bytes) -> None:
        """Take in the next bytes; waits while the frame before is written."""
        self._buffer += chunk
        while len(self._buffer) >= FRAME_BYTES:
            await self._settle()
            self._start(FRAME_BYTES)

    async def end(self) -> None:
        """Write all that has come."""
        await self._settle()
        # More than a frame is held where the sender was cancelled while it waited in ``add``.
        while self._buffer:
            self._start(min(len(self._buffer), FRAME_BYTES))
            await self._settle()

    async def abandon(self) -> None:
        """Write what can be kept for going on later, and let go of the upload."""
        # The reason for abandoning is on its way to the caller; a failing disk only means that less is kept.
        with suppress(StoreFailure):
            await self.end()
        self._upload.close()

    def _start(self, length: int) -> None:
        frame = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._handed_on += length
        self._writing = asyncio.create_task(_plain(self._run(self._upload.append, frame)))

    async def _settle(self) -> None:
        # A frame that failed stays here: what came after it must not be written in its place.
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None


async def _plain(writing: Awaitable[None]) -> None:
    await writing
