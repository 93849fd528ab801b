"""Routes about removing clients for good."""

from app.server.dispatch import Route
from app.server.services import Room
from streams.model.clients import Client, ClientHoldings
from streams.model.runs import Run
from streams.model.vocabulary import AuditAction, Scope


async def holdings(room: Room, client_id: str) -> ClientHoldings:
    """Return what would be lost with a client.

    GET /api/clients/{client_id}/holdings: 200, 404 unknown_client.
    """
    return await room.catalogue.removal.holdings(client_id)


async def remove(room: Room, client_id: str) -> ClientHoldings:
    """Shut a client out and mark it for removal with its runs, files and versions; return what would be lost.

    DELETE /api/clients/{client_id}: 200, 404 unknown_client, 409 protected. It is removed at ``destroy_at``.
    """
    return await room.removal.remove(client_id)


async def keep(room: Room, client_id: str) -> Client:
    """Take back the removal of a client and let it in again.

    POST /api/clients/{client_id}/keep: 200, 404 unknown_client, 409 not_marked.
    """
    return await room.removal.keep(client_id)


async def protect(room: Room, client_id: str) -> Client:
    """Protect a client from removal, and its deleted files from the purge.

    POST /api/clients/{client_id}/protection: 200, 404 unknown_client.
    """
    return await room.catalogue.holds.protect(client_id, protected=True)


async def unprotect(room: Room, client_id: str) -> Client:
    """End the protection of a client.

    DELETE /api/clients/{client_id}/protection: 200, 404 unknown_client.
    """
    return await room.catalogue.holds.protect(client_id, protected=False)


async def protect_run(room: Room, run_id: int) -> Run:
    """Protect what a run has backed up from the purge, and its client from removal.

    POST /api/runs/{run_id}/protection: 200, 404 unknown_run.
    """
    return await room.catalogue.holds.protect_run(run_id, protected=True)


async def unprotect_run(room: Room, run_id: int) -> Run:
    """End the protection of a run.

    DELETE /api/runs/{run_id}/protection: 200, 404 unknown_run.
    """
    return await room.catalogue.holds.protect_run(run_id, protected=False)


CLIENT, RUN = ("unknown_client",), ("unknown_run",)

REMOVAL = (
    Route("GET", "/api/clients/{client_id}/holdings", holdings, Scope.LOOK, CLIENT),
    Route(
        "DELETE",
        "/api/clients/{client_id}",
        remove,
        Scope.DESTROY,
        (*CLIENT, "protected"),
        audit=AuditAction.REMOVE_CLIENT,
    ),
    Route(
        "POST",
        "/api/clients/{client_id}/keep",
        keep,
        Scope.OPERATE,
        (*CLIENT, "not_marked"),
        audit=AuditAction.KEEP_CLIENT,
    ),
    Route(
        "POST",
        "/api/clients/{client_id}/protection",
        protect,
        Scope.OPERATE,
        CLIENT,
        audit=AuditAction.PROTECT,
    ),
    Route(
        "DELETE",
        "/api/clients/{client_id}/protection",
        unprotect,
        Scope.DESTROY,
        CLIENT,
        audit=AuditAction.UNPROTECT,
    ),
    Route(
        "POST", "/api/runs/{run_id}/protection", protect_run, Scope.OPERATE, RUN, audit=AuditAction.PROTECT
    ),
    Route(
        "DELETE",
        "/api/runs/{run_id}/protection",
        unprotect_run,
        Scope.DESTROY,
        RUN,
        audit=AuditAction.UNPROTECT,
    ),
)
