"""The bytes of a stored version, as they come from the server, checked against their hash."""

import hashlib
from collections.abc import AsyncGenerator

from app.bridge.http import HttpClient
from streams.model.failures import CommandFailed

PIECE_BYTES = 256 * 1024


async def read_version(http: HttpClient, version_id: int) -> AsyncGenerator[bytes]:
    """Give the bytes of a version in pieces; raise CommandFailed at the end where they are other ones.

    Whoever writes them somewhere keeps nothing of them in that case.
    """
    digest = hashlib.sha256()
    async with http.open("GET", f"/api/versions/{version_id}/content", streaming=True) as answer:
        wanted = answer.headers.get("ETag", "").strip('W/"')
        async for piece in answer.content.iter_chunked(PIECE_BYTES):
            digest.update(piece)
            yield piece
    if wanted and digest.hexdigest() != wanted:
        raise CommandFailed(
            f"Version {version_id}: checksum mismatch.", code="hash_mismatch", hint="Verify the file."
        )
