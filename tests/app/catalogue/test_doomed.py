"""Contents leave the store only after the commit that forgets them, and in a write that no upload shares."""

import asyncio
import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.catalogue import doomed as doomed_module
from app.catalogue.catalogue import Catalogue
from app.catalogue.doomed import revive
from app.catalogue.schema import blobs, doomed_contents
from app.catalogue.transaction import Transaction
from streams.model.clients import Client
from streams.model.files import FileQuery
from tests.app.catalogue.seeds import Clock, back_up, enrol, entry, sha


class FakeStore:
    """Notes what is taken from it, and what a second connection then sees of it in the catalogue."""

    def __init__(self, catalogue: Path) -> None:
        self._catalogue = catalogue
        self.removed: list[str] = []
        self.synced: list[str] = []
        self.refused: set[str] = set()
        self.known_when_removed: list[int] = []
        self.during: list[Catalogue] = []

    async def unlink_many(self, hashes: Collection[str]) -> list[str]:
        with closing(sqlite3.connect(self._catalogue)) as database:
            for sha256 in hashes:
                question = "SELECT count(*) FROM blobs WHERE sha256 = ?"
                self.known_when_removed += database.execute(question, (bytes.fromhex(sha256),)).fetchone()
        gone = [sha256 for sha256 in hashes if sha256 not in self.refused]
        self.removed += gone
        return gone

    async def sync_removed(self, hashes: Collection[str]) -> None:
        self.synced += hashes


@pytest.fixture
def store(tmp_path: Path) -> FakeStore:
    return FakeStore(tmp_path / "catalogue.db")


async def _deleted(catalogue: Catalogue, client: Client, clock: Clock, *contents: str) -> None:
    await back_up(catalogue, client, *(entry(f"f {content}", content) for content in contents))
    rows = (await catalogue.files.page(FileQuery(limit=1000, text="f "))).rows
    await catalogue.files.delete([row.id for row in rows])
    clock.forward(days=40)


async def _purge(catalogue: Catalogue, clock: Clock) -> int:
    return await catalogue.files.purge(clock.at - timedelta(days=30))


async def _waiting(catalogue: Catalogue) -> list[str]:
    rows = await catalogue.readers.rows(select(doomed_contents.c.sha256))
    return sorted(row.sha256.hex() for row in rows)


async def test_the_catalogue_has_forgotten_what_leaves_the_store(
    catalogue: Catalogue, clock: Clock, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doomed_module, "MAX_REMOVED", 2)
    client = await enrol(catalogue)
    contents = ["one", "two", "three", "four", "five"]
    await _deleted(catalogue, client, clock, *contents)
    assert await _purge(catalogue, clock) == 5
    assert store.removed == []
    assert await _waiting(catalogue) == sorted(sha(content) for content in contents)
    assert (await catalogue.files.summary()).blob_bytes == 0
    assert await catalogue.doomed.drop(store) == 5
    assert sorted(store.removed) == sorted(store.synced) == sorted(sha(content) for content in contents)
    assert store.known_when_removed == [0] * 5
    assert await _waiting(catalogue) == []


async def test_what_was_doomed_in_the_same_commit_stays_until_it_is_durable(
    catalogue: Catalogue, clock: Clock, store: FakeStore
) -> None:
    """Writes that wait together share a commit: a content may be doomed in one and due in another."""
    client = await enrol(catalogue)
    await _deleted(catalogue, client, clock, "one")
    started = asyncio.Event()

    def holds_the_writer(_: Transaction) -> None:
        catalogue_loop.call_soon_threadsafe(started.set)
        release.result()

    catalogue_loop = asyncio.get_running_loop()
    import concurrent.futures

    release: concurrent.futures.Future[None] = concurrent.futures.Future()
    holding = asyncio.create_task(catalogue.writer.write(holds_the_writer))
    await started.wait()
    purge, drop = (
        asyncio.create_task(_purge(catalogue, clock)),
        asyncio.create_task(catalogue.doomed.drop(store)),
    )
    await asyncio.sleep(0.05)
    release.set_result(None)
    await asyncio.gather(holding, purge, drop)
    assert store.known_when_removed == [0] * len(store.removed)
    await catalogue.doomed.drop(store)
    assert store.removed == [sha("one")]


async def test_a_content_that_was_sent_again_stays(
    catalogue: Catalogue, clock: Clock, store: FakeStore
) -> None:
    client = await enrol(catalogue)
    await _deleted(catalogue, client, clock, "one", "two")
    await _purge(catalogue, clock)
    await catalogue.writer.write(lambda transaction: revive(transaction, [sha("one")]))
    assert await catalogue.doomed.drop(store) == 1
    assert store.removed == [sha("two")]


async def test_a_backup_of_the_same_content_revives_it(
    catalogue: Catalogue, clock: Clock, store: FakeStore
) -> None:
    client = await enrol(catalogue)
    await _deleted(catalogue, client, clock, "one")
    await _purge(catalogue, clock)
    await back_up(catalogue, client, entry("again", "one"))
    assert await catalogue.doomed.drop(store) == 0
    assert [row.sha256.hex() for row in await catalogue.readers.rows(select(blobs.c.sha256))] == [sha("one")]


async def test_one_that_the_disk_refuses_does_not_stop_the_others(
    catalogue: Catalogue, clock: Clock, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doomed_module, "MAX_REMOVED", 1)
    client = await enrol(catalogue)
    await _deleted(catalogue, client, clock, "one", "two", "three")
    await _purge(catalogue, clock)
    store.refused = {sha("two")}
    assert await catalogue.doomed.drop(store) == 2
    assert await _waiting(catalogue) == [sha("two")]
    store.refused = set()
    assert await catalogue.doomed.drop(store) == 1
    assert await _waiting(catalogue) == []
