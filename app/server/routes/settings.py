"""Routes about the server's own settings: what is in force and who set it, and changes."""

from aiohttp import web

from app.catalogue.tokens import TokenInfo
from app.server.audit_calls import NOTED, ORDER
from app.server.dispatch import Route
from app.server.services import Room
from streams.model.server_settings import ServerSettingEdits, ServerSettingsSheet
from streams.model.vocabulary import AuditAction, Scope


async def settings(room: Room) -> ServerSettingsSheet:
    """Return the server's settings in force, with range, default, and where each value comes from.

    GET /api/settings: 200.
    """
    return await room.settings.sheet()


async def change(
    room: Room, request: web.Request, token: TokenInfo, body: ServerSettingEdits
) -> ServerSettingsSheet:
    """Put changes in force at once and keep them, all or none; return what holds then.

    PATCH /api/settings: 200, 404 unknown_setting, 409 setting_fixed or setting_changed,
    422 setting_rejected.
    """
    request[NOTED] = True
    return await room.settings.change(body.changes, by=room.logins.name(token), order=request[ORDER])


SETTINGS = (
    Route("GET", "/api/settings", settings, Scope.LOOK),
    # Shorter times destroy what they kept: who may not destroy may not change them.
    Route(
        "PATCH",
        "/api/settings",
        change,
        Scope.DESTROY,
        ("unknown_setting", "setting_fixed", "setting_changed", "setting_rejected"),
        audit=AuditAction.CHANGE_SETTINGS,
    ),
)
