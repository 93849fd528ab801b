"""Routes about the server's state, load and past."""

from datetime import timedelta
from typing import Annotated

import msgspec

from app.server.dispatch import Route
from app.server.services import Room
from app.wire.http import ServerStateReply, StopRequest
from streams.model.base import utc_now
from streams.model.server import Activity, Series, ServerStatus, StorageForecast
from streams.model.vocabulary import AuditAction, Scope

SERIES = (
    "cpu_ratio",
    "memory_bytes",
    "connections",
    "clients_online",
    "received_bps",
    "sent_bps",
    "store_bytes",
)
POINTS = 120
"""About as many points a series has, whatever its length."""
STEPS_S = (10, 60, 300, 3600, 6 * 3600, 86400)


class LoadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back the load is told."""

    minutes: Annotated[float, msgspec.Meta(gt=0, le=60 * 24 * 366)] = 10


class ActivityQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose activity, and before which event."""

    client_id: str | None = None
    before: Annotated[int, msgspec.Meta(ge=0)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


async def status(room: Room) -> ServerStatus:
    """Return a sample of the server's load, not older than a second.

    GET /api/status: 200.
    """
    return await room.status.current()


async def start(room: Room) -> ServerStateReply:
    """Let the server take new runs again.

    POST /api/server/start: 200.
    """
    return ServerStateReply(state=await room.switch.start())


async def stop(room: Room, body: StopRequest) -> ServerStateReply:
    """Refuse new runs and let running ones end, at most for so long; this API stays up.

    POST /api/server/stop: 200.
    """
    return ServerStateReply(state=await room.switch.stop(body.timeout_s))


async def activity(room: Room, query: ActivityQuery) -> list[Activity]:
    """Return what happened, newest first.

    GET /api/activity: 200.
    """
    return await room.catalogue.activity.page(
        client_id=query.client_id, before=query.before, limit=query.limit
    )


async def load(room: Room, query: LoadQuery) -> tuple[Series, ...]:
    """Return the load over the last minutes.

    GET /api/load: 200.
    """
    seconds = query.minutes * 60
    step_s = next((step for step in STEPS_S if seconds / step <= POINTS), STEPS_S[-1])
    return await room.catalogue.metrics.series(SERIES, utc_now() - timedelta(seconds=seconds), step_s)


async def forecast(room: Room) -> StorageForecast:
    """Say when the disk will be full, judged by how it grew.

    GET /api/storage/forecast: 200.
    """
    now = await room.status.current()
    return await room.catalogue.metrics.forecast(now.disk_total_bytes, now.disk_free_bytes)


STATUS = (
    Route("GET", "/api/status", status, Scope.LOOK),
    Route("POST", "/api/server/start", start, Scope.OPERATE, audit=AuditAction.START_SERVER),
    Route("POST", "/api/server/stop", stop, Scope.OPERATE, audit=AuditAction.STOP_SERVER),
    Route("GET", "/api/activity", activity, Scope.LOOK),
    Route("GET", "/api/load", load, Scope.LOOK),
    Route("GET", "/api/storage/forecast", forecast, Scope.LOOK),
)
