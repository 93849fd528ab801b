"""A sector that cannot be read is damage; a file that may not be read, or a disk that is away, is none."""

import errno
import os
import struct
from pathlib import Path

import pytest

from app.server.problems import STATUS_OF_CODE
from app.store.errors import BlobMissing, Damaged, StoreFailure, StoreLost, StoreUnreadable, StoreUnwritable
from app.store.frames import FRAME_BYTES
from app.store.store import Store
from streams.model.base import utc_now
from tests.app.store.contents import blob_path, made, pieces, read
from tests.app.store.disk import Disk

FOREVER = 10_000


async def put(store: Store, size: int, seed: int = 0) -> tuple[str, bytes]:
    sha256, content = made(size, seed)
    await store.receive(sha256, size, 0, pieces(content))
    return sha256, content


@pytest.mark.parametrize("size", [3000, 6 * FRAME_BYTES])
@pytest.mark.parametrize("operation", ["read", "open"])
async def test_a_bad_sector_is_damage_and_the_next_upload_mends_it(
    store: Store, disk: Disk, size: int, operation: str
) -> None:
    sha256, content = await put(store, size)
    other, _ = await put(store, 500, 1)
    disk.fail(
        operation,
        errno.EIO,
        on=sha256[2:],
        after=1 if size > 3000 and operation == "read" else 0,
        times=FOREVER,
    )
    verified = await store.verify(sha256)
    assert not verified.good
    assert "cannot be read from the disk" in verified.reason
    assert (await store.verify(other)).good
    assert set(await store.missing([sha256, other])) == {sha256}
    disk.heal()
    await store.receive(sha256, size, 0, pieces(content))
    assert (await store.verify(sha256)).good
    assert await read(store, sha256) == content


async def test_a_bad_sector_ends_a_download_as_damaged_and_leaves_out_of_a_batch(
    store: Store, disk: Disk
) -> None:
    sha256, _ = await put(store, 3000)
    other, content = await put(store, 500, 1)
    disk.fail("read", errno.EIO, on=sha256[2:], times=FOREVER)
    assert await store.read_many([sha256, other]) == {other: content}
    with pytest.raises(Damaged):
        await read(store, sha256)
    assert not await store.has(sha256)


async def test_a_disk_that_fails_for_a_moment_damages_nothing(store: Store, disk: Disk) -> None:
    sha256, content = await put(store, 3000)
    disk.fail("read", errno.EIO, on=sha256[2:])
    assert (await store.verify(sha256)).good
    disk.fail("read", errno.EIO, on=sha256[2:])
    with pytest.raises(StoreUnreadable):
        await read(store, sha256)
    assert await read(store, sha256) == content


async def test_a_damaged_content_that_cannot_be_moved_is_damaged_all_the_same(
    store: Store, disk: Disk, root: Path
) -> None:
    sha256, content = await put(store, 3000)
    blob_path(root, sha256).write_bytes(b"rot")
    disk.fail("move", errno.EACCES, on="/damaged/", times=FOREVER)
    assert not (await store.verify(sha256)).good
    assert not await store.has(sha256)
    await store.receive_many([(sha256, content)])
    assert (await store.verify(sha256)).good


@pytest.mark.parametrize("operation", ["read", "open"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ESTALE, errno.ENOMEM])
async def test_what_may_not_be_read_now_is_not_damaged(
    store: Store, disk: Disk, number: int, operation: str
) -> None:
    sha256, content = await put(store, 3000)
    disk.fail(operation, number, on=sha256[2:], times=2)
    with pytest.raises(StoreUnreadable):
        await store.verify(sha256)
    with pytest.raises(StoreUnreadable):
        await read(store, sha256)
    assert await store.has(sha256)
    assert await read(store, sha256) == content


async def test_a_disk_that_answers_nothing_is_lost_and_damages_nothing(store: Store, disk: Disk) -> None:
    sha256, content = await put(store, 3000)
    for operation in ("read", "write", "sync"):
        disk.fail(operation, errno.EIO, times=FOREVER)
    with pytest.raises(StoreLost):
        await store.verify(sha256)
    disk.heal()
    assert await read(store, sha256) == content


async def test_the_copy_that_came_meanwhile_is_not_set_aside(store: Store, disk: Disk, root: Path) -> None:
    """A verification reads an old file to its end while the same content is sent again."""
    sha256, content = await put(store, 6 * FRAME_BYTES)
    path = blob_path(root, sha256)
    good = path.read_bytes()
    path.write_bytes(good[:100_000] + b"rot" + good[100_003:])
    fresh = root / "tmp" / "fresh.new"
    fresh.write_bytes(good)
    replaced = False

    def replace(read_path: Path) -> None:
        nonlocal replaced
        if read_path == path and not replaced and disk.calls[-1][0] == "read":
            replaced = True
            fresh.replace(path)

    disk.before_read = replace
    assert (await store.verify(sha256)).good
    assert replaced
    assert path.read_bytes() == good
    assert await read(store, sha256) == content


async def test_a_copy_that_comes_just_before_the_damaged_one_is_moved_stays(
    store: Store, disk: Disk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file was read again and found damaged again; then the same content is sent."""
    sha256, content = await put(store, 3000)
    path, fresh = blob_path(root, sha256), root / "tmp" / "fresh.new"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    fresh.write_bytes(good)
    stat = disk.stat

    def replace_first(looked_at: Path) -> os.stat_result:
        if looked_at == path and disk.calls.count(("open", path)) == 2 and fresh.exists():
            fresh.replace(path)
        return stat(looked_at)

    monkeypatch.setattr(disk, "stat", replace_first)
    assert (await store.verify(sha256)).good
    assert not fresh.exists()
    assert path.read_bytes() == good
    assert await read(store, sha256) == content


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "empty", "short", "gone"])
async def test_whatever_lies_at_the_place_of_a_content_is_damage(store: Store, root: Path, kind: str) -> None:
    sha256, content = await put(store, 3000)
    path = blob_path(root, sha256)
    if kind == "short":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/hostname")
        case "pipe":
            os.mkfifo(path)
        case "empty":
            path.touch()
        case _:
            pass
    assert not (await store.verify(sha256)).good
    assert not await store.has(sha256)
    if kind != "link":
        await store.receive_many([(sha256, content)])
        assert (await store.verify(sha256)).good


@pytest.mark.parametrize("count", [0, 1 << 20, 2**32 - 1])
async def test_a_table_that_claims_too_much_is_not_read(
    store: Store, disk: Disk, root: Path, count: int
) -> None:
    sha256, _ = await put(store, 3000)
    path = blob_path(root, sha256)
    with path.open("r+b") as file:
        file.truncate(40 << 20)
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<IBI", count, 0, 0x8F92EAB1))
    assert not (await store.verify(sha256)).good


NUMBERS = (
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
    errno.EPERM,
    errno.ENOMEM,
    errno.ENODEV,
)


@pytest.mark.parametrize("number", NUMBERS)
async def test_every_refusal_of_the_file_system_has_a_code(store: Store, disk: Disk, number: int) -> None:
    sha256, content = made(3000)
    large, more = made(2 * FRAME_BYTES)

    async def everything() -> None:
        for work in (
            store.receive(large, len(more), 0, pieces(more)),
            store.receive_many([(sha256, content)]),
            store.missing([sha256, large]),
            store.sizes([sha256, large]),
            store.verify(large),
            read(store, large),
            store.read_many([sha256]),
            store.delete_many([sha256, large]),
            store.size_on_disk(),
        ):
            try:
                await work
            except StoreFailure as failure:
                assert failure.code in STATUS_OF_CODE
                assert failure.hint
            except Damaged:
                assert number == errno.EIO
            except BlobMissing:
                assert not await store.has(large)

    for operation in (
        "create",
        "open",
        "read",
        "write",
        "sync",
        "truncate",
        "move",
        "remove",
        "stat",
        "sync_folder",
    ):
        disk.fail(operation, number, times=FOREVER)
        await everything()
        disk.heal()
    await store.receive_many([(sha256, content)])
    assert await read(store, sha256) == content


async def test_another_disk_at_its_place_is_noticed(store: Store, root: Path, tmp_path: Path) -> None:
    items = [made(500, seed) for seed in range(4)]
    await store.receive_many(items)
    root.rename(tmp_path / "away")
    hashes = [sha256 for sha256, _ in items]

    async def all_lost() -> None:
        for work in (
            store.receive_many([made(9, 9)]),
            store.receive_many(items),
            put(store, FRAME_BYTES, 8),
            store.missing(hashes),
            store.sizes(hashes),
            store.verify(hashes[0]),
            read(store, hashes[0]),
            store.delete_many(hashes),
        ):
            with pytest.raises(StoreFailure):
                await work
        with pytest.raises(StoreLost):
            await store.check()

    await all_lost()
    other = Store(root)
    await other.prepare()
    await other.close()
    await all_lost()
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()
    (tmp_path / "away").rename(root)
    assert set(await store.sizes(hashes)) == set(hashes)


async def test_strange_things_in_tmp_do_not_end_the_start(root: Path) -> None:
    disk = Disk()
    store = Store(root, files=disk)
    await store.prepare()
    (root / "tmp" / "folder").mkdir()
    (root / "tmp" / "link").symlink_to("/nowhere")
    (root / "tmp" / "busy.new").touch()
    ahead = root / "tmp" / f"local.{'a' * 64}.part"
    ahead.touch()
    os.utime(ahead, (2**33, 2**33))
    disk.fail("remove", errno.EPERM, on="busy.new", times=FOREVER)
    await store.prepare()
    assert {path.name for path in (root / "tmp").iterdir()} == {"folder", "busy.new", ahead.name}
    await store.clear_uploads(utc_now(), utc_now())
    assert ahead.stat().st_mtime < 2**32
    # A start does not judge by the clock, which may be wrong; the first round of retention does.
    os.utime(ahead, (0, 0))
    await store.prepare()
    assert ahead.exists()
    await store.clear_uploads(utc_now(), utc_now())
    assert not ahead.exists()


async def test_a_content_from_the_future_counts_from_now_on(store: Store, root: Path) -> None:
    sha256, _ = await put(store, 100)
    os.utime(root / sha256[:2] / sha256[2:], (2**33, 2**33))
    assert (await store.contents_in(sha256[:2]))[sha256] < 2**32
    await store.close()


async def test_a_file_in_the_place_of_a_folder_is_said(root: Path) -> None:
    root.mkdir()
    (root / "a7").touch()
    store = Store(root)
    with pytest.raises(StoreUnwritable, match="a7"):
        await store.prepare()
    await store.close()


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(("size", "batched"), [(3000, True), (3000, False), (6 * FRAME_BYTES, False)])
async def test_a_content_sent_again_replaces_its_damaged_copy(
    store: Store, root: Path, size: int, batched: bool
) -> None:
    sha256, content = await put(store, size)
    flip_a_byte(blob_path(root, sha256))
    assert not (await store.verify(sha256)).good
    assert [path.name for path in (root / "damaged").iterdir()] == [sha256]
    if batched:
        await store.receive_many([(sha256, content)])
    else:
        await store.receive(sha256, size, 0, pieces(content))
    assert list((root / "damaged").iterdir()) == []
    assert await read(store, sha256) == content


async def test_a_start_removes_damaged_copies_of_what_is_whole_and_nothing_else(
    store: Store, root: Path
) -> None:
    sha256, _ = await put(store, 3000)
    lost = "0" * 64
    for name in (sha256, lost, "z" * 64, "notes.txt"):
        (root / "damaged" / name).write_bytes(b"damaged")
    again = Store(root)
    await again.prepare()
    await again.close()
    assert sorted(path.name for path in (root / "damaged").iterdir()) == sorted([lost, "notes.txt", "z" * 64])
