"""Sending contents to the server: nothing twice, nothing that it knows, on from where a cut came."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

from app.agent.api import Api
from app.agent.body_size import BodySize
from app.agent.content_source import LargeContent, open_source
from app.agent.failures import Refusal, is_of_run, is_passing
from app.agent.names import reason_of
from app.agent.reading import FileFailed
from app.agent.retry import Patience
from app.wire.blob_batch import BATCH_BYTES, BATCH_HEAD_BYTES, encode_batch
from app.wire.http import BatchStored, BlobStored, Hashes, MissingReply
from streams.model.failures import ServerUnreachable

CHUNK_BYTES = 1024 * 1024
MAX_PIECE_BYTES = 2**63
"""A large content is sent in one request, unless something between refuses its size."""
MAX_OFFSET_MISMATCHES = 8
"""How often the server may say that a content stands elsewhere than it said before."""
MAX_REFUSED_IN_A_ROW = 200
"""So many contents one after another, and it is not the contents."""
TOO_LARGE = 413
STALLED_S = 60.0
"""The server takes nothing for so long: the connection is dead."""
STORE_S = 300.0
"""How long the server may take to make a large content durable once it has all of it."""


class ContentChanged(Exception):
    """What was sent did not have the hash that was announced: the file changes."""


async def missing_of(api: Api, hashes: Sequence[str]) -> dict[str, int]:
    """Return those of these contents that the server lacks, with the bytes that it has of each."""
    body = Hashes(hashes=tuple(hashes))
    try:
        reply = await api.call("POST", "/api/agent/blobs/missing", MissingReply, json=body)
    except Refusal as error:
        if error.status != TOO_LARGE or len(hashes) == 1:
            raise
        half = len(hashes) // 2
        return await missing_of(api, hashes[:half]) | await missing_of(api, hashes[half:])
    return {blob.sha256: blob.received_bytes for blob in reply.missing}


def _size(batch: Iterable[tuple[str, bytes]]) -> int:
    return sum(len(content) + BATCH_HEAD_BYTES for _, content in batch)


class Uploader:
    """Brings contents to the server; several calls may run at once."""

    def __init__(self, api: Api, patience: Patience) -> None:
        self._api, self._patience = api, patience
        self._claims: dict[str, asyncio.Future[bool]] = {}
        self._batches = BodySize(BATCH_BYTES)
        self._pieces = BodySize(MAX_PIECE_BYTES)
        self._refused_in_a_row = 0
        self.bytes_sent = 0

    async def small(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Return once the server has these contents: those it does not take, each with the reason."""
        return await self._claimed(contents, lambda mine: self._send_small({h: contents[h] for h in mine}))

    async def large(self, content: LargeContent) -> None:
        """Return once the server has this content; raise ``ContentChanged``, ``FileFailed``, ``FileGone``."""
        await self._claimed((content.sha256,), lambda _: self._send_large(content))

    async def lost(self, hashes: Iterable[str]) -> list[str]:
        """Return those contents that the server lacks by now; given again, they are sent again."""
        wanted = list(dict.fromkeys(hashes))
        missing = await self._patience.through(lambda: missing_of(self._api, wanted))
        for sha256 in missing:
            claim = self._claims.get(sha256)
            if claim is not None and claim.done():
                del self._claims[sha256]
        return list(missing)

    def _refuse(self, error: Refusal) -> str:
        """Return why one content is refused; raise where every content is, or the run itself."""
        self._refused_in_a_row += 1
        if is_of_run(error) or self._refused_in_a_row >= MAX_REFUSED_IN_A_ROW:
            raise error
        return f"the server refuses it: {error.message}"

    async def _claimed(
        self, hashes: Iterable[str], send: Callable[[list[str]], Awaitable[dict[str, str]]]
    ) -> dict[str, str]:
        """Send what nobody else is sending or has sent, then wait for the rest; return what is refused."""
        wanted = list(hashes)
        refused: dict[str, str] = {}
        while wanted:
            mine = [sha256 for sha256 in wanted if sha256 not in self._claims]
            theirs = [(sha256, self._claims[sha256]) for sha256 in wanted if sha256 in self._claims]
            loop = asyncio.get_running_loop()
            for sha256 in mine:
                self._claims[sha256] = loop.create_future()
            try:
                fresh = await send(mine) if mine else {}
            except BaseException:
                for sha256 in mine:
                    self._claims.pop(sha256).set_result(False)
                raise
            refused |= fresh
            for sha256 in mine:
                if sha256 in fresh:
                    self._claims.pop(sha256).set_result(False)
                else:
                    self._claims[sha256].set_result(True)
            done = [(sha256, await asyncio.shield(claim)) for sha256, claim in theirs]
            wanted = [sha256 for sha256, good in done if not good]
        return refused

    async def _send_small(self, contents: dict[str, bytes]) -> dict[str, str]:
        refused: dict[str, str] = {}

        async def attempt() -> None:
            wanted = [sha256 for sha256 in contents if sha256 not in refused]
            missing = list(await missing_of(self._api, wanted))
            while missing:
                part = self._batches.take(missing, lambda sha256: len(contents[sha256]) + BATCH_HEAD_BYTES)
                batch = [(sha256, contents[sha256]) for sha256 in part]
                try:
                    await self._send_batch(batch)
                except Refusal as error:
                    if is_passing(error):
                        raise
                    too_large = error.status == TOO_LARGE
                    if too_large and self._batches.fail(_size(batch), for_good=True) and len(batch) > 1:
                        continue
                    # One of them is refused: by itself each shows whether it is the one.
                    for sha256, content in batch:
                        refused.update(await self._send_single(sha256, content))
                except ServerUnreachable:
                    self._batches.fail(_size(batch))
                    raise
                else:
                    self._batches.succeed()
                    self._refused_in_a_row = 0
                del missing[: len(part)]

        await self._patience.through(attempt, moved=lambda: self.bytes_sent)
        return refused

    async def _send_single(self, sha256: str, content: bytes) -> dict[str, str]:
        try:
            await self._send_batch([(sha256, content)])
        except Refusal as error:
            if is_passing(error):
                raise
            if error.status == TOO_LARGE:
                return await self._send_in_pieces(sha256, content)
            return {sha256: self._refuse(error)}
        self._refused_in_a_row = 0
        return {}

    async def _send_in_pieces(self, sha256: str, content: bytes) -> dict[str, str]:
        """Send a small content that something between does not let through as a whole."""
        try:
            return await self._send_large(LargeContent(content, sha256, len(content)))
        except FileFailed as error:
            return {sha256: str(error)}
        except ContentChanged:
            return {sha256: "the server does not get the bytes that are sent"}

    async def _send_batch(self, batch: list[tuple[str, bytes]]) -> None:
        await self._api.call("POST", "/api/agent/blobs/batch", BatchStored, data=encode_batch(batch))
        self.bytes_sent += sum(len(content) for _, content in batch)

    async def _send_large(self, content: LargeContent) -> dict[str, str]:
        mismatches, reached = 0, -1

        async def attempt() -> None:
            nonlocal mismatches, reached
            while True:
                missing = await missing_of(self._api, [content.sha256])
                if content.sha256 not in missing:
                    return
                offset = missing[content.sha256]
                end = min(content.size, offset + self._pieces.limit)
                try:
                    await self._send_from(content, offset, end)
                except Refusal as error:
                    if error.server_code == "upload_incomplete" and reached < offset < end < content.size:
                        reached = offset
                        continue  # The server keeps what has come; this was not meant to be all.
                    if error.status == TOO_LARGE and self._pieces.fail(end - offset, for_good=True):
                        continue
                    mismatches += error.server_code == "offset_mismatch"
                    if mismatches > MAX_OFFSET_MISMATCHES:
                        raise FileFailed(self._refuse(error)) from None
                    raise

        try:
            await self._patience.through(attempt, moved=lambda: self.bytes_sent)
        except Refusal as error:
            if error.server_code == "hash_mismatch":
                raise ContentChanged from None
            raise FileFailed(self._refuse(error)) from None
        self._refused_in_a_row = 0
        return {}

    async def _send_from(self, content: LargeContent, offset: int, end: int) -> None:
        """Send the bytes from ``offset`` to ``end``: a proxy may bound the body of a request."""
        loop = asyncio.get_running_loop()
        unreadable: list[FileFailed | ContentChanged] = []
        source = await open_source(content, offset)

        async def chunks() -> AsyncIterator[bytes]:
            at = offset
            try:
                while at < end:
                    data = await asyncio.to_thread(source.read, min(CHUNK_BYTES, end - at))
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
                    size=end - offset,
                    params={"offset": offset, "size": content.size, "label": content.label},
                )
        except TimeoutError:
            raise ServerUnreachable(f"{self._api.address} takes nothing any more.") from None
        except ServerUnreachable:
            if unreadable:
                raise unreadable[0] from None
            raise
        finally:
            await asyncio.to_thread(source.close)
