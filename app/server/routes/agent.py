"""Routes of agents: each sees and changes its own client only, and nothing here deletes."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import structlog
from aiohttp import web

from app.catalogue.tokens import TokenInfo
from app.server.auth import agent_scope, refuse_shut_out
from app.server.bodies import announced_bytes, read_body
from app.server.disk import CHECK_BYTES, check_free
from app.server.dispatch import Route
from app.server.problems import Refused
from app.server.services import Room
from app.server.transfers import OpenTransfer
from app.store.errors import HashMismatch
from app.wire.blob_batch import BATCH_BYTES, decode_batch
from app.wire.http import (
    Accepted,
    AgentClient,
    AgentRun,
    BatchStored,
    BlobStored,
    Entries,
    FinishRun,
    Hashes,
    MissingBlob,
    MissingReply,
    StartRun,
    Vanished,
    VersionPage,
)
from app.wire.limits import MAX_LABEL, Number, Size, spoken
from streams.model.runs import Run
from streams.model.vocabulary import RunState, Scope, TransferKind, TransferState

log = structlog.stdlib.get_logger(__name__)

SHA256 = re.compile(r"[0-9a-f]{64}")
BATCH_OVERHEAD_BYTES = 1024 * 1024
"""Room for the heads of the contents of a full batch."""


class OwnClientQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the agent asks again and again since its socket cannot be opened, and how often."""

    poll_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None


class OwnFilesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """After which file id the next page starts."""

    after: Number = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class BlobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where in its content an upload begins, and how large the whole is."""

    size: Size
    offset: Size = 0
    label: str = ""
    """What the transfer is called on the screen: the path, say."""


async def own_client(room: Room, token: TokenInfo, query: OwnClientQuery) -> AgentClient:
    """Return the caller's client with the revision of its tree; who polls is online.

    GET /api/agent/client: 200.
    """
    client_id = agent_scope(token)
    if query.poll_s is not None:
        await room.presence.polled(client_id, query.poll_s)
    # Before the client: a change in between makes the agent look once more, and is never missed.
    revision = await room.catalogue.clients.revision(client_id)
    last_run_id = await room.catalogue.runs.newest_id(client_id)
    client = await room.catalogue.clients.one(client_id)
    return AgentClient(**msgspec.structs.asdict(client), revision=revision, last_run_id=last_run_id)


async def own_files(room: Room, token: TokenInfo, query: OwnFilesQuery) -> VersionPage:
    """Return what the caller's client has here, to rebuild a lost index.

    GET /api/agent/files: 200.
    """
    entries, next_after = await room.catalogue.files.tree(
        agent_scope(token), after=query.after, limit=query.limit
    )
    return VersionPage(entries=tuple(entries), next_after=next_after)


async def begin_run(room: Room, token: TokenInfo, body: StartRun) -> AgentRun:
    """Begin a backup of the caller's client.

    POST /api/agent/runs: 200, 409 server_stopped, client_disconnected or run_replaced, 507 disk_full or
    quota_exceeded.
    """
    return await _with_revision(room, await room.backups.begin(agent_scope(token), body))


async def _with_revision(room: Room, run: Run) -> AgentRun:
    revision = await room.catalogue.clients.revision(run.client_id)
    return AgentRun(**msgspec.structs.asdict(run), revision=revision)


async def missing(room: Room, token: TokenInfo, body: Hashes) -> MissingReply:
    """Say which of these contents the caller's client has not sent, and how much of each has come of it.

    POST /api/agent/blobs/missing: 200.
    """
    client_id = agent_scope(token)
    # Of what others have sent nothing is told, and nothing is looked for in the store.
    owned = await room.catalogue.contents.owned(client_id, body.hashes)
    lost = set(await room.store.missing(owned))
    lacking = [sha256 for sha256 in dict.fromkeys(body.hashes) if sha256 not in owned or sha256 in lost]
    received = await room.store.received(lacking, client_id)
    return MissingReply(
        missing=tuple(MissingBlob(sha256=sha256, received_bytes=received[sha256]) for sha256 in lacking)
    )


async def upload(
    room: Room, request: web.Request, token: TokenInfo, sha256: str, query: BlobQuery
) -> BlobStored:
    """Take the bytes of a content from an offset on; answers when it is durable and has its hash.

    PUT /api/agent/blobs/{sha256}: 200, 400 upload_incomplete, 409 offset_mismatch, 422 hash_mismatch,
    429 too_many_uploads, 507 disk_full or quota_exceeded. What came before an interruption is kept.
    """
    client_id = agent_scope(token)
    _checked(sha256)
    left = query.size - query.offset
    if left < 0 or (request.content_length is not None and request.content_length > left):
        raise Refused("bad_request", "The body is larger than the content.")
    await check_free(room.data_dir, room.limits.least_free_bytes, left)
    transfer: OpenTransfer | None = None
    if query.size > room.limits.transfer_bytes:
        transfer = room.transfers.begin(
            TransferKind.UPLOAD,
            client_id=client_id,
            client_name=room.roster.name(client_id),
            label=spoken(query.label, MAX_LABEL),
            total_bytes=query.size,
            done_bytes=query.offset,
            state=TransferState.QUEUED,
        )
    state, reason = TransferState.CANCELLED, "interrupted"
    try:
        async with room.uploads.turn(client_id), room.quota.reserve(client_id, {sha256: query.size}):
            await room.store.receive(
                sha256, query.size, query.offset, _chunks(room, request, token, transfer), client_id
            )
            await room.catalogue.contents.receive(client_id, {sha256: query.size}, sent_bytes=left)
        state, reason = TransferState.COMPLETE, None
    except Exception as error:
        state, reason = TransferState.FAILED, str(error) or type(error).__name__
        raise
    finally:
        if transfer is not None:
            transfer.end(state, reason)
    return BlobStored(sha256=sha256, size_bytes=query.size)


async def _chunks(
    room: Room, request: web.Request, token: TokenInfo, transfer: OpenTransfer | None
) -> AsyncIterator[bytes]:
    """Read a body in chunks; one whose sender falls silent ends with an error, what came is kept."""
    content = request.content
    client_id = agent_scope(token)
    unchecked = 0
    while True:
        try:
            async with asyncio.timeout(room.limits.upload_idle_s):
                chunk = await content.read(room.limits.chunk_bytes)
        except TimeoutError:
            raise Refused("upload_incomplete", "Nothing came for too long.") from None
        if not chunk:
            return
        room.transfers.received_bytes += len(chunk)
        room.progress.receive(client_id, len(chunk))
        room.presence.heard(client_id)
        if transfer is not None:
            transfer.advance(len(chunk))
        unchecked += len(chunk)
        if unchecked >= CHECK_BYTES:
            unchecked = 0
            refuse_shut_out(room.roster, client_id)
            await check_free(room.data_dir, room.limits.least_free_bytes)
        yield chunk


async def batch(room: Room, request: web.Request, token: TokenInfo) -> BatchStored:
    """Take many small contents at once; a wrong one does not lose the others.

    POST /api/agent/blobs/batch: 200, 400 bad_request, 413 payload_too_large, 422 hash_mismatch,
    429 too_many_uploads, 507 disk_full or quota_exceeded.
    """
    client_id = agent_scope(token)
    size_bytes = announced_bytes(request, BATCH_BYTES + BATCH_OVERHEAD_BYTES)
    async with room.uploads.turn(client_id), room.bodies.hold(token.id, size_bytes):
        body = await read_body(request, BATCH_BYTES + BATCH_OVERHEAD_BYTES, idle_s=room.limits.body_idle_s)
        await check_free(room.data_dir, room.limits.least_free_bytes, len(body))
        try:
            blobs = list(decode_batch(body))
        except ValueError as error:
            raise Refused("bad_request", "That is no batch.", detail=str(error)) from None
        room.transfers.received_bytes += len(body)
        sizes = {sha256: len(content) for sha256, content in blobs}
        room.progress.receive(client_id, sum(sizes.values()))
        async with room.quota.reserve(client_id, sizes):
            stored = await _store_batch(room, client_id, blobs, sizes)
    return BatchStored(stored=tuple(stored))


async def _store_batch(
    room: Room, client_id: str, blobs: list[tuple[str, bytes]], sizes: dict[str, int]
) -> list[str]:
    try:
        stored = await room.store.receive_many(blobs)
    except HashMismatch as error:
        # The others are in the store, and their client is not asked for them again.
        good = {sha256: size for sha256, size in sizes.items() if sha256 not in error.hashes}
        await room.catalogue.contents.receive(client_id, good, sent_bytes=sum(good.values()))
        raise
    await room.catalogue.contents.receive(client_id, sizes, sent_bytes=sum(sizes.values()))
    return stored


async def add_entries(room: Room, token: TokenInfo, run_id: int, body: Entries) -> Accepted:
    """Note names that are new or changed; their contents must be here, and then they are acknowledged.

    POST /api/agent/runs/{run_id}/entries: 200, 404 unknown_run, 409 run_ended or blobs_missing,
    507 disk_full.
    """
    await room.running.own(agent_scope(token), run_id)
    await check_free(room.data_dir, room.limits.least_free_bytes)
    return await room.catalogue.runs.add_entries(run_id, body.entries)


async def add_vanished(room: Room, token: TokenInfo, run_id: int, body: Vanished) -> Accepted:
    """Note names that are no longer on the client; what is kept of them stays.

    POST /api/agent/runs/{run_id}/vanished: 200, 404 unknown_run, 409 run_ended, 507 disk_full.
    """
    await room.running.own(agent_scope(token), run_id)
    await check_free(room.data_dir, room.limits.least_free_bytes)
    return await room.catalogue.runs.add_vanished(run_id, body.raw_paths)


async def finish(room: Room, token: TokenInfo, run_id: int, body: FinishRun) -> AgentRun:
    """End a backup with its result.

    POST /api/agent/runs/{run_id}/finish: 200, 400 bad_request, 404 unknown_run, 409 run_ended.
    """
    if not body.state.ended:
        raise Refused("bad_request", f"A run cannot end as {RunState(body.state)}.")
    await room.running.own(agent_scope(token), run_id)
    return await _with_revision(room, await room.running.finish(run_id, body))


def _checked(sha256: str) -> None:
    if not SHA256.fullmatch(sha256):
        raise Refused("bad_request", "A content is named by 64 lower-case hexadecimal digits.")


UPLOAD_CODES = ("hash_mismatch", "too_many_uploads", "disk_full", "quota_exceeded")
RUN_CODES = ("unknown_run", "run_ended", "disk_full")

AGENT = (
    Route("GET", "/api/agent/client", own_client, Scope.AGENT),
    Route("GET", "/api/agent/files", own_files, Scope.AGENT),
    Route(
        "POST",
        "/api/agent/runs",
        begin_run,
        Scope.AGENT,
        ("server_stopped", "client_disconnected", "run_replaced", "disk_full", "quota_exceeded"),
    ),
    Route("POST", "/api/agent/blobs/missing", missing, Scope.AGENT),
    Route(
        "POST",
        "/api/agent/blobs/batch",
        batch,
        Scope.AGENT,
        ("payload_too_large", *UPLOAD_CODES),
        body_content="application/octet-stream",
    ),
    Route(
        "PUT",
        "/api/agent/blobs/{sha256}",
        upload,
        Scope.AGENT,
        ("upload_incomplete", "offset_mismatch", *UPLOAD_CODES),
        body_content="application/octet-stream",
    ),
    Route(
        "POST", "/api/agent/runs/{run_id}/entries", add_entries, Scope.AGENT, (*RUN_CODES, "blobs_missing")
    ),
    Route("POST", "/api/agent/runs/{run_id}/vanished", add_vanished, Scope.AGENT, RUN_CODES),
    Route("POST", "/api/agent/runs/{run_id}/finish", finish, Scope.AGENT, RUN_CODES),
)
