"""The store in a process that is killed: what it acknowledged is there, what it says it received it has."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from app.store.frames import FRAME_BYTES
from app.store.store import Store
from tests.app.store.contents import made, pieces, read

pytestmark = pytest.mark.timeout(120)

BUSY = """
import asyncio, sys
from pathlib import Path
from app.store.store import Store
from tests.app.store.contents import made, pieces

LARGE = 40 * 1024 * 1024

async def endless(store, first):
    for seed in range(first, 100_000, 2):
        sha256, content = made(20_000, seed)
        await store.receive(sha256, len(content), 0, pieces(content))
        print("stored", seed, flush=True)

async def many(store):
    for first in range(200_000, 300_000, 20):
        await store.receive_many([made(700, seed) for seed in range(first, first + 20)])
        print("many", first, flush=True)

async def large(store):
    sha256, content = made(LARGE, 7)
    async def slowly():
        async for piece in pieces(content):
            yield piece
            await asyncio.sleep(0.0005)
    await store.receive(sha256, LARGE, 0, slowly())

async def main():
    store = Store(Path(sys.argv[1]))
    await store.prepare()
    print("ready", flush=True)
    await asyncio.gather(endless(store, 0), endless(store, 1), many(store), large(store))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [3, 40])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, lines: int) -> None:
    root = tmp_path / "store"
    command = [sys.executable, "-c", BUSY, str(root)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    said = [(await process.stdout.readline()).decode() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += (await process.stdout.read()).decode().splitlines(keepends=True)
    await process.wait()
    acknowledged: list[int] = []
    small: list[int] = []
    for line in said:
        kind, _, number = line.partition(" ")
        if kind == "stored" and line.endswith("\n"):
            acknowledged.append(int(number))
        if kind == "many" and line.endswith("\n"):
            small += range(int(number), int(number) + 20)
    assert acknowledged
    store = Store(root)
    await store.prepare()
    try:
        for seed in acknowledged:
            sha256, content = made(20_000, seed)
            assert await read(store, sha256) == content
        for seed in small:
            assert await store.has(made(700, seed)[0])
        sha256, content = made(40 * 1024 * 1024, 7)
        received = (await store.received([sha256]))[sha256]
        assert received % FRAME_BYTES == 0
        await store.receive(sha256, len(content), received, pieces(content[received:]))
        assert (await store.verify(sha256)).good
    finally:
        await store.close()
