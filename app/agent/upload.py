"""Sending contents to the server: nothing twice, nothing that it knows, on from where a cut came."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from app.agent.api import Api, Refusal
from app.agent.names import reason_of
from app.agent.patience import Patience
from app.agent.reading import FileFailed
from app.protocol import BATCH_BYTES, BatchStored, BlobStored, Hashes, MissingReply, encode_batch
from streams.failures import ServerUnreachable

CHUNK_BYTES = 1024 * 1024

STALLED_S = 60.0
"""The server takes nothing for so long: the connection is dead."""
STORE_S = 300.0
"""How long the server may take to make a large content durable once it has all of it."""
BATCH_HEAD_BYTES = 40


def _open(path: bytes | Path) -> BinaryIO:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb", buffering=0)


class ContentChanged(Exception):
    """What was sent did not have the hash that was announced: the file changes."""


class Uploader:
    """Brings contents to the server; several calls may run at once."""

    def __init__(self, api: Api, patience: Patience) -> None:
        self._api, self._patience = api, patience
        self._claims: dict[str, asyncio.Future[bool]] = {}
        self.bytes_sent = 0

    async def small(self, contents: Mapping[str, bytes]) -> None:
        """Return once the server has all these contents."""
        await self._claimed(contents, lambda mine: self._send_small({h: contents[h] for h in mine}))

    async def large(
        self, path: bytes | Path, sha256: str, size: int, on_sent: Callable[[int], None] = lambda _: None
    ) -> None:
        """Return once the server has this content; raise ``ContentChanged``, ``FileFailed``.

        ``on_sent`` is told how many bytes of it the server has been given by now.
        """
        await self._claimed((sha256,), lambda _: self._send_large(path, sha256, size, on_sent))

    async def _claimed(self, hashes: Iterable[str], send: Callable[[list[str]], Awaitable[None]]) -> None:
        """Send what nobody else is sending or has sent, then wait for the rest."""
        wanted = list(hashes)
        while wanted:
            mine = [sha256 for sha256 in wanted if sha256 not in self._claims]
            theirs = [(sha256, self._claims[sha256]) for sha256 in wanted if sha256 in self._claims]
            loop = asyncio.get_running_loop()
            for sha256 in mine:
                self._claims[sha256] = loop.create_future()
            try:
                if mine:
                    await send(mine)
            except BaseException:
                for sha256 in mine:
                    self._claims.pop(sha256).set_result(False)
                raise
            for sha256 in mine:
                self._claims[sha256].set_result(True)
            done = [(sha256, await asyncio.shield(claim)) for sha256, claim in theirs]
            wanted = [sha256 for sha256, good in done if not good]

    async def _missing(self, hashes: list[str]) -> dict[str, int]:
        reply = await self._api.call(
            "POST", "/api/agent/blobs/missing", MissingReply, json=Hashes(hashes=tuple(hashes))
        )
        return {blob.sha256: blob.received_bytes for blob in reply.missing}

    async def _send_small(self, contents: dict[str, bytes]) -> None:
        async def attempt() -> None:
            missing = await self._missing(list(contents))
            batch: list[tuple[str, bytes]] = []
            size = 0
            for sha256 in missing:
                content = contents[sha256]
                if size + BATCH_HEAD_BYTES + len(content) > BATCH_BYTES:
                    await self._send_batch(batch, size)
                    batch, size = [], 0
                batch.append((sha256, content))
                size += BATCH_HEAD_BYTES + len(content)
            await self._send_batch(batch, size)

        await self._patience.through(attempt, moved=lambda: self.bytes_sent)

    async def _send_batch(self, batch: list[tuple[str, bytes]], size: int) -> None:
        if not batch:
            return
        await self._api.call("POST", "/api/agent/blobs/batch", BatchStored, data=encode_batch(batch))
        self.bytes_sent += size - BATCH_HEAD_BYTES * len(batch)

    async def _send_large(
        self, path: bytes | Path, sha256: str, size: int, on_sent: Callable[[int], None]
    ) -> None:
        async def attempt() -> None:
            missing = await self._missing([sha256])
            if sha256 in missing:
                await self._send_from(path, sha256, size, missing[sha256], on_sent)

        try:
            await self._patience.through(attempt, moved=lambda: self.bytes_sent)
        except Refusal as error:
            if error.server_code == "hash_mismatch":
                raise ContentChanged from None
            raise

    async def _send_from(
        self, path: bytes | Path, sha256: str, size: int, offset: int, on_sent: Callable[[int], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        unreadable: list[FileFailed] = []

        async def chunks() -> AsyncIterator[bytes]:
            at = offset
            try:
                with await asyncio.to_thread(_open, path) as file:
                    await asyncio.to_thread(file.seek, at)
                    while at < size:
                        data = await asyncio.to_thread(file.read, min(CHUNK_BYTES, size - at))
                        if not data:
                            raise FileFailed("it became shorter while it was sent")
                        limit.reschedule(loop.time() + STALLED_S)
                        yield data
                        at += len(data)
                        self.bytes_sent += len(data)
                        on_sent(at)
            except (OSError, FileFailed) as error:
                reason = reason_of(error) if isinstance(error, OSError) else str(error)
                unreadable.append(FileFailed(reason))
                raise
            limit.reschedule(loop.time() + STORE_S)

        try:
            async with asyncio.timeout(STALLED_S) as limit:
                await self._api.call(
                    "PUT",
                    f"/api/agent/blobs/{sha256}",
                    BlobStored,
                    data=chunks(),
                    size=size - offset,
                    params={"offset": offset, "size": size},
                )
        except TimeoutError:
            raise ServerUnreachable(f"{self._api.address} takes nothing any more.") from None
        except ServerUnreachable:
            if unreadable:
                raise unreadable[0] from None
            raise
