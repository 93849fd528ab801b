"""Routes about removing clients for good."""

from app.server.call import Route
from app.server.room import Room
from streams.records.clients import ClientHoldings
from streams.vocabulary import AuditAction, Scope


async def holdings(room: Room, client_id: str) -> ClientHoldings:
    """Return what would be lost with a client.

    GET /api/clients/{client_id}/holdings: 200, 404 unknown_client.
    """
    return await room.catalogue.removal.holdings(client_id)


async def remove(room: Room, client_id: str) -> ClientHoldings:
    """Remove a client for good, with its runs, its files and their versions; return what that was.

    DELETE /api/clients/{client_id}: 200, 404 unknown_client.
    """
    return await room.removal.remove(client_id)


REMOVAL = (
    Route("GET", "/api/clients/{client_id}/holdings", holdings, Scope.LOOK, ("unknown_client",)),
    Route(
        "DELETE",
        "/api/clients/{client_id}",
        remove,
        Scope.DESTROY,
        ("unknown_client",),
        audit=AuditAction.REMOVE_CLIENT,
    ),
)
