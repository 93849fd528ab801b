"""An order that a crash cuts off from its row in the audit record has one after the next start."""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app import __main__ as commands
from app.catalogue.audit_chain import prove
from app.catalogue.audit_intents import UNANSWERED
from app.catalogue.audit_note import AuditNote
from app.catalogue.copies import copy_to
from app.catalogue.errors import CatalogueFull
from app.server.data_dir import CATALOGUE_FILE, beside
from streams.model.base import utc_now
from streams.model.files import FilePage
from streams.model.logs import LogLine, LogPage
from streams.model.vocabulary import AuditAction
from tests.servers import RunningServer, a_server, until

NOTE = AuditNote(action=AuditAction.REVOKE_TOKEN, who="user backup", target="desk")


async def rows(server: RunningServer, name: str) -> list[LogLine]:
    await server.room.audit.step()
    page = await server.get("/api/logs?sources=audit&limit=2000", LogPage)
    return [line for line in reversed(page.lines) if line.message == name]


def intents(data: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(data / CATALOGUE_FILE)) as database:
        return database.execute("SELECT action, target FROM audit_intents").fetchall()


async def state(server: RunningServer, sql: str) -> Any:
    def read() -> Any:
        with closing(sqlite3.connect(server.info.database_path)) as database:
            return database.execute(sql).fetchone()[0]

    return await asyncio.to_thread(read)


Order = tuple[str, str, Any, str]
ORDERS: dict[str, Order] = {
    "protect": ("POST", "/api/clients/{client}/protection", {}, "SELECT protected FROM clients"),
    "delete files": (
        "POST",
        "/api/files/delete",
        {"file_ids": [1]},
        "SELECT count(*) FROM files WHERE state = 'deleted'",
    ),
    "remove client": (
        "DELETE",
        "/api/clients/{client}",
        None,
        "SELECT count(*) = 0 FROM clients WHERE removed_at IS NULL",
    ),
    "set quota": (
        "PUT",
        "/api/clients/{client}/quota",
        {"quota_bytes": 10**9},
        "SELECT quota_bytes FROM clients",
    ),
    "add token": (
        "POST",
        "/api/tokens",
        {"name": "wall", "scopes": ["look"]},
        "SELECT count(*) FROM tokens WHERE name = 'wall'",
    ),
    "enrolment code": (
        "POST",
        "/api/enrolments",
        {"name": "beta"},
        "SELECT count(*) FROM enrolments WHERE name = 'beta'",
    ),
}


@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_that_a_kill_cuts_off_has_its_row_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    method, path, body, done = ORDERS[name]
    killed = tmp_path / "killed"
    async with a_server(tmp_path / "data") as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"content"})
        await server.room.audit.step()
        reached, go_on = asyncio.Event(), asyncio.Event()
        write = server.room.catalogue.audit.note

        async def held(*notes: AuditNote) -> None:
            reached.set()
            await go_on.wait()
            await write(*notes)

        with monkeypatch.context() as patch:
            patch.setattr(server.room.catalogue.audit, "note", held)
            asked = asyncio.create_task(
                _answered(server, method, path.format(client=agent.client_id), body), name="order"
            )
            await reached.wait()
            # Done, and its row is not there: what a kill leaves of it on the disk.
            assert await state(server, done)
            await asyncio.to_thread(shutil.copytree, tmp_path / "data", killed)
            go_on.set()
            assert await asked == 200
        assert [row.fields["result"] for row in await rows(server, name)][-1] == "done"
        assert not await asyncio.to_thread(intents, tmp_path / "data")

    async with a_server(killed) as server:
        (row,) = [row for row in await rows(server, name) if row.fields["result"] == UNANSWERED]
        assert row.fields["who"] == "token console"
        assert row.fields["from"] == "127.0.0.1"
        assert await state(server, done)
    assert not (await asyncio.to_thread(prove, killed / CATALOGUE_FILE)).faults
    assert not intents(killed)


async def _answered(server: RunningServer, method: str, path: str, body: Any) -> int:
    async with server.console.request(method, path, json=body) as response:
        await response.read()
        return response.status


async def test_an_order_whose_beginning_cannot_be_noted_does_nothing(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await running_server.enrol("alpha")

    async def full(*_: Any, **__: Any) -> AuditNote:
        raise CatalogueFull("It is full.")

    with monkeypatch.context() as patch:
        patch.setattr(running_server.room.catalogue.audit, "intend", full)
        path = f"/api/clients/{agent.client_id}/protection"
        assert await _answered(running_server, "POST", path, {}) == 507
    assert not await state(running_server, "SELECT protected FROM clients")
    (row,) = await rows(running_server, "protect")
    assert row.fields["result"].startswith("refused: ")


async def test_the_row_of_an_enrolment_is_in_its_write(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody known asks for it: an intent for each guess would let guesses write."""

    async def none(*_: AuditNote) -> None:
        raise CatalogueFull("It is full.")

    monkeypatch.setattr(running_server.room.catalogue.audit, "note", none)
    agent = await running_server.enrol("alpha")
    wanted = "SELECT who FROM audit WHERE action = 'enrolment'"
    assert await state(running_server, wanted) == "client alpha"
    assert agent.token


Given = Callable[[RunningServer, Any], Awaitable[str]]


async def _content(server: RunningServer, _: Any) -> str:
    (row,) = (await server.get("/api/files", FilePage)).rows
    return f"/api/versions/{row.version_id}/content"


async def _tree(_: RunningServer, agent: Any) -> str:
    return f"/api/tree?client_id={agent.client_id}"


@pytest.mark.parametrize(("path", "action"), [(_content, "download"), (_tree, "file_list")])
async def test_nothing_is_given_out_before_its_row_is_durable(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch, path: Given, action: str
) -> None:
    agent = await running_server.enrol("alpha")
    await agent.back_up({"/a": b"content"})
    await running_server.room.audit.step()
    reached, go_on = asyncio.Event(), asyncio.Event()
    write = running_server.room.catalogue.audit.note

    async def held(*notes: AuditNote) -> None:
        if any(note.action == action for note in notes):
            reached.set()
            await go_on.wait()
        await write(*notes)

    monkeypatch.setattr(running_server.room.catalogue.audit, "note", held)
    address = await path(running_server, agent)
    asked = [asyncio.create_task(_answered(running_server, "GET", address, None)) for _ in range(2)]
    await reached.wait()
    # The second one is equal to the first, and is not given out before it either.
    done, _ = await asyncio.wait(asked, timeout=0.2)
    assert not done
    go_on.set()
    assert await asyncio.gather(*asked) == [200, 200]
    assert await state(running_server, f"SELECT count(*) FROM audit WHERE action = '{action}'") == 1


async def test_what_a_command_has_begun_waits_while_a_command_is_at_work(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_server(data) as server:
        await server.room.catalogue.audit.intend(NOTE, by_command=True)
    with beside(data):
        async with a_server(data) as server:
            assert not await rows(server, "revoke token")
    async with a_server(data) as server:
        (row,) = await rows(server, "revoke token")
        assert (row.fields["result"], row.fields["on"]) == (UNANSWERED, "desk")


async def test_a_command_that_is_refused_leaves_neither_row_nor_intent(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_server(data):
        pass
    arguments = ["server", "token", "revoke", "nobody", "--data", str(data)]
    assert await asyncio.to_thread(commands.main, arguments) != 0
    assert not intents(data)
    async with a_server(data) as server:
        assert not await rows(server, "revoke token")


async def test_a_copy_holds_no_order_that_is_under_way(tmp_path: Path) -> None:
    """Its row is made where it was begun, not once more where the copy is put back."""
    data = tmp_path / "data"
    async with a_server(data) as server:
        await server.room.catalogue.audit.intend(NOTE)
        copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, tmp_path / "copies", utc_now())
    with closing(sqlite3.connect(copy.path)) as database:
        assert database.execute("SELECT count(*) FROM audit_intents").fetchone() == (0,)
    # Put back, the order that was cut off in the catalogue before is told in the new one.
    arguments = ["server", "restore-catalogue", str(copy.path), "--data", str(data)]
    assert await asyncio.to_thread(commands.main, arguments) == 0
    async with a_server(data) as server:
        (row,) = await rows(server, "revoke token")
        assert row.fields["result"] == UNANSWERED
        assert await rows(server, "catalogue restore")


async def test_many_left_orders_are_told_in_small_writes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with a_server(data) as server:
        await asyncio.gather(*(server.room.catalogue.audit.intend(NOTE) for _ in range(150)))
    async with a_server(data) as server:
        assert len(await rows(server, "revoke token")) == 150
        await until(lambda: not intents(data))
