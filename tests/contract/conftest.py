"""Each port as the screen knows it: once made up, as the tests of the views use it, and once real."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.failures import CommandFailed
from streams.model.vocabulary import RunTrigger
from streams.ports.commands import Commands
from streams.sources.registry import Streams
from tests.app.bridge.support import SLOW_POLLS, connected, serving, version_of
from tests.servers import until
from tests.ui.fake_commands import FakeCommands
from tests.ui.fakes import FakeStreams


@dataclass
class Screen:
    """What a console hands to its screen, over a server with one client, a running backup and a file."""

    streams: Streams
    commands: Commands
    client_id: str
    file_id: int
    version_id: int
    run_id: int
    refuse: Callable[[], object]
    """Let the commands from now on fail."""
    change: Callable[[Client], Awaitable[object]]
    """Have a client changed on the server's side."""


@pytest.fixture(params=["made up", pytest.param("real", marks=pytest.mark.integration)])
async def screen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Screen]:
    """Give every implementation in turn."""
    if request.param == "made up":
        fake, commands = FakeStreams(utc_now), FakeCommands()
        fake.fill()

        def refuse() -> None:
            commands.refuse = CommandFailed("The server does not do that now.")

        async def put(client: Client) -> None:
            fake.clients.put(msgspec.structs.replace(client, goal_s=client.goal_s + 1))

        first = next(iter(fake.clients.rows))
        run = next(iter(fake.progress.rows))
        yield Screen(fake.bag, commands, first, 1, 1, run, refuse, put)
        return
    async with serving(tmp_path / "data") as served:
        version = await version_of(served)
        file = await served.room.catalogue.files.version(version)
        run = await served.room.catalogue.runs.start(file.client_id, RunTrigger.AGENT, "")
        async with connected(served.connection, SLOW_POLLS) as console:
            await until(lambda: console.bridge.realtime.up)

            async def wrong() -> str:
                return "tw_wrong"

            yield Screen(
                console.streams,
                console.bridge.commands,
                file.client_id,
                file.file_id,
                version,
                run.id,
                lambda: setattr(console.bridge.http, "token", wrong),
                lambda client: served.room.catalogue.clients.set_goal(client.id, client.goal_s + 1),
            )
