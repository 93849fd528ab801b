"""A sparse file as others see it: zeros where it has holes."""

import asyncio
from collections.abc import AsyncIterator

from app.wire.attributes import data_ranges

ZEROS = bytes(1024 * 1024)


async def with_holes(
    packed: AsyncIterator[bytes], extents: tuple[int, ...], size_bytes: int
) -> AsyncIterator[bytes]:
    """Yield a whole file of which ``packed`` are the parts that ``extents`` place."""
    at = 0
    piece = b""
    for offset, length in data_ranges(extents):
        async for zeros in _zeros(offset - at):
            yield zeros
        left = length
        while left:
            piece = piece or await anext(packed)
            yield piece[:left]
            piece, left = piece[left:], left - min(left, len(piece))
        at = offset + length
    # The end of what is stored shows whether all of it was good.
    async for _ in packed:
        pass
    async for zeros in _zeros(size_bytes - at):
        yield zeros


async def _zeros(size: int) -> AsyncIterator[bytes]:
    # A piece at a time: a hole may be as large as a number can say.
    while size > 0:
        yield ZEROS[:size]
        size -= len(ZEROS)
        # Nothing is waited for here, and a caller that reads quickly must not keep all others waiting.
        await asyncio.sleep(0)
