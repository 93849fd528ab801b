"""Acknowledged contents survive a loss of power, whichever sync has failed before."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.store.errors import HashMismatch, StoreFailure, StoreFull, StoreUnwritable
from app.store.frames import FRAME_BYTES
from app.store.store import Store
from tests.app.store.contents import blob_path, lost_after, made, pieces, read
from tests.app.store.disk import Disk

Send = Callable[[Store], Awaitable[object]]
SMALL = [made(700 + seed, seed) for seed in range(6)]
LARGE = made(2 * FRAME_BYTES + 5, 99)


async def send_small(store: Store) -> None:
    lacking = await store.missing([sha256 for sha256, _ in SMALL])
    await store.receive_many([item for item in SMALL if item[0] in lacking])


async def send_large(store: Store) -> None:
    sha256, content = LARGE
    lacking = await store.missing([sha256])
    if sha256 in lacking:
        at = (await store.received([sha256]))[sha256]
        await store.receive(sha256, len(content), at, pieces(content[at:]))


@pytest.mark.parametrize("send", [send_small, send_large])
@pytest.mark.parametrize("failing", [(name, after) for name in ("sync", "sync_folder") for after in range(8)])
async def test_after_a_failed_sync_all_is_written_again(
    store: Store, disk: Disk, root: Path, send: Send, failing: tuple[str, int]
) -> None:
    operation, after = failing
    disk.fail(operation, errno.EIO, after=after)
    failed = False
    for _ in range(3):
        try:
            await send(store)
        except StoreUnwritable:
            failed = True
        else:
            break
    sent = SMALL if send is send_small else [LARGE]
    assert failed or after >= len(sent)
    for sha256, content in sent:
        assert await store.has(sha256)
        assert disk.survives(blob_path(root, sha256))
        assert await read(store, sha256) == content


async def test_without_a_folder_that_syncs_nothing_is_there(store: Store, disk: Disk) -> None:
    disk.fail("sync_folder", errno.EIO, times=1000)
    hashes = [sha256 for sha256, _ in SMALL]
    for _ in range(2):
        with pytest.raises(StoreUnwritable):
            await store.receive_many(SMALL)
        with pytest.raises(StoreUnwritable):
            await send_large(store)
        assert set(await store.missing(hashes)) == set(hashes)
        assert await store.sizes([*hashes, LARGE[0]]) == {}


async def test_a_name_that_could_not_be_synced_is_not_there_after_a_restart(
    store: Store, disk: Disk, root: Path
) -> None:
    disk.fail("sync_folder", errno.EIO, times=2)
    with pytest.raises(StoreUnwritable):
        await store.receive_many(SMALL[:1])
    with pytest.raises(StoreUnwritable):
        await send_large(store)
    again = Store(root)
    await again.prepare()
    assert not await again.has(SMALL[0][0])
    assert not await again.has(LARGE[0])
    await again.close()


@pytest.mark.parametrize("stays", [False, True])
async def test_what_came_before_a_failed_sync_has_not_been_received(
    store: Store, disk: Disk, root: Path, *, stays: bool
) -> None:
    sha256, content = LARGE
    with pytest.raises(ConnectionResetError):
        await store.receive(
            sha256, len(content), 0, lost_after(content[:FRAME_BYTES], ConnectionResetError())
        )
    disk.fail("sync", errno.EIO)
    if stays:
        disk.fail("remove", errno.EIO, times=2)
    with pytest.raises(StoreUnwritable):
        await store.receive(sha256, len(content), FRAME_BYTES, pieces(content[FRAME_BYTES:]))
    assert (await store.received([sha256]))[sha256] == 0
    assert await store.missing([sha256]) == [sha256]
    await send_large(store)
    assert disk.survives(blob_path(root, sha256))


async def test_the_failed_sync_of_another_counts_for_all_in_the_folder(
    store: Store, disk: Disk, root: Path
) -> None:
    """The kernel tells one of them only: the other's sync goes well though its name may be lost."""
    first = SMALL[0]
    second = next(item for seed in range(2000) if (item := made(64, seed))[0][:2] == first[0][:2])
    disk.fail("sync_folder", errno.EIO)
    outcomes = await asyncio.gather(
        store.receive_many([first]), store.receive_many([second]), return_exceptions=True
    )
    assert any(isinstance(outcome, StoreUnwritable) for outcome in outcomes)
    for (sha256, _), outcome in zip((first, second), outcomes, strict=True):
        if not isinstance(outcome, StoreFailure):
            assert disk.survives(blob_path(root, sha256))
        else:
            assert not await store.has(sha256)


async def test_of_a_batch_that_is_cancelled_nothing_unsynced_is_there(
    store: Store, disk: Disk, root: Path
) -> None:
    for turns in range(1, 30):
        items = [made(90, turns * 100 + seed) for seed in range(12)]
        batch = asyncio.create_task(store.receive_many(items))
        for _ in range(turns):
            await asyncio.sleep(0)
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
        for sha256 in await store.sizes([sha256 for sha256, _ in items]):
            assert disk.survives(blob_path(root, sha256))
        await store.receive_many(items)
        for sha256, _ in items:
            assert disk.survives(blob_path(root, sha256))


async def test_one_that_cannot_be_written_does_not_lose_the_others(store: Store, disk: Disk) -> None:
    disk.fail("create", errno.EACCES, on=SMALL[2][0])
    with pytest.raises(StoreUnwritable):
        await store.receive_many(SMALL)
    assert set(await store.missing([sha256 for sha256, _ in SMALL])) == {SMALL[2][0]}


async def test_a_table_that_cannot_be_cut_back_hides_no_full_disk(store: Store, disk: Disk) -> None:
    sha256, content = LARGE
    disk.fail("write", errno.ENOSPC, on=".part", after=1)
    disk.fail("truncate", errno.EIO, on=".table", after=1, times=9)
    with pytest.raises(StoreFull):
        await store.receive(sha256, len(content), 0, pieces(content))
    disk.heal()
    assert (await store.received([sha256]))[sha256] == FRAME_BYTES
    await send_large(store)
    assert await read(store, sha256) == content


async def test_wrong_bytes_that_cannot_be_removed_are_not_gone_on_with(store: Store, disk: Disk) -> None:
    sha256, content = LARGE
    disk.fail("remove", errno.EIO, times=2)
    with pytest.raises(HashMismatch):
        await store.receive(sha256, len(content), 0, pieces(content[:-1] + b"?"))
    assert (await store.received([sha256]))[sha256] == 0
    await send_large(store)
    assert await read(store, sha256) == content


async def test_what_is_sent_again_replaces_a_copy_that_has_rotted(store: Store, root: Path) -> None:
    for item in (SMALL[0], LARGE):
        sha256, content = item
        await store.receive(sha256, len(content), 0, pieces(content))
        path = blob_path(root, sha256)
        path.write_bytes(b"?" * path.stat().st_size)
        if item is LARGE:
            await store.receive(sha256, len(content), 0, pieces(content))
        else:
            await store.receive_many([item])
        assert await read(store, sha256) == content
        assert await store.size_on_disk() == sum(
            each.stat().st_size
            for folder in root.iterdir()
            if len(folder.name) == 2
            for each in folder.iterdir()
        )


async def test_a_removal_that_is_not_durable_is_said(store: Store, disk: Disk) -> None:
    await store.receive_many(SMALL)
    disk.fail("sync_folder", errno.EIO)
    with pytest.raises(StoreUnwritable):
        await store.delete_many([sha256 for sha256, _ in SMALL])
    await store.delete_many([sha256 for sha256, _ in SMALL])
    assert await store.size_on_disk() == 0
