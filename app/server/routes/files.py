"""Routes about files: to find, verify, delete and restore them."""

from datetime import datetime
from typing import Annotated

import msgspec
from aiohttp import web

from app.catalogue.audit_note import AuditNote
from app.catalogue.tokens import TokenInfo
from app.server.dispatch import Route
from app.server.services import Room
from app.wire.http import FileIds, TreeState, VersionPage
from streams.model.files import FilePage, FileQuery, FilesSummary, FileVersion, VerifyResult
from streams.model.outcome import Outcome
from streams.model.vocabulary import AuditAction, Scope


class TreeStateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose files, as of when."""

    client_id: str
    at: datetime | None = None


class TreeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose files, as of when, and after which file id."""

    client_id: str
    at: datetime | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


async def files(room: Room, query: FileQuery) -> FilePage:
    """Return one page of files; the cursors lead to its neighbours.

    GET /api/files: 200, 400 bad_request for a cursor of another question.
    """
    return await room.catalogue.files.page(query)


async def summary(room: Room) -> FilesSummary:
    """Return what the cards above the files show.

    GET /api/files/summary: 200.
    """
    return await room.catalogue.files.summary()


async def versions(room: Room, file_id: int) -> list[FileVersion]:
    """Return the versions of a file, newest first.

    GET /api/files/{file_id}/versions: 200, 404 unknown_file.
    """
    return await room.catalogue.files.versions(file_id)


async def delete(room: Room, body: FileIds) -> Outcome:
    """Delete files; they can be undeleted until they are purged.

    POST /api/files/delete: 200.
    """
    return await room.catalogue.files.delete(body.file_ids)


async def undelete(room: Room, body: FileIds) -> Outcome:
    """Bring deleted files back.

    POST /api/files/undelete: 200.
    """
    return await room.catalogue.files.undelete(body.file_ids)


async def verify(room: Room, body: FileIds) -> VerifyResult:
    """Read the stored bytes of these files again and check their hashes.

    POST /api/files/verify: 200.
    """
    return await room.verification.files(body.file_ids)


async def verify_client(room: Room, client_id: str) -> VerifyResult:
    """Verify all present files of a client.

    POST /api/clients/{client_id}/verify: 200, 404 unknown_client.
    """
    return await room.verification.client(client_id)


async def verify_all(room: Room) -> VerifyResult:
    """Verify everything that is stored.

    POST /api/verify: 200.
    """
    return await room.verification.everything()


async def tree(room: Room, request: web.Request, token: TokenInfo, query: TreeQuery) -> VersionPage:
    """Return what a client had at a time, for a restore.

    GET /api/tree: 200, 404 unknown_client.
    """
    await note_list(room, request, token, query.client_id)
    entries, next_after = await room.catalogue.files.tree(
        query.client_id, at=query.at, after=query.after, limit=query.limit
    )
    return VersionPage(entries=tuple(entries), next_after=next_after)


async def tree_state(room: Room, query: TreeStateQuery) -> TreeState:
    """Say of which backups a client's tree at a time is made: a run that did not end leaves part of it.

    GET /api/tree/state: 200, 404 unknown_client.
    """
    latest, whole = await room.catalogue.runs.behind(query.client_id, query.at)
    return TreeState(latest=latest, whole=whole)


async def note_list(room: Room, request: web.Request, token: TokenInfo, client_id: str) -> None:
    """Note that the whole list of a client's files is given out; its pages are gathered."""
    note = AuditNote(
        action=AuditAction.FILE_LIST,
        who=room.logins.name(token),
        address=room.peers.address(request),
        target=f"client {room.roster.name(client_id)}",
        client_id=client_id if room.roster.get(client_id) is not None else None,
    )
    await room.audit.gather_durably(note, token.id, note.address, note.target)


FILES = (
    Route("GET", "/api/files", files, Scope.LOOK),
    Route("GET", "/api/files/summary", summary, Scope.LOOK),
    Route("POST", "/api/files/delete", delete, Scope.OPERATE, audit=AuditAction.DELETE_FILES),
    Route("POST", "/api/files/undelete", undelete, Scope.OPERATE, audit=AuditAction.UNDELETE_FILES),
    Route("POST", "/api/files/verify", verify, Scope.OPERATE, audit=AuditAction.VERIFY),
    Route("GET", "/api/files/{file_id}/versions", versions, Scope.LOOK, ("unknown_file",)),
    Route(
        "POST",
        "/api/clients/{client_id}/verify",
        verify_client,
        Scope.OPERATE,
        ("unknown_client",),
        audit=AuditAction.VERIFY,
    ),
    Route("POST", "/api/verify", verify_all, Scope.OPERATE, audit=AuditAction.VERIFY),
    Route("GET", "/api/tree/state", tree_state, Scope.LOOK, ("unknown_client",)),
    Route("GET", "/api/tree", tree, Scope.RESTORE, ("unknown_client",), audit=AuditAction.FILE_LIST),
)
