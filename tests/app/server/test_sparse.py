from collections.abc import AsyncIterator

import pytest

from app.server.sparse import ZEROS, with_holes

SIZE = len(ZEROS) * 2 + 10
EXTENTS = (5, 3, len(ZEROS), 6, SIZE - 2, 2)
WHOLE = bytearray(SIZE)
WHOLE[5:8], WHOLE[len(ZEROS) : len(ZEROS) + 6], WHOLE[-2:] = b"abc", b"defghi", b"jk"


@pytest.mark.parametrize("piece", [1, 2, 4, 11])
async def test_the_holes_of_a_sparse_file_are_zeros(piece: int) -> None:
    ended = False

    async def packed() -> AsyncIterator[bytes]:
        nonlocal ended
        for at in range(0, 11, piece):
            yield b"abcdefghijk"[at : at + piece]
        ended = True

    pieces = [each async for each in with_holes(packed(), EXTENTS, SIZE)]
    assert b"".join(pieces) == WHOLE
    # What is stored is read to its end, where its hash is checked.
    assert ended
    assert all(pieces)
