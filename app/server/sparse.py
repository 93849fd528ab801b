"""A sparse file as others see it: zeros where it has holes."""

from collections.abc import AsyncIterator

from app.attributes import data_ranges

ZEROS = bytes(1024 * 1024)


async def with_holes(
    packed: AsyncIterator[bytes], extents: tuple[int, ...], size_bytes: int
) -> AsyncIterator[bytes]:
    """Yield a whole file of which ``packed`` are the parts that ``extents`` place."""
    at = 0
    piece = b""
    for offset, length in data_ranges(extents):
        for zeros in _zeros(offset - at):
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
    for zeros in _zeros(size_bytes - at):
        yield zeros


def _zeros(size: int) -> list[bytes]:
    whole, rest = divmod(size, len(ZEROS))
    return [ZEROS] * whole + ([ZEROS[:rest]] if rest else [])
