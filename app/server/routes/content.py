"""Routes about bytes: the content of a version, and what is on its way."""

import re
from collections.abc import AsyncIterator

import msgspec
import structlog
from aiohttp import ClientConnectionError, web

from app.catalogue.audit_note import AuditNote
from app.catalogue.tokens import TokenInfo
from app.server.dispatch import Route
from app.server.error_answers import abort
from app.server.problems import Refused
from app.server.services import Room
from app.server.sparse import with_holes
from app.store.errors import BlobMissing, Damaged, StoreFailure
from app.wire.attributes import content_bytes
from app.wire.blob_batch import BATCH_BLOB_BYTES, BATCH_BYTES, encode_batch
from app.wire.http import VersionIds
from streams.model.files import FileVersion
from streams.model.server import Transfer
from streams.model.vocabulary import AuditAction, FileState, Scope, TransferKind, TransferState

log = structlog.stdlib.get_logger(__name__)

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def transfers(room: Room) -> list[Transfer]:
    """Return what is on its way and what ended just now, oldest first.

    GET /api/transfers: 200.
    """
    return room.transfers.all()


class ContentQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How a sparse file is sent."""

    packed: bool = False
    """Without its holes, as it is stored; its extents say where its parts belong."""


async def content(
    room: Room, request: web.Request, token: TokenInfo, version_id: int, query: ContentQuery
) -> web.StreamResponse:
    """Return the bytes of a version, or a range of them.

    GET /api/versions/{version_id}/content: 200, 206, 304, 404 unknown_version, 409 no_content, 410 damaged,
    416 range_not_satisfiable. Damage found after the first byte cuts the connection before the last one.
    """
    version = await room.catalogue.files.version(version_id)
    return await send_version(room, request, token, version, packed=query.packed)


async def send_version(
    room: Room, request: web.Request, token: TokenInfo, version: FileVersion, *, packed: bool = False
) -> web.StreamResponse:
    """Send the bytes of a version, or the range that is asked for; raises ``Refused`` where it cannot.

    Of a sparse file its holes are sent as zeros, whole and without a hash; ``packed`` leaves them out.
    """
    if version.sha256 is None:
        raise Refused("no_content", "A folder or a link has no bytes.")
    extents = None if packed or version.attributes is None else version.attributes.extents
    size_bytes = content_bytes(version.size_bytes, version.attributes)
    etag = f'"{version.sha256}"'
    if extents is None and request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    if version.state is FileState.DAMAGED:
        raise Refused("damaged", "The stored bytes of this version are damaged.")
    part = _range(request, size_bytes, etag) if extents is None else None
    await _note_download(room, request, token, version.client_id, version.path)
    start, end = part or (0, size_bytes)
    # The last chunk is held back until the store has said that all of it is good.
    chunks = room.store.open(version.sha256, start, None if part is None else end)
    try:
        held = await anext(chunks, b"")
        following = await anext(chunks, None)
    except (Damaged, BlobMissing):
        await _note_damage(room, version)
        raise Refused("damaged", "The stored bytes of this version are damaged.") from None
    response = web.StreamResponse(
        status=200 if part is None else 206, headers={"Content-Type": "application/octet-stream"}
    )
    rest = _rejoined(held, following, chunks)
    if extents is None:
        response.headers.update({"ETag": etag, "Accept-Ranges": "bytes"})
        response.content_length = end - start
    else:
        rest, response.content_length = with_holes(rest, extents, version.size_bytes), version.size_bytes
    if part is not None:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    await _send(room, request, response, rest, version)
    return response


async def contents(
    room: Room, request: web.Request, token: TokenInfo, body: VersionIds
) -> web.StreamResponse:
    """Return small contents of several versions at once, each once: hash, length and bytes.

    POST /api/versions/contents: 200, 413 payload_too_large. What is large, or not there whole, is left out;
    asked for by itself it is sent, or said why not.
    """
    return await send_small(room, request, token, body)


async def send_small(
    room: Room, request: web.Request, token: TokenInfo, body: VersionIds, *, only_client: str | None = None
) -> web.StreamResponse:
    """Return small contents in one body; with ``only_client`` only those of one client."""
    wanted = await room.catalogue.files.small_contents(body.version_ids, BATCH_BLOB_BYTES, only_client)
    total = sum(size for size, _ in wanted.values())
    if total > BATCH_BYTES:
        raise Refused("payload_too_large", f"These contents are more than {BATCH_BYTES:,} bytes.")
    for client_id in {client_id for _, client_id in wanted.values()}:
        sizes = [size for size, owner in wanted.values() if owner == client_id]
        await _note_download(room, request, token, client_id, f"{len(sizes):,} small files")
        room.transfers.begin(
            TransferKind.DOWNLOAD,
            client_id=client_id,
            client_name=room.roster.name(client_id),
            label="1 small file" if len(sizes) == 1 else f"{len(sizes):,} small files",
            total_bytes=sum(sizes),
            done_bytes=sum(sizes),
        ).end(TransferState.COMPLETE)
    found = await room.store.read_many(wanted)
    room.transfers.sent_bytes += sum(map(len, found.values()))
    return web.Response(body=encode_batch(found.items()), content_type="application/octet-stream")


async def _rejoined(first: bytes, second: bytes | None, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the chunks again, each only when the one after it is known to be there or the end is."""
    if second is None:
        yield first
        return
    held = second
    yield first
    async for chunk in rest:
        yield held
        held = chunk
    yield held


async def _send(
    room: Room,
    request: web.Request,
    response: web.StreamResponse,
    chunks: AsyncIterator[bytes],
    version: FileVersion,
) -> None:
    transfer = room.transfers.begin(
        TransferKind.DOWNLOAD,
        client_id=version.client_id,
        client_name=room.roster.name(version.client_id),
        label=version.path,
        total_bytes=response.content_length,
    )
    state, reason = TransferState.CANCELLED, None
    try:
        await response.prepare(request)
        async for chunk in chunks:
            await response.write(chunk)
            room.transfers.sent_bytes += len(chunk)
            transfer.advance(len(chunk))
        await response.write_eof()
        state = TransferState.COMPLETE
    except (Damaged, BlobMissing):
        state, reason = TransferState.FAILED, "damaged"
        # Noted first: with its connection cut, this request is cancelled.
        await _note_damage(room, version)
        abort(request)
    except StoreFailure as failure:
        state, reason = TransferState.FAILED, failure.message
        log.warning("download_failed", code=failure.code, reason=failure.message)
        abort(request)
    except ClientConnectionError:
        reason = "the caller left"
    finally:
        transfer.end(state, reason)


async def _note_damage(room: Room, version: FileVersion) -> None:
    log.error(
        "blob_damaged",
        client_id=version.client_id,
        file=version.path,
        file_id=version.file_id,
        version=version.id,
        sha256=version.sha256,
    )
    if version.sha256 is not None:
        await room.catalogue.files.mark_verified({version.sha256: False}, present=room.store.sizes)


def _range(request: web.Request, size_bytes: int, etag: str) -> tuple[int, int] | None:
    """Return start and end (exclusive) of what is asked for; None for all of it."""
    text = request.headers.get("Range")
    if text is None or request.headers.get("If-Range", etag) != etag:
        return None
    match = RANGE.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        # Several ranges, or another unit: the whole is a right answer to those.
        return None
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes
    else:
        start, end = max(0, size_bytes - int(match[2])), size_bytes
    if start >= end:
        raise Refused(
            "range_not_satisfiable",
            f"The content has {size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{size_bytes}"},
        )
    return start, end


async def _note_download(
    room: Room, request: web.Request, token: TokenInfo, client_id: str, label: str
) -> None:
    """Note that contents are given out; those of one client, token and address are gathered."""
    note = AuditNote(
        action=AuditAction.DOWNLOAD,
        who=room.logins.name(token),
        address=room.peers.address(request),
        target=f"client {room.roster.name(client_id)}: {label}",
        client_id=client_id,
    )
    await room.audit.gather_durably(note, token.id, note.address, client_id)


CONTENT = (
    Route("GET", "/api/transfers", transfers, Scope.LOOK),
    Route(
        "POST",
        "/api/versions/contents",
        contents,
        Scope.RESTORE,
        ("payload_too_large",),
        content="application/octet-stream",
        audit=AuditAction.DOWNLOAD,
    ),
    Route(
        "GET",
        "/api/versions/{version_id}/content",
        content,
        Scope.RESTORE,
        ("unknown_version", "no_content", "damaged", "range_not_satisfiable"),
        content="application/octet-stream",
        audit=AuditAction.DOWNLOAD,
    ),
)
