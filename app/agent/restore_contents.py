"""Fetching contents from the server and writing them to the disk, checked against their hashes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import aiohttp
import msgspec

from app.agent.api import Api
from app.agent.incoming_file import Arriving, Damaged
from app.agent.restore_plan import Item
from app.agent.restore_tree import TargetTree
from app.agent.retry import Patience
from app.agent.target_file import InTheWay
from app.wire.blob_batch import BATCH_HEAD_BYTES, decode_batch
from app.wire.http import VersionIds
from streams.model.failures import CommandFailed

WRITE_BYTES = 1024 * 1024
BROKEN_TIMES = 3
"""How often one file may break off while the server answers otherwise."""
EMPTY = hashlib.sha256().hexdigest()
Outcome = tuple[Item, OSError | InTheWay | Damaged | None]
"""A file, and why it could not be written."""


class Broken(Exception):
    """The server began to send a file and broke off."""


class ContentFetcher:
    """Brings the contents of one restore; several calls may run at once."""

    def __init__(self, api: Api, base: str, tree: TargetTree, patience: Patience, *, overwrite: bool) -> None:
        self._api, self._base, self._tree, self._patience = api, base, tree, patience
        self._overwrite = overwrite

    async def contents(self, batch: list[Item]) -> dict[str, bytes]:
        """Return the contents of small files by their hashes; none where the server does not send them."""
        try:
            return await self._patience.through(lambda: self._contents(batch))
        except (CommandFailed, Broken):
            return {}

    async def _contents(self, batch: list[Item]) -> dict[str, bytes]:
        asked = VersionIds(version_ids=tuple({item.sha256: item.version_id for item in batch}.values()))
        body = msgspec.json.encode(asked)
        async with self._api.request("POST", f"{self._base}/versions/contents", data=body) as response:
            expected = sum(item.content_size + BATCH_HEAD_BYTES for item in batch)
            if response.content_length is None or response.content_length > expected:
                raise Broken
            try:
                return dict(decode_batch(await response.read()))
            except ValueError as error:
                raise Broken from error

    def write_all(
        self, batch: list[Item], contents: dict[str, bytes], ended: Callable[[], bool]
    ) -> list[Outcome]:
        """Write what has come; blocks. A restore that was given up stops before the next file."""
        outcomes: list[Outcome] = []
        for item in batch:
            if ended():
                break
            if item.sha256 not in contents:
                continue
            arriving = Arriving(self._tree, item, overwrite=self._overwrite)
            try:
                with closing(arriving):
                    arriving.keep(contents[item.sha256])
            except (OSError, InTheWay, Damaged) as error:
                outcomes.append((item, error))
            else:
                outcomes.append((item, None))
        return outcomes

    async def file(self, item: Item) -> None:
        """Fetch one file and write it; raise ``Damaged``, ``InTheWay``, ``CommandFailed`` or ``OSError``."""
        for left in range(BROKEN_TIMES - 1, -1, -1):
            try:
                return await self._patience.through(lambda: self._fetch(item))
            except Broken:
                if not left:
                    reason = "the server breaks off while it sends it; it may be damaged there"
                    raise Damaged(reason) from None

    async def _fetch(self, item: Item) -> None:
        arriving = Arriving(self._tree, item, overwrite=self._overwrite)
        pending = bytearray()
        try:
            if item.sha256 != EMPTY:
                path = f"{self._base}/versions/{item.version_id}/content"
                params = {} if item.extents is None else {"packed": "true"}
                async with self._api.request("GET", path, params=params) as response:
                    async for chunk in _body(response):
                        pending += chunk
                        if len(pending) >= WRITE_BYTES:
                            await asyncio.to_thread(arriving.write, bytes(pending))
                            pending.clear()
            await asyncio.to_thread(arriving.keep, bytes(pending))
        finally:
            if arriving.is_open:
                await asyncio.shield(asyncio.to_thread(arriving.close))


async def _body(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise Broken from error
