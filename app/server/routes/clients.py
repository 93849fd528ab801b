"""Routes about clients: who they are, and what is asked of them."""

from app.server.dispatch import Route
from app.server.services import Room
from app.wire.http import BackupRequest, ClientIds, ClientList, Goal, QuotaRequest
from streams.model.clients import Client
from streams.model.outcome import Outcome
from streams.model.vocabulary import AuditAction, Scope


async def clients(room: Room) -> ClientList:
    """Return all clients, and the last event that is already in them.

    GET /api/clients: 200.
    """
    epoch, seq, rows = await room.catalogue.clients.all()
    return ClientList(epoch=epoch, seq=seq, clients=rows)


async def client(room: Room, client_id: str) -> Client:
    """Return one client.

    GET /api/clients/{client_id}: 200, 404 unknown_client.
    """
    return await room.catalogue.clients.one(client_id)


async def set_goal(room: Room, client_id: str, body: Goal) -> Client:
    """Set the age that the last good backup of a client should not exceed.

    PATCH /api/clients/{client_id}: 200, 404 unknown_client.
    """
    return await room.catalogue.clients.set_goal(client_id, body.goal_s)


async def set_quota(room: Room, client_id: str, body: QuotaRequest) -> Client:
    """Set how much a client may keep; what is above is refused, what is there stays.

    PUT /api/clients/{client_id}/quota: 200, 404 unknown_client.
    """
    return await room.catalogue.clients.set_quota(client_id, body.quota_bytes)


async def disconnect(room: Room, body: ClientIds) -> Outcome:
    """Shut clients out until they are allowed again; their running backups fail.

    POST /api/clients/disconnect: 200.
    """
    return await room.backups.disconnect(body.client_ids)


async def allow(room: Room, body: ClientIds) -> Outcome:
    """Let disconnected clients in again.

    POST /api/clients/allow: 200.
    """
    return await room.backups.allow(body.client_ids)


async def back_up(room: Room, body: BackupRequest) -> Outcome:
    """Ask clients for a backup now: done where the agent begins, queued where it is away.

    POST /api/backups: 200.
    """
    return await room.backups.request(body.client_ids)


CLIENTS = (
    Route("GET", "/api/clients", clients, Scope.LOOK),
    Route("POST", "/api/clients/disconnect", disconnect, Scope.OPERATE, audit=AuditAction.DISCONNECT_CLIENT),
    Route("POST", "/api/clients/allow", allow, Scope.OPERATE, audit=AuditAction.ALLOW_CLIENT),
    Route("GET", "/api/clients/{client_id}", client, Scope.LOOK, ("unknown_client",)),
    Route(
        "PATCH",
        "/api/clients/{client_id}",
        set_goal,
        Scope.OPERATE,
        ("unknown_client",),
        audit=AuditAction.SET_GOAL,
    ),
    Route(
        "PUT",
        "/api/clients/{client_id}/quota",
        set_quota,
        Scope.OPERATE,
        ("unknown_client",),
        audit=AuditAction.SET_QUOTA,
    ),
    Route("POST", "/api/backups", back_up, Scope.OPERATE, audit=AuditAction.BACKUP),
)
