"""Sending contents to the server: nothing twice, nothing that it knows, on from where a cut came."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.agent.api import Api
from app.agent.failures import Refusal
from app.agent.names import reason_of
from app.agent.patience import Patience
from app.agent.reading import FileFailed
from app.batches import BATCH_BYTES, BATCH_HEAD_BYTES, encode_batch
from app.protocol import BatchStored, BlobStored, Hashes, MissingReply
from streams.failures import ServerUnreachable

CHUNK_BYTES = 1024 * 1024
STALLED_S = 60.0
"""The server takes nothing for so long: the connection is dead."""
STORE_S = 300.0
"""How long the server may take to make a large content durable once it has all of it."""


class ContentChanged(Exception):
    """What was sent did not have the hash that was announced: the file changes."""


@dataclass(frozen=True, slots=True)
class LargeContent:
    """A content that is sent from the disk."""

    open_file: Callable[[], int]
    """Opens it, each time that it is sent; raises ``FileFailed``, ``FileGone``, ``ContentChanged``."""
    sha256: str
    size: int
    label: str = ""
    """What the transfer is called on the screen."""
    on_sent: Callable[[int], None] = lambda _: None
    """Told how many bytes of it the server has been given by now."""


class _Source:
    """An open file; a read that was given up may still run when ``close`` comes. Belongs in threads."""

    def __init__(self, file: int, offset: int) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._open = True
        self._at = offset

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; none at the end and after ``close``."""
        with self._lock:
            data = os.pread(self._file, size, self._at) if self._open else b""
            self._at += len(data)
            return data

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._open = False
            os.close(self._file)


async def missing_of(api: Api, hashes: Sequence[str]) -> dict[str, int]:
    """Return those of these contents that the server lacks, with the bytes that it has of each."""
    body = Hashes(hashes=tuple(hashes))
    reply = await api.call("POST", "/api/agent/blobs/missing", MissingReply, json=body)
    return {blob.sha256: blob.received_bytes for blob in reply.missing}


class Uploader:
    """Brings contents to the server; several calls may run at once."""

    def __init__(self, api: Api, patience: Patience) -> None:
        self._api, self._patience = api, patience
        self._claims: dict[str, asyncio.Future[bool]] = {}
        self.bytes_sent = 0

    async def small(self, contents: Mapping[str, bytes]) -> None:
        """Return once the server has all these contents."""
        await self._claimed(contents, lambda mine: self._send_small({h: contents[h] for h in mine}))

    async def large(self, content: LargeContent) -> None:
        """Return once the server has this content; raise ``ContentChanged``, ``FileFailed``, ``FileGone``."""
        await self._claimed((content.sha256,), lambda _: self._send_large(content))

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

    async def _send_small(self, contents: dict[str, bytes]) -> None:
        async def attempt() -> None:
            missing = await missing_of(self._api, list(contents))
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

    async def _send_large(self, content: LargeContent) -> None:
        async def attempt() -> None:
            missing = await missing_of(self._api, [content.sha256])
            if content.sha256 in missing:
                await self._send_from(content, missing[content.sha256])

        try:
            await self._patience.through(attempt, moved=lambda: self.bytes_sent)
        except Refusal as error:
            if error.server_code == "hash_mismatch":
                raise ContentChanged from None
            raise

    async def _send_from(self, content: LargeContent, offset: int) -> None:
        loop = asyncio.get_running_loop()
        size = content.size
        unreadable: list[FileFailed | ContentChanged] = []
        source = _Source(await asyncio.to_thread(content.open_file), offset)

        async def chunks() -> AsyncIterator[bytes]:
            at = offset
            try:
                while at < size:
                    data = await asyncio.to_thread(source.read, min(CHUNK_BYTES, size - at))
                    if not data:
                        raise ContentChanged
                    limit.reschedule(loop.time() + STALLED_S)
                    yield data
                    at += len(data)
                    self.bytes_sent += len(data)
                    content.on_sent(at)
            except (OSError, ContentChanged) as error:
                # The client library wraps what is raised here; kept, so that it can be told from a lost line.
                unreadable.append(FileFailed(reason_of(error)) if isinstance(error, OSError) else error)
                raise
            limit.reschedule(loop.time() + STORE_S)

        try:
            async with asyncio.timeout(STALLED_S) as limit:
                await self._api.call(
                    "PUT",
                    f"/api/agent/blobs/{content.sha256}",
                    BlobStored,
                    data=chunks(),
                    size=size - offset,
                    params={"offset": offset, "size": size, "label": content.label},
                )
        except TimeoutError:
            raise ServerUnreachable(f"{self._api.address} takes nothing any more.") from None
        except ServerUnreachable:
            if unreadable:
                raise unreadable[0] from None
            raise
        finally:
            await asyncio.to_thread(source.close)
