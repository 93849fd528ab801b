"""Routes by which an agent restores its own client's files; another client's do not exist for it."""

from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web

from app.catalogue.errors import UnknownVersion
from app.catalogue.tokens import TokenInfo
from app.server.auth import agent_scope
from app.server.dispatch import Route
from app.server.routes.content import ContentQuery, send_small, send_version
from app.server.routes.files import note_list
from app.server.services import Room
from app.wire.http import TreeState, VersionIds, VersionPage
from streams.model.vocabulary import Scope


class OwnTreeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """As of when, and after which file id."""

    at: datetime | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class OwnTreeStateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """As of when."""

    at: datetime | None = None


async def own_tree(room: Room, request: web.Request, token: TokenInfo, query: OwnTreeQuery) -> VersionPage:
    """Return what the caller's client had at a time, for a restore.

    GET /api/agent/tree: 200.
    """
    client_id = agent_scope(token)
    await note_list(room, request, token, client_id)
    entries, next_after = await room.catalogue.files.tree(
        client_id, at=query.at, after=query.after, limit=query.limit
    )
    return VersionPage(entries=tuple(entries), next_after=next_after)


async def own_tree_state(room: Room, token: TokenInfo, query: OwnTreeStateQuery) -> TreeState:
    """Say of which backups the tree of the caller's client at a time is made.

    GET /api/agent/tree/state: 200.
    """
    latest, whole = await room.catalogue.runs.behind(agent_scope(token), query.at)
    return TreeState(latest=latest, whole=whole)


async def own_content(
    room: Room, request: web.Request, token: TokenInfo, version_id: int, query: ContentQuery
) -> web.StreamResponse:
    """Return the bytes of a version of the caller's client, or a range of them.

    GET /api/agent/versions/{version_id}/content: as /api/versions/{version_id}/content; 404 unknown_version
    also for one of another client.
    """
    version = await room.catalogue.files.version(version_id)
    if version.client_id != agent_scope(token):
        raise UnknownVersion(f"No version has the number {version_id}.")
    return await send_version(room, request, token, version, packed=query.packed)


async def own_contents(
    room: Room, request: web.Request, token: TokenInfo, body: VersionIds
) -> web.StreamResponse:
    """Return small contents of several versions of the caller's client at once; others are left out.

    POST /api/agent/versions/contents: 200, 413 payload_too_large.
    """
    return await send_small(room, request, token, body, only_client=agent_scope(token))


OWN_FILES = (
    Route("GET", "/api/agent/tree/state", own_tree_state, Scope.AGENT),
    Route("GET", "/api/agent/tree", own_tree, Scope.AGENT),
    Route(
        "POST",
        "/api/agent/versions/contents",
        own_contents,
        Scope.AGENT,
        ("payload_too_large",),
        content="application/octet-stream",
    ),
    Route(
        "GET",
        "/api/agent/versions/{version_id}/content",
        own_content,
        Scope.AGENT,
        ("unknown_version", "no_content", "damaged", "range_not_satisfiable"),
        content="application/octet-stream",
    ),
)
