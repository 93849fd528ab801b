"""A stored version into a file: checked against its hash, never over an existing file, never half."""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path

import aiohttp

from app.bridge.http import HttpClient
from streams.failures import CommandFailed

PIECE_BYTES = 1024 * 1024


async def download(http: HttpClient, version_id: int, target: Path) -> Path:
    """Write the bytes to ``target``, or to a free name like it; return the path; raise CommandFailed."""
    try:
        descriptor, name = await asyncio.to_thread(_part_beside, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            async with http.open("GET", f"/api/versions/{version_id}/content", streaming=True) as answer:
                wanted = answer.headers.get("ETag", "").strip('W/"')
                found = await _copy(answer, file.fileno(), target)
            await asyncio.to_thread(os.fsync, file.fileno())
        if wanted and found != wanted:
            raise CommandFailed(
                f"{target.name}: the bytes that came do not have their hash.",
                code="hash_mismatch",
                hint="Verify the file.",
            )
        return await asyncio.to_thread(_publish, part, target)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)


async def _copy(answer: aiohttp.ClientResponse, descriptor: int, target: Path) -> str:
    digest = hashlib.sha256()

    def write(piece: bytes) -> None:
        digest.update(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        try:
            await asyncio.to_thread(write, piece)
        except OSError as error:
            raise _unwritable(target, error) from error
    return digest.hexdigest()


def _part_beside(target: Path) -> tuple[int, str]:
    target.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)


def _publish(part: Path, target: Path) -> Path:
    """Give the finished file its name, or the first free one like it; nothing is overwritten."""
    number = 0
    while True:
        name = target if not number else target.with_stem(f"{target.stem} ({number})")
        try:
            name.hardlink_to(part)
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise _unwritable(name, error) from error
        return name


def _unwritable(path: Path, error: OSError) -> CommandFailed:
    return CommandFailed(
        f"{path}: cannot be written: {error.strerror or error}.",
        code="not_written",
        hint="Choose another folder, or make room.",
    )
