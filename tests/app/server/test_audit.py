"""The audit record of a running server: what is of note leaves a row, and nobody fills a disk with rows."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app import __main__ as commands
from app.catalogue.audit_chain import HEAD_FILE, prove, read_head
from app.catalogue.audit_note import AuditNote
from app.catalogue.copies import copy_to, restore
from app.server import audit_budgets as limits
from app.server.audit import Audit
from app.server.commands import shared
from app.server.data_dir import CATALOGUE_FILE
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.files import FilePage
from streams.model.logs import LogLine, LogPage
from streams.model.tokens import NewToken
from streams.model.vocabulary import AuditAction, EventKind, LogLevel
from tests.servers import RunningServer, a_server, until


async def rows(server: RunningServer, text: str = "") -> list[LogLine]:
    await server.room.audit.step()
    page = await server.get(f"/api/logs?sources=audit&limit=2000&text={text}", LogPage)
    return list(reversed(page.lines))


async def asked(server: RunningServer, method: str, path: str, body: Any = None, token: str = "") -> int:
    async with server.http(token or server.token).request(method, path, json=body) as response:
        await response.read()
        return response.status


Deed = Callable[[RunningServer, Any], Awaitable[Any]]


async def _download(server: RunningServer, _: Any) -> None:
    (row,) = (await server.get("/api/files", FilePage)).rows
    assert await asked(server, "GET", f"/api/versions/{row.version_id}/content") == 200


async def _restore_own(server: RunningServer, agent: Any) -> None:
    (row,) = (await server.get("/api/files", FilePage)).rows
    path = f"/api/agent/versions/{row.version_id}/content"
    assert await asked(server, "GET", path, token=agent.token) == 200


async def _forbidden(server: RunningServer, _: Any) -> None:
    look = await server.post("/api/tokens", {"name": "wall", "scopes": ["look"]}, NewToken)
    assert await asked(server, "POST", "/api/server/stop", {}, look.secret) == 403


async def _wrong_code(server: RunningServer, _: Any) -> None:
    body = {"name": "x", "code": "nope", "platform": "", "agent_version": ""}
    async with server.http().post("/api/enrol", json=body) as response:
        assert response.status == 403


DEEDS: dict[str, Deed] = {
    "login": lambda server, _: server.get("/api/clients"),
    "wrong token": lambda server, _: asked(server, "GET", "/api/clients", token="tw_wrong"),
    "wrong code": _wrong_code,
    "forbidden": _forbidden,
    "enrolment code": lambda server, _: server.post("/api/enrolments", {"name": "beta"}),
    "enrolment": lambda server, _: server.enrol("beta"),
    "download": _download,
    "download (own)": _restore_own,
    "file list": lambda server, agent: server.get(f"/api/tree?client_id={agent.client_id}"),
    "backup": lambda server, agent: server.post("/api/backups", {"client_ids": [agent.client_id]}),
    "disconnect client": lambda server, agent: server.post(
        "/api/clients/disconnect", {"client_ids": [agent.client_id]}
    ),
    "set goal": lambda server, agent: asked(
        server, "PATCH", f"/api/clients/{agent.client_id}", {"goal_s": 60.0}
    ),
    "set quota": lambda server, agent: asked(
        server, "PUT", f"/api/clients/{agent.client_id}/quota", {"quota_bytes": 10**9}
    ),
    "protect": lambda server, agent: server.post(f"/api/clients/{agent.client_id}/protection"),
    "protect (run)": lambda server, _: server.post("/api/runs/1/protection"),
    "stop server": lambda server, _: server.post("/api/server/stop", {}),
    "cancel run": lambda server, _: asked(server, "POST", "/api/runs/1/cancel"),
    "delete files": lambda server, _: server.post("/api/files/delete", {"file_ids": [1]}),
    "verify": lambda server, _: server.post("/api/verify"),
    "remove client": lambda server, agent: asked(server, "DELETE", f"/api/clients/{agent.client_id}"),
    "add token": lambda server, _: server.post("/api/tokens", {"name": "wall", "scopes": ["look"]}),
    "revoke token": lambda server, _: asked(server, "DELETE", "/api/tokens/999"),
}
REFUSED = {"wrong token", "wrong code", "forbidden", "cancel run", "revoke token"}


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_of_note_leaves_a_row(tmp_path: Path, deed: str) -> None:
    name = deed.partition(" (")[0]
    async with a_server(tmp_path) as server:
        agent = await server.enrol("alpha")
        await agent.back_up({"/a": b"content"})
        before = max((line.id for line in await rows(server)), default=0) if name != "login" else 0
        await DEEDS[deed](server, agent)
        (row,) = [line for line in await rows(server) if line.id > before and line.message == name][:1]
        assert row.fields["from"] == "127.0.0.1"
        assert (row.fields["result"] != "done") is (name in REFUSED)
        if name not in ("wrong token", "wrong code"):
            assert row.fields["who"] in ("token console", "token wall", "client alpha", "client beta")
    assert not (await asyncio.to_thread(prove, tmp_path / CATALOGUE_FILE)).faults


def notes(count: int, action: AuditAction, who: str = "") -> list[AuditNote]:
    return [
        AuditNote(action=action, who=who, address=f"10.0.{number // 250}.{number % 250}", target="x")
        for number in range(count)
    ]


async def test_guesses_from_everywhere_fill_no_disk(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row for each of the first networks, then one a minute for all the others."""
    monkeypatch.setattr(limits, "GUESSES_AT_ONCE", 20)
    now = 0.0
    audit = Audit(running_server.room.catalogue.audit, running_server.room.logbook, clock=lambda: now)
    before = (await running_server.room.catalogue.audit.head()).seq
    for minute in range(20):
        now = minute * 61.0
        for note in notes(200, AuditAction.WRONG_TOKEN):
            audit.gather(note, note.address, minute)
        await audit.step()
    written = (await running_server.room.catalogue.audit.head()).seq - before
    assert written <= 20 + 20 * 2 + 21
    page = await running_server.get("/api/logs?sources=audit&limit=2000&text=/wrong token/", LogPage)
    assert sum(int(line.fields.get("count", "1")) for line in page.lines) > 18 * 200


async def test_orders_of_one_token_fill_no_disk_and_hide_nobody_else(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS_AT_ONCE", 30)
    now = 0.0
    audit = Audit(running_server.room.catalogue.audit, running_server.room.logbook, clock=lambda: now)
    before = (await running_server.room.catalogue.audit.head()).seq
    for note in notes(530, AuditAction.ALLOW_CLIENT, "token stolen"):
        audit.gather(note, note.address)
    await audit.note(AuditNote(action=AuditAction.STOP_SERVER, who="token stolen", address="x"))
    await audit.note(AuditNote(action=AuditAction.PROTECT, who="token desk", address="10.0.0.1"))
    now = 61.0
    await audit.step()
    assert (await running_server.room.catalogue.audit.head()).seq - before == 30 + 3
    found = await rows(running_server, "/token stolen/")
    assert [line.message for line in await rows(running_server, "/token desk/")] == ["protect"]
    counted = {line.message: line.fields["count"] for line in found if "count" in line.fields}
    assert counted == {"allow client": "500"}
    assert "stop server" in [line.message for line in found]


async def test_an_agent_logs_in_once_a_day(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    info = await running_server.room.catalogue.tokens.check(agent.token)
    assert info is not None
    now = 0.0
    running_server.room.logins._clock = lambda: now
    for hour in range(30):
        now = hour * 3600.0
        running_server.room.logins.note(info, "10.0.0.7")
    assert len(await rows(running_server, "/login.*10.0.0.7/")) == 1


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """The folder of a server that has ended."""
    folder = tmp_path / "data"
    async with a_server(folder) as server:
        await (await server.enrol("alpha")).back_up({"/a": b"a" * 3000})
    return folder


@pytest.fixture
def command(data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[int]]:
    monkeypatch.setattr(shared, "set_up_logs", lambda **_: None)
    monkeypatch.setattr(commands.signal, "signal", lambda *_: None)

    async def run(*words: str | Path) -> int:
        return await asyncio.to_thread(commands.main, ["server", *map(str, words), "--data", str(data)])

    return run


async def proof(data: Path) -> list[str]:
    return (await asyncio.to_thread(prove, data / CATALOGUE_FILE)).faults


async def test_the_commands_leave_rows_too(data: Path, command: Callable[..., Awaitable[int]]) -> None:
    assert await command("backup-catalogue") == 0
    assert await command("quota", "alpha", "500GB") == 0
    assert await command("token", "add", "wall", "--scope", "look", "--out", data / "wall.token") == 0
    assert await command("token", "revoke", "wall") == 0
    assert await command("enrol", "beta") == 0
    assert await command("revoke", "alpha") == 0
    async with a_server(data) as server:
        found = [line for line in await rows(server) if line.fields["who"].startswith("user ")]
        assert [line.message for line in found] == [
            "catalogue copy",
            "set quota",
            "add token",
            "revoke token",
            "enrolment code",
            "revoke client",
        ]
        client = (await server.get("/api/clients"))["clients"][0]
        assert client["quota_bytes"] == 500 * 10**9
    assert not await proof(data)


async def test_a_copy_that_is_put_back_goes_on_with_the_rows_made_since(
    data: Path, command: Callable[..., Awaitable[int]], tmp_path: Path
) -> None:
    copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, tmp_path / "copies", utc_now())
    async with a_server(data) as server:
        await server.post("/api/tokens", {"name": "made since", "scopes": ["look"]})
    newest = await asyncio.to_thread(read_head, data / CATALOGUE_FILE)
    assert newest is not None
    assert await command("restore-catalogue", copy.path) == 0
    assert not await proof(data)
    async with a_server(data) as server:
        (made,) = await rows(server, "made since")
        (put_back,) = await rows(server, "/catalogue restore/")
        assert (made.message, made.fields["who"]) == ("add token", "token console")
        assert put_back.fields["on"] == str(copy.path) and put_back.fields["who"].startswith("user ")
        assert put_back.fields["number"] == str(newest.seq + 1)
    assert not await proof(data)


async def test_a_catalogue_that_cannot_be_read_does_not_keep_a_copy_out(
    data: Path, command: Callable[..., Awaitable[int]], tmp_path: Path
) -> None:
    copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, tmp_path / "copies", utc_now())
    (data / CATALOGUE_FILE).write_bytes(b"no database at all, only a long enough text" * 1000)
    assert await command("restore-catalogue", copy.path) == 0
    assert not await proof(data)


async def test_repair_says_in_the_record_that_it_went_on_from_a_cut(
    data: Path, command: Callable[..., Awaitable[int]], tmp_path: Path
) -> None:
    """An older copy put back by hand: the record ends too early, until somebody decides to go on."""
    copy = await asyncio.to_thread(copy_to, data / CATALOGUE_FILE, tmp_path / "copies", utc_now())
    async with a_server(data) as server:
        await server.enrol("beta")
    await asyncio.to_thread(restore, copy.path, data / CATALOGUE_FILE, utc_now())
    (fault,) = await proof(data)
    assert fault.startswith("rows after") and HEAD_FILE in fault
    assert await command("check") == 1
    assert await command("repair") == 1
    assert len(await proof(data)) == 1, "nothing is done without --yes"
    assert await command("repair", "--yes") == 0
    assert not await proof(data)
    async with a_server(data) as server:
        (row,) = await rows(server, "/catalogue repair/")
        assert fault in row.fields["detail"]


async def test_a_backup_that_a_quota_refuses_is_seen(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    await agent.back_up({"/a": b"a" * 4000})
    path = f"/api/clients/{agent.client_id}"
    assert await asked(running_server, "PUT", f"{path}/quota", {"quota_bytes": 1000}) == 200
    begun = {"trigger": "agent"}
    assert await asked(running_server, "POST", "/api/agent/runs", begun, agent.token) == 507
    client = await running_server.get(path, Client)
    assert client.failing_since is not None and client.running_run_id is None
    assert client.failure_reason == "Quota exceeded: it may keep 1,000 bytes and keeps 4,000."
    runs = (await running_server.get(f"/api/runs?client_id={agent.client_id}"))["rows"]
    assert [run["state"] for run in runs] == ["failed", "complete"]
    assert await asked(running_server, "PUT", f"{path}/quota", {"quota_bytes": None}) == 200
    await agent.back_up({"/b": b"b"})
    assert (await running_server.get(path, Client)).failing_since is None


async def test_a_quota_of_its_own(running_server: RunningServer) -> None:
    agent = await running_server.enrol("alpha")
    path = f"/api/clients/{agent.client_id}"
    async with running_server.events() as console:
        await console.resume(None)
        assert await asked(running_server, "PUT", f"{path}/quota", {"quota_bytes": 5000}) == 200
        changed = await console.event(EventKind.CLIENT_CHANGED)
        assert changed.client is not None and changed.client.quota_bytes == 5000
    await agent.back_up({"/a": b"a" * 4000})
    assert (await running_server.get(path, Client)).held_bytes == 4000
    with pytest.raises(AssertionError, match="quota_exceeded"):
        await agent.put_batch(b"b" * 2000)
    assert await asked(running_server, "PUT", f"{path}/quota", {"quota_bytes": None}) == 200
    await agent.put_batch(b"b" * 2000)
    for wrong in (-1, 2**60, "many", 1.5):
        assert await asked(running_server, "PUT", f"{path}/quota", {"quota_bytes": wrong}) == 400
    assert await asked(running_server, "PUT", f"{path}/quota", {}) == 400
    (row, *_) = [line for line in await rows(running_server) if line.message == "set quota"]
    assert "quota_bytes 5000" in row.fields["on"] and row.level is LogLevel.INFO
    await until(lambda: running_server.room.roster.get(agent.client_id).quota_bytes is None)  # type: ignore[union-attr]
