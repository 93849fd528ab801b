"""Who may call what: a bearer token with the scope its route asks for, checked before anything else."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from app.catalogue.tokens import TokenInfo
from app.catalogue.writer import FLOW
from app.server.agents import AgentsHub
from app.server.call import TOKEN, route_of
from app.server.problems import Refused
from app.server.roster import Roster
from streams.vocabulary import Scope

CheckToken = Callable[[str], Awaitable[TokenInfo | None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def authentication(check: CheckToken, roster: Roster, agents: AgentsHub) -> Middleware:
    """Return the middleware that lets a request through, or answers 401 wrong_token or 403 forbidden.

    A path that does not exist is told only to who has a token.
    """

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route is not None and route.scope is None:
            return await handler(request)
        token = await _token(request, check)
        if route is not None and route.scope is not None and not token.allows(route.scope):
            raise Refused(
                "forbidden",
                f"This takes a token with the scope {route.scope}.",
                detail=f"The one that was sent has {', '.join(sorted(token.scopes))}.",
            )
        if token.client_id is not None:
            agents.heard(token.client_id)
            if request.method != "GET":
                refuse_shut_out(roster, token.client_id)
        request[TOKEN] = token
        # The writes of one client take turns with those of all others.
        FLOW.set(token.client_id or "console")
        if token.client_id is None:
            return await handler(request)
        with structlog.contextvars.bound_contextvars(**_about(request, token.client_id)):
            return await handler(request)

    return authenticate


def _about(request: web.Request, client_id: str) -> dict[str, str | int]:
    """Return what every line that is said while this is answered is about."""
    run_id = request.match_info.get("run_id", "")
    return {"client_id": client_id} | ({"run": int(run_id)} if run_id.isdecimal() else {})


async def _token(request: web.Request, check: CheckToken) -> TokenInfo:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    text = text.strip()
    token = await check(text) if kind.lower() == "bearer" and text and text.isascii() else None
    if token is None:
        raise Refused(
            "wrong_token",
            "The token is missing, unknown or revoked.",
            detail="Send it as Authorization: Bearer TOKEN. The console's is in console.token in the server's"
            " data folder; a client that has lost its own is enrolled again.",
            headers={"WWW-Authenticate": 'Bearer realm="tidewatch"'},
        )
    return token


def refuse_shut_out(roster: Roster, client_id: str) -> None:
    """Raise where an operator has disconnected this client."""
    if roster.shut_out(client_id):
        raise Refused("client_disconnected", "An operator has disconnected this client.")


def agent_scope(token: TokenInfo) -> str:
    """Return the client that an agent's token is for."""
    if not token.allows(Scope.AGENT) or token.client_id is None:
        raise Refused("forbidden", "This is for agents.")
    return token.client_id
