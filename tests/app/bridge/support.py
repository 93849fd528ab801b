"""A real server in this process, and a console's bridge to it."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bridge.access import KeptAccess
from app.bridge.server_bridge import ServerBridge, open_bridge
from app.config import ConnectionSettings, Settings
from app.config.sections import PollingSettings, ServerSettings, StreamSettings
from app.server.ports import ServedTls
from app.server.run import ServerInfo, running_room
from app.server.services import Room
from app.wire.http import AgentEntry
from streams.core.schedulers import LoopScheduler
from streams.model.base import utc_now
from streams.model.clients import Client
from streams.model.vocabulary import EntryKind, RunTrigger
from streams.operators.spawning import task_spawner
from streams.sources.build import build_streams
from streams.sources.latency import LatencyMeter
from streams.sources.registry import Streams
from streams.state.environment import Environment
from streams.state.manager import StateManager
from tests.servers import lay_blank

QUICK = Settings(
    polling=PollingSettings(critical_s=0.5, background_s=1, timeout_s=2),
    streams=StreamSettings(
        settle_s=0.02, linger_s=0.0, backoff_base_s=0.05, backoff_cap_s=0.1, ping_s=0.2, jitter_ratio=0
    ),
)
SLOW_POLLS = Settings(
    polling=PollingSettings(critical_s=300, background_s=3600, timeout_s=2),
    streams=QUICK.streams,
)

CONTENT = b"what was backed up\n" * 1000
HASH = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Served:
    """A running server."""

    room: Room
    info: ServerInfo

    @property
    def connection(self) -> ConnectionSettings:
        return ConnectionSettings(
            mock_mode=False,
            host=self.info.host,
            port=self.info.port,
            database_path=self.info.database_path,
            check_s=2,
        )

    async def enrol(self, name: str) -> Client:
        code = await self.room.catalogue.enrolments.create(name)
        client, _ = await self.room.catalogue.enrolments.redeem(name, code.code, "linux", "1")
        return client


async def version_of(served: Served) -> int:
    """Have ``CONTENT`` backed up as a file; return its version."""
    client = await served.enrol("one")

    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    await served.room.store.receive(HASH, len(CONTENT), 0, chunks())
    run = await served.room.catalogue.runs.start(client.id, RunTrigger.AGENT, "")
    entry = AgentEntry(
        raw_path=b"/home/a.txt",
        kind=EntryKind.FILE,
        size_bytes=len(CONTENT),
        mtime_ns=0,
        mode=0o644,
        sha256=HASH,
    )
    await served.room.catalogue.contents.receive(client.id, {HASH: len(CONTENT)})
    await served.room.catalogue.runs.add_entries(run.id, [entry])
    tree, _ = await served.room.catalogue.files.tree(client.id)
    return tree[0].id


@asynccontextmanager
async def serving(
    data: Path, port: int = 0, tls: Any = None, settings: ServerSettings | None = None
) -> AsyncIterator[Served]:
    await asyncio.to_thread(lay_blank, data)
    served = ServedTls(tls) if isinstance(tls, ssl.SSLContext) else tls
    async with running_room(
        data,
        host="127.0.0.1",
        port=port,
        settings=settings or ServerSettings(),
        tls=served,
    ) as (
        room,
        info,
    ):
        yield Served(room, info)


@dataclass
class Connected:
    """A console without a screen."""

    bridge: ServerBridge
    streams: Streams
    state: StateManager
    faults: list[Exception]


@asynccontextmanager
async def connected(connection: ConnectionSettings, settings: Settings = QUICK) -> AsyncIterator[Connected]:
    faults: list[Exception] = []
    scheduler = LoopScheduler(asyncio.get_running_loop(), faults.append)
    bridge = await open_bridge(
        connection,
        lambda: settings,
        access=KeptAccess("the server"),
        scheduler=scheduler,
        spawn=task_spawner(),
    )
    linger_s = settings.streams.linger_s
    state = StateManager(scheduler, report=faults.append, linger_s=linger_s)
    upkeep = Environment(scheduler, faults.append, utc_now, 2.5, linger_s)
    streams = build_streams(
        bridge.ports,
        bridge.reading,
        state,
        upkeep,
        link=bridge.connection.link,
        latency=LatencyMeter().stream(scheduler=scheduler),
        database=bridge.database_ports,
    )
    try:
        yield Connected(bridge, streams, state, faults)
    finally:
        state.close()
        await bridge.close()
        assert faults == []
