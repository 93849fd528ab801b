import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store.errors import (
    BadHash,
    BlobMissing,
    Damaged,
    HashMismatch,
    OffsetMismatch,
    StoreFull,
    StoreUnwritable,
    UploadIncomplete,
)
from app.store.frames import FRAME_BYTES
from app.store.receive_buffer import Inflow
from app.store.store import Store
from tests.app.store.contents import blob_path, lost_after, made, pieces, read
from tests.app.store.disk import Disk

SIZES = (0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 5 * FRAME_BYTES + 123)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("packs", [False, True])
async def test_what_is_stored_is_read(store: Store, tmp_path: Path, size: int, packs: bool) -> None:
    sha256, content = made(size, packs=packs)
    stored = await store.receive(sha256, size, 0, pieces(content))
    assert await store.has(sha256)
    assert await store.sizes([sha256]) == {sha256: stored}
    assert stored < size // 20 + 100 if packs else stored < size + size // 4096 + 200
    assert await read(store, sha256) == content
    assert (await store.verify(sha256)).good
    # Any zstd program reads it too.
    packed = blob_path(tmp_path / "store", sha256).read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
        assert reader.read() == content
    assert await store.missing([sha256, "0" * 64]) == ["0" * 64]
    assert [path.name for path in (tmp_path / "store" / "tmp").iterdir()] == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 4 * FRAME_BYTES), length=st.integers(0, 3 * FRAME_BYTES))
async def test_ranges(store: Store, start: int, length: int) -> None:
    sha256, content = made(3 * FRAME_BYTES + 77)
    if not await store.has(sha256):
        await store.receive(sha256, len(content), 0, pieces(content))
    assert await read(store, sha256, start, start + length) == content[start : start + length]
    assert await read(store, sha256, start) == content[start:]


async def test_an_interrupted_upload_goes_on_where_it_was(store: Store) -> None:
    sha256, content = made(5 * FRAME_BYTES + 5)
    cut = 2 * FRAME_BYTES + 1000
    with pytest.raises(ConnectionResetError):
        await store.receive(sha256, len(content), 0, lost_after(content[:cut], ConnectionResetError()))
    assert (await store.received([sha256]))[sha256] == cut
    assert await store.missing([sha256]) == [sha256]
    with pytest.raises(OffsetMismatch) as refused:
        await store.receive(sha256, len(content), cut + 1, pieces(content[cut + 1 :]))
    assert refused.value.received_bytes == cut
    with pytest.raises(UploadIncomplete) as incomplete:
        await store.receive(sha256, len(content), cut, pieces(content[cut : cut + 10]))
    assert incomplete.value.received_bytes == cut + 10
    await store.receive(sha256, len(content), cut + 10, pieces(content[cut + 10 :]))
    assert await read(store, sha256) == content
    assert (await store.received([sha256]))[sha256] == 0


async def test_an_upload_can_begin_again(store: Store) -> None:
    sha256, content = made(2 * FRAME_BYTES)
    with pytest.raises(ConnectionResetError):
        await store.receive(sha256, len(content), 0, lost_after(content[:100], ConnectionResetError()))
    await store.receive(sha256, len(content), 0, pieces(content))
    assert await read(store, sha256) == content


async def test_a_cancelled_upload_keeps_what_came(store: Store) -> None:
    sha256, content = made(3 * FRAME_BYTES)
    came = asyncio.Event()

    async def stalling():
        async for piece in pieces(content[: FRAME_BYTES + 500]):
            yield piece
        came.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(store.receive(sha256, len(content), 0, stalling()))
    await came.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    received = (await store.received([sha256]))[sha256]
    assert received == FRAME_BYTES + 500
    await store.receive(sha256, len(content), received, pieces(content[received:]))
    assert await read(store, sha256) == content


async def test_wrong_bytes_are_not_kept(store: Store) -> None:
    sha256, content = made(FRAME_BYTES + 9)
    with pytest.raises(HashMismatch):
        await store.receive(sha256, len(content), 0, pieces(content[:-1] + b"?"))
    assert await store.received([sha256]) == {sha256: 0}
    with pytest.raises(HashMismatch):
        await store.receive(sha256, len(content), 0, pieces(content + b"more"))
    assert await store.received([sha256]) == {sha256: 0}


async def test_a_damaged_part_has_not_been_received(store: Store, tmp_path: Path) -> None:
    sha256, content = made(4 * FRAME_BYTES)
    cut = 3 * FRAME_BYTES
    with pytest.raises(ConnectionResetError):
        await store.receive(sha256, len(content), 0, lost_after(content[:cut], ConnectionResetError()))
    partial = tmp_path / "store" / "tmp" / f"local.{sha256}.part"
    with partial.open("r+b") as file:
        file.seek(FRAME_BYTES + FRAME_BYTES // 2)
        file.write(b"rot")
    with pytest.raises(OffsetMismatch) as refused:
        await store.receive(sha256, len(content), cut, pieces(content[cut:]))
    assert refused.value.received_bytes == FRAME_BYTES == (await store.received([sha256]))[sha256]
    await store.receive(sha256, len(content), FRAME_BYTES, pieces(content[FRAME_BYTES:]))
    assert await read(store, sha256) == content


async def test_two_uploads_of_one_content_do_not_disturb_each_other(store: Store, tmp_path: Path) -> None:
    sha256, content = made(3 * FRAME_BYTES + 1)
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def slow():
        yield content[: 2 * FRAME_BYTES]
        halfway.set()
        await go_on.wait()
        yield content[2 * FRAME_BYTES :]

    first = asyncio.create_task(store.receive(sha256, len(content), 0, slow()))
    await halfway.wait()
    received = FRAME_BYTES
    while (await store.received([sha256]))[sha256] < received:  # noqa: ASYNC110  (the store tells nobody)
        await asyncio.sleep(0.001)
    # One from the start, one that goes on with what the first has, one that breaks.
    await asyncio.gather(
        store.receive(sha256, len(content), 0, pieces(content)),
        store.receive(sha256, len(content), received, pieces(content[received:])),
    )
    with pytest.raises(ConnectionResetError):
        await store.receive(sha256, len(content), 0, lost_after(content[:5], ConnectionResetError()))
    with pytest.raises(UploadIncomplete):
        await store.receive(sha256, len(content), 0, pieces(content[:5]))
    assert await read(store, sha256) == content
    go_on.set()
    await first
    assert await read(store, sha256) == content
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


async def test_many_small_ones(store: Store) -> None:
    items = [made(seed % 300, seed) for seed in range(200)]
    good = await store.receive_many([*items, items[0]])
    assert sorted(good) == sorted({sha256 for sha256, _ in items})
    for sha256, content in items[::20]:
        assert await read(store, sha256) == content
    wrong = "1" * 64
    more = [made(50, seed) for seed in range(1000, 1010)]
    with pytest.raises(HashMismatch) as refused:
        await store.receive_many([more[0], (wrong, b"other"), *more[1:]])
    assert refused.value.hashes == (wrong,)
    assert await store.missing([sha256 for sha256, _ in more]) == []
    assert not await store.has(wrong)


async def test_a_full_disk_is_said_and_what_was_there_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256, content = made(4 * FRAME_BYTES)
    room = 2 * FRAME_BYTES + FRAME_BYTES // 2
    write = os.pwrite

    def filling(descriptor: int, data: bytes, at: int) -> int:
        if at + len(data) > room:
            part = max(0, room - at)
            if part:
                return write(descriptor, data[:part], at)
            raise OSError(28, "No space left on device")
        return write(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", filling)
    with pytest.raises(StoreFull):
        await store.receive(sha256, len(content), 0, pieces(content))
    monkeypatch.undo()
    received = (await store.received([sha256]))[sha256]
    assert received == 2 * FRAME_BYTES
    await store.receive(sha256, len(content), received, pieces(content[received:]))
    assert await read(store, sha256) == content


@pytest.mark.parametrize("size", [5000, 6 * FRAME_BYTES])
@pytest.mark.parametrize("where", [0.1, 0.5, 0.9, 0.9999])
async def test_damage_is_found_and_set_aside(store: Store, tmp_path: Path, size: int, where: float) -> None:
    sha256, content = made(size)
    await store.receive(sha256, size, 0, pieces(content))
    path = blob_path(tmp_path / "store", sha256)
    at = min(int(path.stat().st_size * where), path.stat().st_size - 1)
    with path.open("r+b") as file:
        file.seek(at)
        was = file.read(1)
        file.seek(at)
        file.write(bytes([was[0] ^ 0x55]))
    got: list[bytes] = []

    async def all_of_it() -> None:
        async for piece in store.open(sha256):
            got.append(piece)

    with pytest.raises(Damaged):
        await all_of_it()
    assert content.startswith(b"".join(got))
    assert len(b"".join(got)) < size
    assert not await store.has(sha256)
    assert not (await store.verify(sha256)).good
    with pytest.raises(Damaged):
        await all_of_it()
    await store.receive(sha256, size, 0, pieces(content))
    assert await read(store, sha256) == content


async def test_a_lost_table_and_a_lost_content_are_damage(store: Store, tmp_path: Path) -> None:
    sha256, content = made(9000)
    await store.receive(sha256, len(content), 0, pieces(content))
    path = blob_path(tmp_path / "store", sha256)
    os.truncate(path, 5)
    assert not (await store.verify(sha256)).good
    assert not (await store.verify("2" * 64)).good
    with pytest.raises(BlobMissing):
        await read(store, "2" * 64)


async def test_the_size_of_all_is_kept_up(store: Store) -> None:
    items = [made(1000 + seed, seed) for seed in range(5)]
    await store.receive_many(items[:2])
    before = await store.size_on_disk()
    await store.receive_many(items)
    sha256, content = made(FRAME_BYTES)
    await store.receive(sha256, len(content), 0, pieces(content))
    await store.delete_many([items[0][0], "3" * 64])
    assert (
        before
        < await store.size_on_disk()
        == sum((await store.sizes([s for s, _ in [*items, (sha256, b"")]])).values())
    )
    assert not await store.has(items[0][0])


async def test_a_restart_clears_what_cannot_be_used(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "store"
    sha256, content = made(FRAME_BYTES * 2)
    with pytest.raises(ConnectionResetError):
        await store.receive(
            sha256, len(content), 0, lost_after(content[:FRAME_BYTES], ConnectionResetError())
        )
    for name in (f"local.{sha256}.3.part", f"local.{sha256}.3.table", f"{sha256}.1.new", f"{sha256}.part"):
        (root / "tmp" / name).write_bytes(b"left")
    again = Store(root)
    await again.prepare()
    assert sorted(path.name for path in (root / "tmp").iterdir()) == [
        f"local.{sha256}.part",
        f"local.{sha256}.table",
    ]
    assert (await again.received([sha256]))[sha256] == FRAME_BYTES
    await again.close()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "/" * 64])
async def test_no_name_leaves_the_folder(store: Store, name: str) -> None:
    with pytest.raises(BadHash):
        await store.has(name)
    with pytest.raises(BadHash):
        await store.receive(name, 1, 0, pieces(b"x"))
    with pytest.raises(BadHash):
        await store.receive_many([(name, b"x")])
    with pytest.raises(BadHash):
        await read(store, name)


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store")
    with pytest.raises(StoreUnwritable):
        await store.prepare()
    await store.close()


@pytest.mark.parametrize(
    ("number", "starts"), [(errno.EROFS, False), (errno.EPERM, False), (errno.ENOSPC, True)]
)
async def test_a_folder_that_takes_no_upload_is_said_at_the_start(
    tmp_path: Path, number: int, starts: bool
) -> None:
    disk = Disk()
    store = Store(tmp_path / "store", files=disk)
    await store.prepare()
    disk.fail("create", number, on="probe")
    with nullcontext() if starts else pytest.raises(StoreUnwritable, match="cannot be written"):
        await store.prepare()
    await store.close()


async def test_a_reader_that_stops_leaves_nothing_open(store: Store) -> None:
    sha256, content = made(8 * FRAME_BYTES)
    await store.receive(sha256, len(content), 0, pieces(content))
    before = len(list(Path("/proc/self/fd").iterdir()))
    reading = store.open(sha256)
    first = await anext(reading)
    assert content.startswith(first)
    await reading.aclose()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert hashlib.sha256(await read(store, sha256)).hexdigest() == sha256


async def test_an_upload_cancelled_between_frames_keeps_whole_frames(store: Store) -> None:
    """Cancelled while one frame is written and the next one waits, with more than a frame in hand."""
    sha256, content = made(6 * FRAME_BYTES + 9)
    for cancelled_after in range(1, 12):
        received = (await store.received([sha256]))[sha256]
        upload = asyncio.create_task(
            store.receive(sha256, len(content), received, pieces(content[received:], FRAME_BYTES * 2 + 7))
        )
        for _ in range(cancelled_after):
            await asyncio.sleep(0)
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
    received = (await store.received([sha256]))[sha256]
    if not await store.has(sha256):
        await store.receive(sha256, len(content), received, pieces(content[received:]))
    assert await read(store, sha256) == content


async def test_what_is_in_hand_is_written_in_frames() -> None:
    frames: list[bytes] = []
    let_go = asyncio.Event()

    class Slow:
        received = 0

        def append(self, raw: bytes) -> None:
            frames.append(raw)

        def close(self) -> None:
            pass

    async def run(work: Callable[[bytes], None], raw: bytes) -> None:
        await let_go.wait()
        work(raw)

    inflow = Inflow(Slow(), run)
    adding = asyncio.create_task(inflow.add(bytes(3 * FRAME_BYTES + 7)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)
    let_go.set()
    await inflow.abandon()
    assert [len(frame) for frame in frames] == [FRAME_BYTES] * 3 + [7]
