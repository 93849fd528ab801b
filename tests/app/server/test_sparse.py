import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.server.sparse import ZEROS, with_holes
from app.wire.attributes import MAX_SIZE
from streams.model.attributes import Attributes
from streams.model.vocabulary import TransferState
from tests.servers import a_server, entry, until

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


async def test_a_hole_as_large_as_can_be_takes_no_memory() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    tracemalloc.start()
    try:
        # What the list of its pieces would take is refused, not tried.
        whole = with_holes(nothing(), (), 2**40)
        for _ in range(1000):
            assert len(await anext(whole)) == len(ZEROS)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(ZEROS)
    finally:
        tracemalloc.stop()


def _open_contents(data_dir: Path) -> list[str]:
    folder = str(data_dir / "store")
    paths = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.exists()]
    return [path for path in paths if path.startswith(folder) and path.count("/") == folder.count("/") + 2]


@pytest.mark.parametrize("extents", [(), (MAX_SIZE - 2, 2)])
async def test_a_download_of_a_vast_sparse_file_ends_with_its_caller(
    tmp_path: Path, extents: tuple[int, ...]
) -> None:
    """An agent can name such a file with a few bytes; whoever opens it in the console reads zeros."""
    content = b"ab" if extents else b""
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.put_batch(content)
        run = await agent.begin()
        vast = replace(entry("/vast", content), size_bytes=MAX_SIZE, attributes=Attributes(extents=extents))
        await server.post(f"/api/agent/runs/{run.id}/entries", {"entries": [vast]}, dict, http=agent.http)
        ((version, *_), _) = await server.room.catalogue.files.tree(agent.client_id)
        before = await asyncio.to_thread(_open_contents, tmp_path)
        async with server.console.get(f"/api/versions/{version.id}/content") as response:
            assert response.content_length == MAX_SIZE
            assert not any(await response.content.readexactly(5 * len(ZEROS)))
            # Meanwhile others are served.
            await server.get("/api/transfers")
            response.close()
        await until(lambda: server.room.transfers.all()[-1].state is TransferState.CANCELLED)
        await until(lambda: asyncio.to_thread(lambda: _open_contents(tmp_path) == before))
