import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.catalogue.catalogue import Catalogue
from app.server.limits import Limits
from app.server.problems import Refused
from app.server.quota import Quota
from app.store.errors import UploadIncomplete
from app.store.store import Store
from tests.app.catalogue.seeds import Clock, enrol, sha
from tests.servers import lay_blank

FIRST, SECOND = sha("first"), sha("second")


class BusyStore(Store):
    """A store on which something else happens while a question is answered."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, threads=2)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def partial_bytes(self, owner: str, hashes: Collection[str] = ()) -> int:
        taken = await super().partial_bytes(owner, hashes)
        if self.meanwhile is not None:
            await self.meanwhile()
        return taken


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[Catalogue]:
    await asyncio.to_thread(lay_blank, tmp_path)
    opened = await Catalogue.open(tmp_path / "catalogue.db", on_commit=lambda _: None, now=Clock())
    yield opened
    await opened.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[BusyStore]:
    made = BusyStore(tmp_path / "store")
    await made.prepare()
    yield made
    await made.close()


def quota_of(catalogue: Catalogue, store: Store, quota_bytes: int) -> Quota:
    return Quota(catalogue=catalogue, store=store, limits=Limits(quota_bytes=quota_bytes))


async def is_refused(quota: Quota, client_id: str, sizes: dict[str, int]) -> bool:
    try:
        async with quota.reserve(client_id, sizes):
            return False
    except Refused as refusal:
        assert refusal.problem.code == "quota_exceeded"
        return True


async def test_what_a_running_upload_has_received_counts_once(catalogue: Catalogue, store: BusyStore) -> None:
    client = await enrol(catalogue)
    content = os.urandom(4_000_000)

    async def half() -> AsyncIterator[bytes]:
        yield content[:3_000_000]

    quota = quota_of(catalogue, store, 5_000_000)
    async with quota.reserve(client.id, {FIRST: len(content)}):
        with pytest.raises(UploadIncomplete):
            await store.receive(FIRST, len(content), 0, half(), client.id)
        assert await store.partial_bytes(client.id) > 2_000_000
        assert not await is_refused(quota, client.id, {SECOND: 1_000_000})
        assert await is_refused(quota, client.id, {SECOND: 1_000_001})
        # Of the same content only one will be held.
        assert not await is_refused(quota, client.id, {FIRST: len(content)})
    assert not await is_refused(quota, client.id, {SECOND: 1_000_000})
    assert await is_refused(quota, client.id, {SECOND: 3_000_000})


@pytest.mark.parametrize(("quota_bytes", "refused"), [(120, False), (119, True)])
async def test_an_upload_that_ends_during_a_check_counts_once(
    catalogue: Catalogue, store: BusyStore, quota_bytes: int, *, refused: bool
) -> None:
    client = await enrol(catalogue)
    quota = quota_of(catalogue, store, quota_bytes)
    async with AsyncExitStack() as running:
        await running.enter_async_context(quota.reserve(client.id, {FIRST: 60}))

        async def end() -> None:
            await catalogue.contents.receive(client.id, {FIRST: 60})
            await running.aclose()

        store.meanwhile = end
        assert await is_refused(quota, client.id, {SECOND: 60}) is refused


async def test_two_uploads_at_once_do_not_both_take_the_last_room(
    catalogue: Catalogue, store: BusyStore
) -> None:
    client = await enrol(catalogue)
    quota = quota_of(catalogue, store, 100)
    async with quota.reserve(client.id, {FIRST: 60}):
        assert await is_refused(quota, client.id, {SECOND: 60})
        assert not await is_refused(quota, client.id, {SECOND: 40})
    # What was refused holds no room.
    assert not await is_refused(quota, client.id, {SECOND: 100})
