"""States that a failing disk did not take are written when it is well: offline, ended, seen, stopped."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import CatalogueFull, CatalogueUnreadable
from app.catalogue.transaction import Transaction
from app.server import presence
from app.server.logins import USED_EVERY_S
from streams.model.failures import TidewatchError
from streams.model.vocabulary import ClientState, EventKind, ServerState
from tests.servers import Agent, RunningServer, a_server, told, until


class FailingDisk:
    """Lets every write of a catalogue fail while ``failing`` is set."""

    def __init__(self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, error: TidewatchError) -> None:
        self.failing = True
        self.refused = 0
        self.works: set[str] = set()
        """Methods of the catalogue whose writes were refused."""
        write = catalogue.writer.write

        async def refusing(work: Callable[[Transaction], Any]) -> Any:
            if self.failing:
                self.refused += 1
                self.works |= set(work.__qualname__.split(".")[1:2])
                raise error
            return await write(work)

        monkeypatch.setattr(catalogue.writer, "write", refusing)


ERRORS = [
    CatalogueUnreadable("The disk fails.", hint="Check it."),
    CatalogueFull("The disk is full.", hint="Make room on it."),
]


async def state_of(server: RunningServer, agent: Agent) -> ClientState:
    return (await server.room.catalogue.clients.one(agent.client_id)).state


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "SETTLE_AGAIN_S", 0.02)


@pytest.mark.parametrize("error", ERRORS)
async def test_who_left_while_the_disk_failed_is_noted_as_offline(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch, error: TidewatchError
) -> None:
    agent = await running_server.enrol("alpha")
    async with agent.socket() as socket:
        await told(socket)
        assert await state_of(running_server, agent) is ClientState.ONLINE
        disk = FailingDisk(running_server.room.catalogue, monkeypatch, error)
    await until(lambda: disk.refused >= 3)
    disk.failing = False

    async def offline() -> bool:
        return await state_of(running_server, agent) is ClientState.OFFLINE

    await until(offline)


async def test_an_agent_may_connect_while_nothing_can_be_written_and_is_online_afterwards(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await running_server.enrol("alpha")
    disk = FailingDisk(running_server.room.catalogue, monkeypatch, ERRORS[0])
    async with agent.socket() as socket:
        await told(socket)
        assert await state_of(running_server, agent) is ClientState.NEVER
        disk.failing = False

        async def online() -> bool:
            return await state_of(running_server, agent) is ClientState.ONLINE

        await until(online)


async def test_who_was_seen_is_written_with_the_next_ones(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await running_server.enrol("alpha")
    presence, catalogue = running_server.room.presence, running_server.room.catalogue
    presence.heard(agent.client_id)
    disk = FailingDisk(catalogue, monkeypatch, ERRORS[1])
    with pytest.raises(CatalogueFull):
        await presence.write_seen()
    disk.failing = False
    await presence.write_seen()
    assert (await catalogue.clients.one(agent.client_id)).last_seen_at is not None


async def test_the_switch_is_turned_and_noted_later(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = running_server.room.catalogue
    disk = FailingDisk(catalogue, monkeypatch, ERRORS[0])
    answer = await running_server.post("/api/server/stop")
    assert answer["state"] == ServerState.STOPPED
    disk.failing = False

    async def noted() -> bool:
        kinds = {event.kind for event in await catalogue.events.after(0)}
        return {EventKind.SERVER_STOPPING, EventKind.SERVER_STOPPED} <= kinds

    await until(noted)


async def test_background_work_goes_on_after_any_failure(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_server(tmp_path, run_lost_s=1.0, seen_every_s=0.02) as server:
        agent, catalogue = await server.enrol("alpha"), server.room.catalogue
        run = await agent.begin()
        disk = FailingDisk(catalogue, monkeypatch, ERRORS[0])
        server.room.presence.heard(agent.client_id)

        async def ended() -> bool:
            return (await catalogue.runs.one(run.id)).state.ended

        async def seen_at() -> datetime | None:
            return (await catalogue.clients.one(agent.client_id)).last_seen_at

        await until(lambda: {"seen", "give_up"} <= disk.works)
        assert not await ended()
        before = await seen_at()
        disk.failing = False
        await until(ended)
        server.room.presence.heard(agent.client_id)

        async def seen_since() -> bool:
            at = await seen_at()
            return at is not None and (before is None or at > before)

        await until(seen_since)


async def test_which_tokens_were_used_is_written_with_the_next_ones(
    running_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins, catalogue = running_server.room.logins, running_server.room.catalogue
    await running_server.get("/api/clients")
    disk = FailingDisk(catalogue, monkeypatch, ERRORS[1])
    now = time.monotonic() + USED_EVERY_S
    monkeypatch.setattr(logins, "_clock", lambda: now)
    with pytest.raises(CatalogueFull):
        await logins.write_used()
    disk.failing = False
    await logins.write_used()
    assert all(token.used_at is not None for token in await catalogue.console_tokens.all())
