"""A catalogue knows its store: an empty folder, or another disk, in its place is noticed at the start."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.fresh_database import store_known_to
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from app.store.errors import StoreLost
from tests.servers import a_server, sha256_of, until

FILES = {"/a": b"one", "/b": b"two"}


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


async def back_up(data: Path) -> None:
    async with a_server(data) as server:
        await (await server.enrol("web")).back_up(FILES)


@pytest.mark.parametrize("instead", ["nothing", "empty", "another"])
async def test_without_its_store_the_server_does_not_start(tmp_path: Path, instead: str) -> None:
    data, away = tmp_path / "data", tmp_path / "away"
    await back_up(data)
    store = data / STORE_FOLDER
    await in_thread(store.rename, away)
    if instead == "empty":
        await in_thread(store.mkdir)
    if instead == "another":
        await back_up(tmp_path / "other")
        await in_thread(shutil.move, tmp_path / "other" / STORE_FOLDER, store)
    with pytest.raises(StoreLost, match="is not the store of this catalogue"):
        async with a_server(data):
            pass
    # A folder to mount a disk on is left as it is.
    assert instead == "another" or not store.exists() or not await in_thread(lambda: list(store.iterdir()))
    await in_thread(shutil.rmtree, store, True)
    await in_thread(away.rename, store)
    async with a_server(data) as server:
        assert (await server.post("/api/verify"))["damaged"] == []


async def test_a_copy_without_the_identity_is_taken_for_the_store(tmp_path: Path) -> None:
    await back_up(tmp_path)
    await in_thread((tmp_path / STORE_FOLDER / "identity").unlink)
    async with a_server(tmp_path) as server:
        assert (await server.post("/api/verify"))["damaged"] == []
    async with a_server(tmp_path):
        pass


async def test_a_new_store_is_taken_when_told_and_what_it_lacks_is_sent_again(tmp_path: Path) -> None:
    await back_up(tmp_path)
    await in_thread(shutil.rmtree, tmp_path / STORE_FOLDER)
    async with a_server(tmp_path, new_store=True) as server:

        async def all_damaged() -> bool:
            return {row["state"] for row in (await server.get("/api/files"))["rows"]} == {"damaged"}

        await until(all_damaged)
        known = server.room.data_dir / CATALOGUE_FILE
        # It is the catalogue's own only when all of it was looked at.

        async def taken_over() -> bool:
            return await in_thread(store_known_to, known) == server.room.store.identity

        await until(taken_over)
        agent = await server.enrol("web")
        hashes = sorted(sha256_of(content) for content in FILES.values())
        asked = await server.post("/api/agent/blobs/missing", {"hashes": hashes}, http=agent.http)
        assert sorted(each["sha256"] for each in asked["missing"]) == hashes
        await agent.back_up(FILES)
        rows = (await server.get("/api/files"))["rows"]
        assert {row["path"] for row in rows} == set(FILES)
        assert "damaged" not in {row["state"] for row in rows}
        assert (await server.post("/api/verify"))["damaged"] == []
    async with a_server(tmp_path):
        pass
