"""The simulated server as the console starts it: a program of its own, over HTTP, until its input ends."""

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.agent.address import address_of
from app.agent.api import Api
from app.fleet.scenarios import NIGHT_REASON
from app.wire.http import BackupRequest, ClientList
from streams.model.clients import Client
from streams.model.files import FilePage
from streams.model.outcome import Outcome
from streams.model.runs import Run, RunPage
from streams.model.vocabulary import AuditAction, ClientState, RunState, RunTrigger

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).resolve().parents[2]


async def start(data: Path, *more: str, clients: int = 4) -> tuple[Process, dict[str, Any]]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.fleet.child", "--data", str(data), "--clients", str(clients),
        "--seed", "7", *more, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    async with asyncio.timeout(60):
        return child, json.loads(await child.stdout.readline())


def api_of(told: dict[str, Any]) -> Api:
    token = Path(told["token_file"]).read_text().strip()
    return Api(address_of(f"http://{told['host']}:{told['port']}"), token)


async def end(child: Process) -> int:
    """Let its input end, as it does when the console is gone."""
    assert child.stdin is not None
    child.stdin.close()
    async with asyncio.timeout(30):
        return await child.wait()


async def online(api: Api) -> ClientList:
    """Wait until a client is online."""
    async with asyncio.timeout(30):
        while True:
            listed = await api.call("GET", "/api/clients", ClientList)
            if any(client.state is ClientState.ONLINE for client in listed.clients):
                return listed
            await asyncio.sleep(0.05)


async def test_it_has_a_past_does_what_it_is_told_and_ends_with_its_input(tmp_path: Path) -> None:
    child, told = await start(tmp_path, "--quiet")
    try:
        async with api_of(told) as api:
            assert (await api.health()).simulated
            listed = await online(api)
            assert len(listed.clients) == 4
            assert all(client.last_success_at for client in listed.clients)
            page = await api.call("GET", "/api/files", FilePage, params={"limit": 200})
            for file in [row for row in page.rows if row.size_bytes][::20]:
                async with api.request("GET", f"/api/versions/{file.version_id}/content") as response:
                    content = await response.read()
                assert hashlib.sha256(content).hexdigest() == file.sha256
                assert len(content) == file.size_bytes
            wanted = next(c.id for c in listed.clients if c.state is ClientState.ONLINE)
            outcome = await api.call(
                "POST", "/api/backups", Outcome, json=BackupRequest(client_ids=(wanted,))
            )
            assert outcome.done == (wanted,)
            async with asyncio.timeout(30):
                while True:
                    runs = await api.call("GET", "/api/runs", RunPage, params={"client_id": wanted})
                    if runs.rows[0].trigger is RunTrigger.OPERATOR:
                        break
                    await asyncio.sleep(0.05)
            assert runs.rows[0].state in (RunState.RUNNING, RunState.COMPLETE)  # a small one is done at once
    finally:
        assert await end(child) == 0


async def test_the_fleet_is_the_same_one_when_it_starts_again(tmp_path: Path) -> None:
    seen: list[list[tuple[str, str, int]]] = []
    for _ in range(2):
        child, told = await start(tmp_path, "--quiet")
        try:
            async with api_of(told) as api:
                clients = (await online(api)).clients
                seen.append(sorted((client.id, client.name, client.file_count) for client in clients))
        finally:
            assert await end(child) == 0
    assert seen[0] == seen[1]


async def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    child, _ = await start(tmp_path, "--quiet", clients=1)
    child.terminate()
    async with asyncio.timeout(30):
        assert await child.wait() == 0


async def runs_of(api: Api, *, wanted: Callable[[Run], bool], within_s: float = 60) -> list[Run]:
    """Wait until there is a run that matches; return all that do."""
    async with asyncio.timeout(within_s):
        while True:
            page = await api.call("GET", "/api/runs", RunPage, params={"limit": 200})
            if found := [run for run in page.rows if wanted(run)]:
                return found
            await asyncio.sleep(0.2)


async def clients_when(api: Api, wanted: Callable[[tuple[Client, ...]], bool]) -> tuple[Client, ...]:
    """Wait until the clients are as wanted."""
    async with asyncio.timeout(60):
        while True:
            clients = (await api.call("GET", "/api/clients", ClientList)).clients
            if wanted(clients):
                return clients
            await asyncio.sleep(0.2)


@pytest.mark.long
async def test_a_growing_fleet_enrols_machines_whose_first_backup_sends_everything(tmp_path: Path) -> None:
    child, told = await start(tmp_path, "--pace", "60", "--scenario", "growth")
    try:
        async with api_of(told) as api:
            clients = await clients_when(api, lambda clients: len(clients) > 4)
            new = max(clients, key=lambda client: client.created_at)
            found = await runs_of(
                api, wanted=lambda run: run.client_id == new.id and run.state is RunState.COMPLETE
            )
            assert found[0].files_new == found[0].files_seen > 10
    finally:
        assert await end(child) == 0


@pytest.mark.long
async def test_in_a_churning_fleet_machines_come_and_go(tmp_path: Path) -> None:
    child, told = await start(tmp_path, "--pace", "100", "--scenario", "churn")
    try:
        async with api_of(told) as api:
            await clients_when(
                api, lambda clients: len(clients) > 4 and any(client.destroy_at for client in clients)
            )
    finally:
        assert await end(child) == 0


async def test_an_attack_is_in_the_audit_log_and_keeps_no_console_out(tmp_path: Path) -> None:
    child, told = await start(tmp_path, "--scenario", "attack")
    try:
        async with api_of(told) as api, asyncio.timeout(60):
            seen: set[AuditAction] = set()
            while not seen >= {AuditAction.WRONG_TOKEN, AuditAction.WRONG_CODE}:
                with contextlib.closing(sqlite3.connect(told["database_path"])) as database:
                    seen = {AuditAction(action) for (action,) in database.execute("SELECT action FROM audit")}
                await asyncio.sleep(0.2)
            assert len((await api.call("GET", "/api/clients", ClientList)).clients) == 4
    finally:
        assert await end(child) == 0


@pytest.mark.long
async def test_in_a_bad_night_most_backups_fail_for_one_reason(tmp_path: Path) -> None:
    child, told = await start(tmp_path, "--pace", "100", "--scenario", "bad-night", clients=12)
    try:
        async with api_of(told) as api:
            found = await runs_of(api, wanted=lambda run: run.reason == NIGHT_REASON)
            assert all(run.state is RunState.FAILED for run in found)
            await clients_when(
                api, lambda clients: any(client.state is ClientState.OFFLINE for client in clients)
            )
    finally:
        assert await end(child) == 0
