"""A stored version into a file: checked against its hash, never over an existing file, never half."""

import asyncio
import hashlib
from pathlib import Path

import aiohttp

from app.bridge.http import HttpClient
from streams.failures import CommandFailed
from streams.new_file import NewFile, make_folder

PIECE_BYTES = 1024 * 1024


async def download(http: HttpClient, version_id: int, target: Path) -> Path:
    """Write the bytes to ``target``, or to a free name like it; return the path; raise CommandFailed."""

    def begin() -> NewFile:
        make_folder(target)
        return NewFile(target, numbered=True)

    new = await asyncio.to_thread(begin)
    try:
        async with http.open("GET", f"/api/versions/{version_id}/content", streaming=True) as answer:
            wanted = answer.headers.get("ETag", "").strip('W/"')
            found = await _copy(answer, new)
        if wanted and found != wanted:
            raise CommandFailed(
                f"{target.name}: checksum mismatch.",
                code="hash_mismatch",
                hint="Verify the file.",
            )
        return await asyncio.to_thread(new.publish)
    finally:
        await asyncio.to_thread(new.discard)


async def _copy(answer: aiohttp.ClientResponse, new: NewFile) -> str:
    digest = hashlib.sha256()

    def write(piece: bytes) -> None:
        digest.update(piece)
        new.write(piece)

    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        await asyncio.to_thread(write, piece)
    return digest.hexdigest()
