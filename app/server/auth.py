"""Authorisation: a bearer token with the scope of its route, checked before anything else."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from app.catalogue.tokens import TokenInfo
from app.catalogue.writer import FLOW
from app.server.audit_calls import forbidden, wrong_token
from app.server.client_registry import Roster
from app.server.dispatch import TOKEN, route_of
from app.server.peers import network_of
from app.server.problems import Refused
from app.wire.http import CHALLENGE
from streams.model.vocabulary import Scope

if TYPE_CHECKING:
    from app.server.services import Room


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def authentication(room: "Room") -> Middleware:
    """Return the middleware that lets a request through, or answers 401 wrong_token or 403 forbidden.

    A path that does not exist is told only to who has a token. Logins and refusals are noted.
    """

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = route_of(request)
        if route is not None and route.scope is None:
            return await handler(request)
        token = await _token(room, request)
        room.logins.note(token, room.peers.address(request))
        if route is not None and route.scope is not None and not token.allows(route.scope):
            note = forbidden(request, room.peers.address(request), room.logins.name(token), token)
            room.audit.gather(note, token.id, note.address, route.method, route.path)
            raise Refused(
                "forbidden",
                f"This takes a token with the scope {route.scope}.",
                detail=f"The one that was sent has {', '.join(sorted(token.scopes))}.",
            )
        room.door.enter(request, token)
        if token.client_id is not None:
            room.presence.heard(token.client_id)
            if request.method != "GET":
                refuse_shut_out(room.roster, token.client_id)
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


async def _token(room: "Room", request: web.Request) -> TokenInfo:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    text = text.strip()
    good = kind.lower() == "bearer" and text and text.isascii()
    # A good token is good whatever others behind the same address have tried.
    token = await room.catalogue.tokens.check(text) if good else None
    if token is None:
        if text:
            peer = room.peers.address(request)
            room.audit.gather(wrong_token(request, peer), network_of(peer))
            refusal = room.token_guesses.note_failure(network_of(peer))
            if refusal is not None:
                raise refusal
        raise Refused(
            "wrong_token",
            await room.catalogue.tokens.refusal(text) if good else "The token is missing.",
            detail="Send it as Authorization: Bearer TOKEN. The console's is in console.token in the server's"
            " data folder; a client that has lost its own is enrolled again.",
            headers=CHALLENGE,
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
