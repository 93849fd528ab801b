"""Routes about tokens of consoles: which there are, a new one, and an end to one."""

from datetime import timedelta
from typing import Annotated

import msgspec

from app.catalogue.tokens import TokenInfo
from app.server.dispatch import Route
from app.server.problems import Refused
from app.server.services import Room
from app.wire.http import TokenRequest
from streams.model.base import utc_now
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import AuditAction, Scope

TokenId = Annotated[int, msgspec.Meta(ge=0)]


async def tokens(room: Room) -> list[ConsoleToken]:
    """Return the tokens of consoles that were not revoked, without their secrets.

    GET /api/tokens: 200.
    """
    return list(await room.catalogue.console_tokens.all())


async def own(room: Room, token: TokenInfo) -> ConsoleToken:
    """Return the token that the caller sent, without its secret.

    GET /api/tokens/own: 200.
    """
    return await room.catalogue.console_tokens.one(token.id)


async def add(room: Room, token: TokenInfo, body: TokenRequest) -> NewToken:
    """Make a token with at most the caller's own scopes and end; its secret is in this answer only.

    POST /api/tokens: 200, 403 forbidden, 409 name_taken or limit_reached.
    """
    if not frozenset(body.scopes) <= token.scopes:
        raise Refused("forbidden", "A token gives no more than its own scopes.")
    expires_at = token.expires_at if body.days is None else utc_now() + timedelta(days=body.days)
    if token.expires_at is not None and expires_at is not None and expires_at > token.expires_at:
        raise Refused("forbidden", "A token gives no later end than its own.")
    return await room.catalogue.console_tokens.add(
        body.name, body.scopes, expires_at=expires_at, made_by=room.logins.name(token)
    )


async def revoke(room: Room, token_id: int) -> ConsoleToken:
    """Let a token be good no longer, and close its sockets.

    DELETE /api/tokens/{token_id}: 200, 404 unknown_token.
    """
    return await room.catalogue.console_tokens.revoke(token_id=token_id)


TOKENS = (
    Route("GET", "/api/tokens", tokens, Scope.LOOK),
    Route("GET", "/api/tokens/own", own, Scope.LOOK),
    Route(
        "POST",
        "/api/tokens",
        add,
        Scope.DESTROY,
        ("name_taken", "limit_reached"),
        audit=AuditAction.ADD_TOKEN,
    ),
    Route(
        "DELETE",
        "/api/tokens/{token_id}",
        revoke,
        Scope.DESTROY,
        ("unknown_token",),
        audit=AuditAction.REVOKE_TOKEN,
    ),
)
