"""Catalogue and store of two moments: either of them put back from a copy, with all that lies beside it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.catalogue.copies import copy_to, restore
from app.catalogue.errors import CatalogueFull
from app.catalogue.store_moment import StoreMoment
from app.server import store_moment
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER
from app.server.retention import tidy
from app.server.store_moment import StoreMomentKeeper
from app.server.strays import StraySearch
from streams.model.base import utc_now
from tests.app.server.test_ownership import leave_stray, settled_epoch, stored
from tests.servers import RunningServer, a_server, sha256_of, until

FILES = {"/a": b"one", "/b": b"two"}
NEWER = {**FILES, "/c": b"three"}


async def in_thread(work: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


def beside_the_store(data: Path, to: Path) -> None:
    """Copy all files of a data folder but the store's, as a backup of the system disk would."""
    to.mkdir()
    for path in data.iterdir():
        if path.is_file():
            shutil.copy2(path, to / path.name)


def put_back(copy: Path, data: Path) -> None:
    for path in data.iterdir():
        if path.is_file():
            path.unlink()
    for path in copy.iterdir():
        shutil.copy2(path, data / path.name)


def noted(server: RunningServer) -> Callable[[], Awaitable[bool]]:
    async def fits() -> bool:
        known = await server.room.catalogue.store_moment.read()
        return bool(known) and await server.room.store.moment() == (known,)

    return fits


async def test_nothing_stored_since_goes_with_a_whole_data_folder_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue's session is the one beside it, and its wait for unknown contents was over long ago."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    async with a_server(data) as server:
        await (await server.enrol("web")).back_up(FILES)
        await settled_epoch(server.room.catalogue, monkeypatch)
        await until(noted(server))
    await in_thread(beside_the_store, data, copy)
    async with a_server(data) as server:
        await leave_stray(server, b"noted by the newer one")
        await until(noted(server))
    await in_thread(put_back, copy, data)
    async with a_server(data, blank=False) as server:
        assert await server.room.catalogue.strays.held(server.room.catalogue.epoch)
        assert await StraySearch(server.room.catalogue, server.room.store).run_if_due() == 0
        assert sha256_of(b"noted by the newer one") in await stored(server)


async def test_what_an_older_store_lacks_is_sent_again(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    async with a_server(data) as server:
        await (await server.enrol("web")).back_up(FILES)
        await until(noted(server))
    await in_thread(shutil.copytree, data / STORE_FOLDER, copy)
    async with a_server(data) as server:
        await (await server.enrol("web")).back_up(NEWER)
        await until(noted(server))
    await in_thread(shutil.rmtree, data / STORE_FOLDER)
    await in_thread(copy.rename, data / STORE_FOLDER)
    async with a_server(data) as server:

        async def states() -> dict[str, str]:
            return {row["path"]: row["state"] for row in (await server.get("/api/files"))["rows"]}

        async def found() -> bool:
            return (await states())["/c"] == "damaged"

        await until(found)
        assert (await states())["/a"] != "damaged"
        await until(noted(server))
        await (await server.enrol("web")).back_up(NEWER)
        assert (await server.post("/api/verify"))["damaged"] == []


@pytest.mark.parametrize("spoilt", ["", "\x00\x01", "other words"])
async def test_a_note_that_says_nothing_holds_unknown_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    async with a_server(tmp_path) as server:
        await settled_epoch(server.room.catalogue, monkeypatch)
        await until(noted(server))
    await in_thread((tmp_path / STORE_FOLDER / "moment").write_text, spoilt)
    async with a_server(tmp_path) as server:
        assert await server.room.catalogue.strays.held(server.room.catalogue.epoch)
        await until(noted(server))


async def test_restarts_and_a_crash_between_both_notes_are_no_other_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        await settled_epoch(server.room.catalogue, monkeypatch)
        await until(noted(server))
        known = await server.room.catalogue.store_moment.read()
    async with a_server(tmp_path) as server:
        assert not await server.room.catalogue.strays.held(server.room.catalogue.epoch)
        await until(noted(server))
        known = await server.room.catalogue.store_moment.read()
        await server.room.store.note_moment([known, "next"])
    async with a_server(tmp_path) as server:
        assert not await server.room.catalogue.strays.held(server.room.catalogue.epoch)


async def test_what_was_kept_since_is_not_destroyed_by_an_older_catalogue(tmp_path: Path) -> None:
    """A removal and deletions were undone after the copy was made."""
    data, catalogue = tmp_path / "data", tmp_path / "data" / CATALOGUE_FILE
    async with a_server(data) as server:
        agent = await server.enrol("web")
        await agent.back_up(FILES)
        await until(noted(server))
        rows = (await server.get("/api/files"))["rows"]
        ids = [row["id"] for row in rows]
        await server.post("/api/files/delete", {"file_ids": ids})
        holds = server.room.catalogue.holds
        await holds.mark(agent.client_id, timedelta(seconds=-1))
        copy = (await in_thread(copy_to, catalogue, tmp_path / "copies", utc_now())).path
        await holds.unmark(agent.client_id)
        await server.post("/api/files/undelete", {"file_ids": ids})
    for old in data.glob(f"{CATALOGUE_FILE}*"):
        old.unlink()
    await in_thread(shutil.copy, copy, catalogue)
    async with a_server(data, blank=False, keep_deleted_days=0) as server:
        room = server.room
        await room.removal.destroy_due()
        await tidy(room.catalogue, room.store, room.limits)
        assert len((await server.get("/api/files?state=deleted"))["rows"]) == len(FILES)
        marked = await server.get(f"/api/clients/{agent.client_id}")
        assert datetime.fromisoformat(marked["destroy_at"]) > utc_now() + timedelta(hours=71)


async def test_what_an_older_catalogue_lets_go_stays_in_the_store(tmp_path: Path) -> None:
    """It was on its way out when the copy was made, and was sent again since."""
    data, catalogue = tmp_path / "data", tmp_path / "data" / CATALOGUE_FILE
    async with a_server(data) as server:
        gone = await server.enrol("gone")
        await gone.back_up(FILES)
        await until(noted(server))
        await server.room.catalogue.removal.remove(gone.client_id)
        await server.room.catalogue.removal.finish()
        copy = (await in_thread(copy_to, catalogue, tmp_path / "copies", utc_now())).path
        await (await server.enrol("web")).back_up(FILES)
        kept = await stored(server)
    for old in data.glob(f"{CATALOGUE_FILE}*"):
        old.unlink()
    await in_thread(shutil.copy, copy, catalogue)
    async with a_server(data, blank=False) as server:
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        assert await stored(server) == kept
        assert len(kept) == len(FILES)


async def test_a_copy_is_put_back_beside_a_store_of_the_version_before(tmp_path: Path) -> None:
    """That one has no word yet, and the server of this version has never run with it."""
    data, catalogue = tmp_path / "data", tmp_path / "data" / CATALOGUE_FILE
    async with a_server(data) as server:
        await (await server.enrol("web")).back_up(FILES)
        copy = (await in_thread(copy_to, catalogue, tmp_path / "copies", utc_now())).path
    (data / STORE_FOLDER / "moment").unlink()
    await in_thread(restore, copy, catalogue, utc_now())
    async with a_server(data, blank=False) as server:
        assert await server.room.catalogue.strays.put_back()


async def test_words_are_renewed_only_once_it_is_noted_that_nothing_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        room, strays = server.room, server.room.catalogue.strays
        await until(noted(server))
        await room.store.note_moment(["another"])
        hold = strays.hold

        async def full(epoch: str) -> datetime:
            monkeypatch.setattr(strays, "hold", hold)
            raise CatalogueFull("no room")

        monkeypatch.setattr(strays, "hold", full)
        monkeypatch.setattr(store_moment, "RENEW_EVERY_S", 0.0)
        monkeypatch.setattr(store_moment, "AGAIN_S", 0.0)
        keeper = StoreMomentKeeper(room.catalogue, room.store, room.verification)
        running = asyncio.create_task(keeper.run())
        await until(noted(server))
        running.cancel()
        assert await strays.put_back()


async def test_a_crash_of_the_very_first_start_is_no_other_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise CatalogueFull("the process was killed here")

    with monkeypatch.context() as patch:
        patch.setattr(StoreMoment, "write", killed)
        async with a_server(tmp_path) as server:
            assert await server.room.store.moment()
    async with a_server(tmp_path) as server:
        assert not await server.room.catalogue.strays.put_back()
        await until(noted(server))
