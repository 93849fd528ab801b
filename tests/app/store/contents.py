"""Contents for tests."""

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

from app.store.store import Store


def made(size: int, seed: int = 0, *, packs: bool = False) -> tuple[str, bytes]:
    """A content of a size and its hash; one that ``packs`` is text-like."""
    rng = random.Random(seed)
    content = (b"%d line\n" % seed * (size // 6 + 1))[:size] if packs else rng.randbytes(size)
    return hashlib.sha256(content).hexdigest(), content


async def pieces(content: bytes, length: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(content), length):
        yield content[start : start + length]


async def lost_after(content: bytes, error: BaseException) -> AsyncIterator[bytes]:
    """What comes of a connection that breaks."""
    async for piece in pieces(content):
        yield piece
    raise error


async def read(store: Store, sha256: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.open(sha256, start, end)])


def blob_path(root: Path, sha256: str) -> Path:
    return root / sha256[:2] / sha256[2:]
