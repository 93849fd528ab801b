"""Revocations hold whatever copy of the catalogue is put back, and however."""

import asyncio
import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest

from app import __main__ as commands
from app.catalogue.copies import copy_to
from app.server.data_dir import CATALOGUE_FILE, STORE_FOLDER, TOKEN_FILE
from app.store.errors import StoreUnwritable
from app.store.file_operations import FileOperations
from app.store.layout import Layout
from app.store.revoked import remember, remembered
from app.wire.http import EnrolmentReply, Problem
from streams.model.base import utc_now
from streams.model.tokens import NewToken
from streams.model.vocabulary import Scope
from tests.servers import RunningServer, a_server

REVOKED = "This token was revoked."
HASHES = ["ab" * 32, "cd" * 32]


def by_command(copy: Path, data: Path) -> None:
    assert commands.main(["server", "restore-catalogue", str(copy), "--data", str(data)]) == 0


def by_hand(copy: Path, data: Path) -> None:
    for file in data.glob(f"{CATALOGUE_FILE}*"):
        file.unlink()
    shutil.copy2(copy, data / CATALOGUE_FILE)


def with_all_beside_the_store(copy: Path, data: Path) -> None:
    """As a backup of the system disk, while the store is on another one."""
    for path in data.iterdir():
        if path.is_file():
            path.unlink()
    by_hand(copy, data)
    shutil.copy2(copy.with_name(TOKEN_FILE), data / TOKEN_FILE)


WAYS = [by_command, by_hand, with_all_beside_the_store]
PutBack = Callable[[Path, Path], None]


async def refusal(server: RunningServer, token: str) -> str:
    """Return why a token is refused; empty where it is good."""
    async with server.http(token).get("/api/clients") as response:
        body = await response.read()
        if response.status == 401:
            return msgspec.json.decode(body, type=Problem).message
        return ""


async def revoke(server: RunningServer, token: NewToken) -> None:
    async with server.console.delete(f"/api/tokens/{token.token.id}") as response:
        assert response.status == 200


async def new_token(server: RunningServer, name: str) -> NewToken:
    return await server.post("/api/tokens", {"name": name, "scopes": ["look"]}, NewToken)


async def new_code(server: RunningServer, name: str) -> str:
    return (await server.post("/api/enrolments", {"name": name}, EnrolmentReply)).code


async def redeemed(server: RunningServer, name: str, code: str) -> tuple[int, str]:
    body = {"name": name, "code": code, "platform": "test", "agent_version": "0"}
    async with server.http().post("/api/enrol", json=body) as response:
        answer = msgspec.json.decode(await response.read())
        return response.status, answer.get("code", "")


@dataclass
class Before:
    """What a copy of the catalogue has as good, and what was made since."""

    copy: Path
    revoked: list[str]
    used: tuple[str, str]
    ended: tuple[str, str]
    good: str
    since: str


async def a_copy_and_all_revoked_since(data: Path, copies: Path) -> Before:
    async with a_server(data) as server:
        desk, wall = await new_token(server, "desk"), await new_token(server, "wall")
        alpha, beta = await server.enrol("alpha"), await server.enrol("beta")
        used, ended = await new_code(server, "gamma"), await new_code(server, "gamma")
        copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, copies, utc_now())
        await asyncio.to_thread(shutil.copy2, data / TOKEN_FILE, copies / TOKEN_FILE)
        await revoke(server, desk)
        await server.enrol("alpha")
        async with server.console.delete(f"/api/clients/{beta.client_id}") as response:
            assert response.status == 200
        assert (await redeemed(server, "gamma", used))[0] == 200
        since = await new_token(server, "since")
        revoked = [desk.secret, alpha.token, beta.token]
        assert [await refusal(server, token) for token in revoked] == [REVOKED] * 3
        return Before(copy.path, revoked, ("gamma", used), ("gamma", ended), wall.secret, since.secret)


@pytest.mark.parametrize("put_back", WAYS, ids=lambda way: way.__name__)
async def test_what_was_revoked_since_a_copy_stays_revoked(tmp_path: Path, put_back: PutBack) -> None:
    data = tmp_path / "data"
    before = await a_copy_and_all_revoked_since(data, tmp_path / "copies")
    await asyncio.to_thread(put_back, before.copy, data)
    async with a_server(data) as server:
        assert [await refusal(server, token) for token in before.revoked] == [REVOKED] * 3
        assert await redeemed(server, *before.used) == (403, "code_used")
        assert await redeemed(server, *before.ended) == (403, "code_used")
        assert await refusal(server, before.good) == ""
        assert "unknown" in await refusal(server, before.since)


@pytest.mark.parametrize("put_back", WAYS, ids=lambda way: way.__name__)
async def test_the_first_token_stays_revoked_too(tmp_path: Path, put_back: PutBack) -> None:
    """Revoked at the command line while no server runs; the copy is put back before the next start."""
    data, copies = tmp_path / "data", tmp_path / "copies"
    async with a_server(data) as server:
        first = server.token
        copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, copies, utc_now())
        await asyncio.to_thread(shutil.copy2, data / TOKEN_FILE, copies / TOKEN_FILE)
    arguments = ["server", "token", "revoke", "console", "--data", str(data)]
    assert await asyncio.to_thread(commands.main, arguments) == 0
    await asyncio.to_thread(put_back, copy.path, data)
    async with a_server(data) as server:
        assert await refusal(server, first) == REVOKED
        assert server.token != first
        assert await refusal(server, server.token) == ""


async def test_what_the_store_does_not_take_is_revoked_and_kept_later(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(_: object) -> None:
        raise StoreUnwritable("It is full.")

    desk = await new_token(running_server, "desk")
    before = await running_server.room.store.revoked()
    with monkeypatch.context() as patch:
        patch.setattr(running_server.room.store, "note_revoked", none)
        await revoke(running_server, desk)
        assert await refusal(running_server, desk.secret) == REVOKED
        assert await running_server.room.store.revoked() == before
    await running_server.room.revocations.remember([])
    assert len(await running_server.room.store.revoked()) == len(before) + 1


async def test_what_an_earlier_version_has_revoked_is_kept_at_the_first_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_server(data) as server:
        desk = await new_token(server, "desk")
        copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, tmp_path / "copies", utc_now())
        await revoke(server, desk)
    await asyncio.to_thread(shutil.rmtree, data / STORE_FOLDER / "revoked")
    async with a_server(data):
        pass
    await asyncio.to_thread(by_hand, copy.path, data)
    async with a_server(data) as server:
        assert await refusal(server, desk.secret) == REVOKED


class FailingSync(FileOperations):
    """A disk whose sync of a folder fails once."""

    failed = False

    def sync_folder(self, folder: Path) -> None:
        if folder.name == "revoked" and not self.failed:
            self.failed = True
            raise OSError(errno.EIO, "Input/output error")
        super().sync_folder(folder)


def test_after_a_failed_sync_the_names_are_made_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "store", FailingSync())
    layout.make()
    with pytest.raises(OSError, match="Input"):
        remember(layout, HASHES)
    assert remembered(layout) == frozenset()
    remember(layout, HASHES)
    remember(layout, HASHES[:1])
    (layout.revoked / "foreign").touch()
    assert remembered(layout) == frozenset(HASHES)


async def test_a_token_that_is_over_says_so(running_server: RunningServer) -> None:
    tokens = running_server.room.catalogue.tokens
    over = await tokens.issue([Scope.LOOK], name="over", expires_at=utc_now())
    assert await refusal(running_server, over) == "The time of this token is over."
    async with aiohttp.ClientSession(running_server.url) as http, http.get("/api/clients") as response:
        assert msgspec.json.decode(await response.read(), type=Problem).message == "The token is missing."
