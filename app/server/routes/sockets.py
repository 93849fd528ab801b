"""Routes of the second port: the event socket of consoles and the socket of agents."""

from aiohttp import web

from app.catalogue.tokens import TokenInfo
from app.server.auth import agent_scope
from app.server.dispatch import Route
from app.server.event_socket import serve_console
from app.server.services import Room
from streams.model.vocabulary import Scope


async def events(room: Room, request: web.Request, token: TokenInfo) -> web.StreamResponse:
    """Open the event socket of a console.

    GET /events: 101, 400 bad_request where it is no upgrade.
    """
    return await serve_console(
        request, catalogue=room.catalogue, hub=room.hub, limits=room.limits, token=token
    )


async def agent(room: Room, request: web.Request, token: TokenInfo) -> web.StreamResponse:
    """Open the socket of an agent.

    GET /agent: 101, 400 bad_request where it is no upgrade.
    """
    return await room.agents.serve(request, agent_scope(token), token.id)


SOCKETS = (
    Route("GET", "/events", events, Scope.LOOK),
    Route("GET", "/agent", agent, Scope.AGENT),
)
