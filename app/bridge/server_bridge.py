"""The only door to a server and its database: questions, events, commands and the state of the connection."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import reactivex as rx
from reactivex import abc

from app.bridge.access import KeptAccess
from app.bridge.address import named_key, reach_of, read_token
from app.bridge.checks import check_all
from app.bridge.commands import ServerCommands
from app.bridge.connection import ConnectionManager
from app.bridge.database.ports import DatabasePorts
from app.bridge.database.server_ports import ServerDatabasePorts, name_of
from app.bridge.http import HttpClient
from app.bridge.ports import HttpPorts
from app.bridge.queries import DatabaseQueries
from app.bridge.realtime import RealtimeUpdater
from app.config import ConnectionSettings, Settings
from app.database import ReadOnlyDatabase
from app.database.wire import ServedDatabase
from app.wire.http import Health
from streams.model.base import utc_now
from streams.model.failures import TidewatchError, WrongCertificate
from streams.model.tokens import ConsoleToken
from streams.operators.backoff import Backoff
from streams.operators.spawning import Spawn
from streams.sources.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBridge:
    """What the console has of a server, once all checks have passed."""

    http: HttpClient
    realtime: RealtimeUpdater
    connection: ConnectionManager
    ports: HttpPorts
    commands: ServerCommands
    database: ReadOnlyDatabase | None
    queries: DatabaseQueries | None
    database_ports: DatabasePorts | ServerDatabasePorts | None
    database_place: str
    """Which machine reads the database, in words for a person; empty without one."""
    reading: Reading

    async def close(self) -> None:
        """Let go of the server and the database."""
        self.connection.close()
        self.realtime.stop()
        await self.http.close()
        if self.database is not None:
            await self.database.close()
        if self.database_ports is not None:
            await self.database_ports.close()


async def open_bridge(
    connection: ConnectionSettings,
    settings: Callable[[], Settings],
    *,
    access: KeptAccess,
    scheduler: abc.SchedulerBase,
    spawn: Spawn,
    now: Callable[[], datetime] = utc_now,
) -> ServerBridge:
    """Check server and database and connect; raise the failure of the check that did not pass.

    ``settings`` is asked for each time that is needed, so that a changed file takes effect; so is ``access``.
    """
    reach = await reach_of(connection, access.current)
    http = HttpClient(
        reach.address,
        lambda: read_token(connection, access.current),
        tls=reach.tls,
        timeout_s=lambda: settings().polling.timeout_s,
    )
    try:
        health, token, database = await check_all(http, connection.database_path, connection.check_s)
    except WrongCertificate as error:
        await http.close()
        raise await named_key(reach.address, error, connection.check_s) from None
    except BaseException:
        await http.close()
        raise
    http.address = replace(http.address, events_port=health.events_port)
    return _connected(http, health, token, database, settings, scheduler=scheduler, spawn=spawn, now=now)


def _connected(
    http: HttpClient,
    health: Health,
    token: ConsoleToken,
    found: ReadOnlyDatabase | ServedDatabase | None,
    settings: Callable[[], Settings],
    *,
    scheduler: abc.SchedulerBase,
    spawn: Spawn,
    now: Callable[[], datetime],
) -> ServerBridge:
    def backoff(failures: int) -> float:
        times = settings().streams
        return Backoff(times.backoff_base_s, times.backoff_cap_s, times.jitter_ratio)(failures)

    async def ask() -> None:
        with suppress(TidewatchError):  # the manager hears how it ended, as of every request
            manager.name_token(await http.get("/api/tokens/own", ConsoleToken))

    realtime = RealtimeUpdater(http, scheduler=scheduler, spawn=spawn, backoff=backoff, now=now)
    manager = ConnectionManager(
        realtime,
        scheduler=scheduler,
        now=now,
        ping_s=lambda: settings().streams.ping_s,
        critical_s=lambda: settings().polling.critical_s,
        stale_factor=lambda: settings().streams.stale_factor,
        probe=lambda: spawn(ask),
    )
    manager.name_server(f"{http.address.host}:{http.address.port}", simulated=health.simulated)
    manager.name_token(token)
    http.heard = manager.heard
    http.foreign = lambda: manager.foreign
    http.dated = realtime.note_date
    database = found if isinstance(found, ReadOnlyDatabase) else None
    database_ports: DatabasePorts | ServerDatabasePorts | None = None
    place = ""
    if isinstance(found, ServedDatabase):
        database_ports = ServerDatabasePorts(http, found, realtime, spawn, scheduler=scheduler)
        place = f"{found.path}, read by the server {name_of(http)}"
    elif found is not None:
        database_ports = DatabasePorts(found.path, spawn)
        place = f"{found.path}, read on this machine"
    queries = DatabaseQueries(database, scheduler=scheduler, spawn=spawn) if database else None
    reading = Reading(
        scheduler=scheduler,
        feed=realtime,
        critical_s=lambda: settings().polling.critical_s,
        background_s=lambda: settings().polling.background_s,
        # The request ends itself; this is for what hangs beside it.
        timeout_s=lambda: settings().polling.timeout_s * 1.25,
        settle_s=lambda: settings().streams.settle_s,
        backoff=backoff,
        nudges=queries.changes if queries else rx.never(),
        ours=realtime.offset.ours,
    )
    realtime.start()
    return ServerBridge(
        http=http,
        realtime=realtime,
        connection=manager,
        ports=HttpPorts(http, spawn),
        commands=ServerCommands(http, manager.reconnect),
        database=database,
        queries=queries,
        database_ports=database_ports,
        database_place=place,
        reading=reading,
    )
