"""One client's contents are nothing to another one, neither whole nor by halves."""

import asyncio
import io
import os
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.catalogue import strays
from app.catalogue.catalogue import Catalogue
from app.catalogue.copies import copy_to
from app.catalogue.session import STATE_FILE
from app.server.data_dir import CATALOGUE_FILE
from app.server.retention import tidy
from app.server.strays import StraySearch
from app.wire.blob_batch import encode_batch
from app.wire.http import encode
from streams.model.base import utc_now
from tests.servers import Agent, RunningServer, a_server, entry, sha256_of, until


async def missing(server: RunningServer, agent: Agent, *contents: bytes) -> dict[str, int]:
    body = {"hashes": [sha256_of(content) for content in contents]}
    answer = await server.post("/api/agent/blobs/missing", body, http=agent.http)
    return {blob["sha256"]: blob.get("received_bytes", 0) for blob in answer["missing"]}


async def status_of_entries(agent: Agent, run_id: int, path: str, content: bytes) -> tuple[int, str]:
    body = encode({"entries": [entry(path, content)]})
    async with agent.http.post(f"/api/agent/runs/{run_id}/entries", data=body) as response:
        answer = await response.json()
        return response.status, answer.get("code", "")


async def stored(server: RunningServer) -> set[str]:
    root = server.room.data_dir / "store"
    return {folder.name + path.name for folder in root.glob("??") for path in folder.iterdir()}


async def test_nobody_learns_of_or_names_what_others_have_sent(running_server: RunningServer) -> None:
    owner, other = await running_server.enrol("owner"), await running_server.enrol("other")
    await owner.back_up({"/hr/salaries": b"secret"})
    assert await missing(running_server, owner, b"secret") == {}
    assert await missing(running_server, other, b"secret") == {sha256_of(b"secret"): 0}
    run = await other.begin()
    assert await status_of_entries(other, run.id, "/mine", b"secret") == (409, "blobs_missing")
    # Wrong bytes under its hash are no proof, not even beside others that are right.
    lie = encode_batch([(sha256_of(b"secret"), b"wrong"), (sha256_of(b"own"), b"own")])
    async with other.http.post("/api/agent/blobs/batch", data=lie) as response:
        assert response.status == 422
    assert await missing(running_server, other, b"secret", b"own") == {sha256_of(b"secret"): 0}
    await other.put(b"secret")
    assert await status_of_entries(other, run.id, "/mine", b"secret") == (200, "")


async def test_an_upload_under_way_disturbs_no_other_client(running_server: RunningServer) -> None:
    alpha, beta = await running_server.enrol("alpha"), await running_server.enrol("beta")
    content = os.urandom(3_000_000)
    _, writer = await asyncio.open_connection(running_server.info.host, running_server.info.port)
    head = (
        f"PUT /api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)} HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: Bearer {beta.token}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + bytes(2_500_000))
    await writer.drain()

    async def beta_has() -> int:
        return (await missing(running_server, beta, content))[sha256_of(content)]

    await until(beta_has)
    assert await missing(running_server, alpha, content) == {sha256_of(content): 0}
    await alpha.put(content)
    assert await missing(running_server, alpha, content) == {}
    writer.close()
    await beta.put(content)
    assert await missing(running_server, beta, content) == {}


async def test_a_told_size_is_compared_with_the_stored_one(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    await agent.put(b"0123456789")
    run = await agent.begin()
    lie = {"entries": [{**_json(entry("/a", b"0123456789")), "size_bytes": 2**63 - 1}]}
    async with agent.http.post(f"/api/agent/runs/{run.id}/entries", data=encode(lie)) as response:
        assert (response.status, (await response.json())["code"]) == (400, "bad_request")


def _json(record: object) -> dict[str, object]:
    return msgspec.json.decode(encode(record))


async def test_what_was_sent_and_never_named_leaves_the_store(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/keep": b"keep"})
        run = await agent.begin()
        await agent.put_batch(b"lost one", b"lost two")
        await agent.put(b"lost three")
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        assert len(await stored(server)) == 4
        finish = {"state": "failed"}
        await server.post(f"/api/agent/runs/{run.id}/finish", finish, http=agent.http)
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        assert await stored(server) == {sha256_of(b"keep")}


async def test_nothing_of_a_removed_client_stays_in_the_store(tmp_path: Path) -> None:
    """What was named and what never was; the notes of the store itself are no contents."""
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        for number in range(5):
            await agent.put(f"never named {number}".encode())
        await agent.back_up({"/keep": b"named"})
        async with server.console.delete(f"/api/clients/{agent.client_id}") as response:
            assert response.status == 200
    async with a_server(tmp_path) as server:
        await tidy(server.room.catalogue, server.room.store, server.room.limits)
        assert await stored(server) == set()


async def test_a_client_keeps_no_more_than_its_quota(tmp_path: Path) -> None:
    async with a_server(tmp_path, quota_bytes=10_000) as server:
        agent, other = await server.enrol("alpha"), await server.enrol("beta")
        await agent.put(b"a" * 6000)
        await agent.put(b"a" * 6000)
        assert await refused(agent, b"b" * 6000) == (507, "quota_exceeded")
        batch = encode_batch([(sha256_of(b"c" * 5000), b"c" * 5000)])
        async with agent.http.post("/api/agent/blobs/batch", data=batch) as response:
            assert (response.status, (await response.json())["code"]) == (507, "quota_exceeded")
        assert len(await stored(server)) == 1
        await agent.put(b"d" * 4000)
        await other.put(b"b" * 6000)
        assert (await server.room.catalogue.contents.held(agent.client_id))[0] == 10_000


async def test_what_came_by_halves_counts_for_the_quota(tmp_path: Path) -> None:
    async with a_server(tmp_path, quota_bytes=5_000_000) as server:
        agent = await server.enrol("alpha")
        content = os.urandom(4_000_000)
        _, writer = await asyncio.open_connection(server.info.host, server.info.port)
        head = (
            f"PUT /api/agent/blobs/{sha256_of(content)}?offset=0&size={len(content)} HTTP/1.1\r\n"
            f"Host: x\r\nAuthorization: Bearer {agent.token}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content[:3_500_000])
        await writer.drain()

        async def partial() -> int:
            return (await missing(server, agent, content))[sha256_of(content)]

        await until(partial)
        writer.close()
        await until(lambda: not server.room.uploads.running)
        assert await refused(agent, os.urandom(2_500_000)) == (507, "quota_exceeded")
        await agent.put(content, offset=await partial())


async def refused(agent: Agent, content: bytes) -> tuple[int, str]:
    url = f"/api/agent/blobs/{sha256_of(content)}?size={len(content)}"
    async with agent.http.put(url, data=io.BytesIO(content)) as response:
        return response.status, (await response.json()).get("code", "")


async def leave_stray(server: RunningServer, content: bytes) -> None:
    """Bring a content into the store as a crash leaves it: it is there, and nobody has noted it."""
    await server.room.store.receive_many([(sha256_of(content), content)])
    root = server.room.data_dir / "store"
    path = root / sha256_of(content)[:2] / sha256_of(content)[2:]
    await asyncio.to_thread(os.utime, path, (1_000_000_000, 1_000_000_000))


async def test_what_a_crash_has_left_without_a_note_leaves_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "HELD", timedelta(0))
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/keep": b"keep"})
        await leave_stray(server, b"stray")
        search = StraySearch(server.room.catalogue, server.room.store)
        await server.room.store.receive_many([(sha256_of(b"young"), b"young")])
        assert await search.run_if_due() == 1
        assert await search.run_if_due() == 0
        assert await stored(server) == {sha256_of(b"keep"), sha256_of(b"young")}


async def test_a_content_that_is_sent_while_it_is_searched_for_stays(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await leave_stray(server, b"stray")
        assert await server.room.catalogue.strays.doom([sha256_of(b"stray")]) == 1
        await agent.back_up({"/found": b"stray"})
        await server.room.catalogue.doomed.drop(server.room.store)
        assert await stored(server) == {sha256_of(b"stray")}


async def settled_epoch(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time pass for which the unknown contents of a new catalogue are held."""
    with monkeypatch.context() as patch:
        patch.setattr(strays, "HELD", timedelta(0))
        assert not await catalogue.strays.held(catalogue.epoch)
    assert not await catalogue.strays.held(catalogue.epoch)


async def test_nothing_goes_soon_after_an_older_catalogue_was_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path) as server:
        catalogue, store = server.room.catalogue, server.room.store
        await settled_epoch(catalogue, monkeypatch)
        await leave_stray(server, b"known to the newer one")
        catalogue.epoch = "another"
        assert await StraySearch(catalogue, store).run_if_due() == 0
        assert len(await stored(server)) == 1
        assert await catalogue.strays.held("another")


@pytest.mark.parametrize("state_lost", [False, True])
@pytest.mark.parametrize("tidied", [False, True])
@pytest.mark.parametrize("how", ["copy_to", "cp"])
async def test_nothing_stored_since_goes_with_a_copy_put_back_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, tidied: bool, state_lost: bool
) -> None:
    """The first copy is made soon after the start, before anybody has asked which contents are held."""
    data = tmp_path / "data"
    catalogue = data / CATALOGUE_FILE
    async with a_server(data) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/old": b"old"})
        if tidied:
            await settled_epoch(server.room.catalogue, monkeypatch)
        copy = (await asyncio.to_thread(copy_to, catalogue, tmp_path / "copies", utc_now())).path
    if how == "cp":
        await asyncio.to_thread(shutil.copy, catalogue, copy)
    async with a_server(data) as server:
        await leave_stray(server, b"noted by the newer one")
    for old in data.glob(f"{CATALOGUE_FILE}*"):
        old.unlink()
    await asyncio.to_thread(shutil.copy, copy, catalogue)
    if state_lost:
        (data / STATE_FILE).unlink()
    async with a_server(data, blank=False) as server:
        assert await StraySearch(server.room.catalogue, server.room.store).run_if_due() == 0
        assert await stored(server) == {sha256_of(b"old"), sha256_of(b"noted by the newer one")}
