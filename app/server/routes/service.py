"""Routes about the service itself: is it there, what can it do, what does it measure."""

from typing import Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.runtime.version import VERSION
from app.server.dispatch import Route
from app.server.metrics import exposition
from app.server.openapi import description
from app.server.services import Room
from app.wire.http import SERVER_NAME, Health, server_id_of
from streams.model.events import PROTOCOL_VERSION
from streams.model.vocabulary import Scope


async def health(room: Room) -> Health:
    """Say that the server is there, which protocol it speaks and where its events are.

    GET /health: 200, without a token.
    """
    return Health(
        status="ok",
        name=SERVER_NAME,
        protocol=PROTOCOL_VERSION,
        version=VERSION,
        events_port=room.events_port,
        server_id=server_id_of(room.store.identity),
        simulated=room.simulated,
    )


async def openapi() -> dict[str, Any]:
    """Describe this API (OpenAPI 3.1).

    GET /api/openapi.json: 200, without a token.
    """
    from app.server.routes import ROUTES

    return description(ROUTES)


async def metrics(room: Room) -> web.Response:
    """Tell the server's load, and how safe each client is, as Prometheus reads it.

    GET /metrics: 200.
    """
    body = exposition(await room.status.current(), room.roster.all(), room.transfers)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


SERVICE = (
    Route("GET", "/health", health, None),
    Route("GET", "/api/openapi.json", openapi, None),
    Route("GET", "/metrics", metrics, Scope.LOOK, content="text/plain"),
)
