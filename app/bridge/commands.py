"""Commands of the screen, carried out by the server; their effect comes back on the streams."""

from collections.abc import AsyncGenerator, Callable, Sequence

from app.bridge.download import read_version
from app.bridge.http import HttpClient
from app.wire.http import (
    BackupRequest,
    ClientIds,
    FileIds,
    Goal,
    QuotaRequest,
    ServerStateReply,
    StopRequest,
    TokenRequest,
)
from streams.model.clients import Client, ClientHoldings
from streams.model.files import VerifyResult
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.server_settings import ServerSettingEdit, ServerSettingEdits, ServerSettingsSheet
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import Scope

VERIFY_S = 3600.0
"""How long a verification may take; its progress is among the transfers meanwhile."""
COMMAND_S = 30.0
REMOVE_S = 300.0
"""How long removing a client may take: all rows of its files go in one transaction."""


class ServerCommands:
    """Implements ``streams.ports.commands.Commands`` over HTTP."""

    def __init__(self, http: HttpClient, reconnect: Callable[[], None]) -> None:
        self._http = http
        self._reconnect = reconnect

    async def start_server(self) -> None:
        """POST /api/server/start."""
        await self._http.send("POST", "/api/server/start", ServerStateReply, limit_s=COMMAND_S)

    async def stop_server(self) -> None:
        """POST /api/server/stop; running backups may come to their end."""
        await self._http.send(
            "POST", "/api/server/stop", ServerStateReply, StopRequest(timeout_s=None), limit_s=COMMAND_S
        )

    async def back_up(self, client_ids: Sequence[str] | None) -> Outcome:
        """POST /api/backups; None means all."""
        asked = None if client_ids is None else tuple(client_ids)
        return await self._http.send(
            "POST", "/api/backups", Outcome, BackupRequest(client_ids=asked), limit_s=COMMAND_S
        )

    async def cancel_run(self, run_id: int) -> Run:
        """POST /api/runs/{id}/cancel."""
        return await self._http.send("POST", f"/api/runs/{run_id}/cancel", Run, limit_s=COMMAND_S)

    async def disconnect(self, client_ids: Sequence[str]) -> Outcome:
        """POST /api/clients/disconnect."""
        return await self._on_clients("disconnect", client_ids)

    async def allow(self, client_ids: Sequence[str]) -> Outcome:
        """POST /api/clients/allow."""
        return await self._on_clients("allow", client_ids)

    async def set_goal(self, client_id: str, goal_s: float) -> None:
        """PATCH /api/clients/{id}."""
        await self._http.send("PATCH", f"/api/clients/{client_id}", Client, Goal(goal_s=goal_s))

    async def set_quota(self, client_id: str, quota_bytes: int | None) -> None:
        """PUT /api/clients/{id}/quota."""
        body = QuotaRequest(quota_bytes=quota_bytes)
        await self._http.send("PUT", f"/api/clients/{client_id}/quota", Client, body, limit_s=COMMAND_S)

    async def holdings(self, client_id: str) -> ClientHoldings:
        """GET /api/clients/{id}/holdings."""
        return await self._http.get(f"/api/clients/{client_id}/holdings", ClientHoldings)

    async def remove_client(self, client_id: str) -> ClientHoldings:
        """DELETE /api/clients/{id}."""
        return await self._http.send("DELETE", f"/api/clients/{client_id}", ClientHoldings, limit_s=REMOVE_S)

    async def keep_client(self, client_id: str) -> None:
        """POST /api/clients/{id}/keep."""
        await self._http.send("POST", f"/api/clients/{client_id}/keep", Client, limit_s=COMMAND_S)

    async def protect_client(self, client_id: str, *, protected: bool) -> None:
        """POST or DELETE /api/clients/{id}/protection."""
        method, path = "POST" if protected else "DELETE", f"/api/clients/{client_id}/protection"
        await self._http.send(method, path, Client, limit_s=COMMAND_S)

    async def protect_run(self, run_id: int, *, protected: bool) -> None:
        """POST or DELETE /api/runs/{id}/protection."""
        method, path = "POST" if protected else "DELETE", f"/api/runs/{run_id}/protection"
        await self._http.send(method, path, Run, limit_s=COMMAND_S)

    async def tokens(self) -> tuple[ConsoleToken, ...]:
        """GET /api/tokens."""
        return await self._http.get("/api/tokens", tuple[ConsoleToken, ...])

    async def add_token(self, name: str, scopes: Sequence[Scope], days: float | None) -> NewToken:
        """POST /api/tokens."""
        body = TokenRequest(name=name, scopes=tuple(scopes), days=days)
        return await self._http.send("POST", "/api/tokens", NewToken, body, limit_s=COMMAND_S)

    async def revoke_token(self, token_id: int) -> None:
        """DELETE /api/tokens/{id}."""
        await self._http.send("DELETE", f"/api/tokens/{token_id}", ConsoleToken, limit_s=COMMAND_S)

    async def change_server_settings(self, changes: Sequence[ServerSettingEdit]) -> ServerSettingsSheet:
        """PATCH /api/settings."""
        body = ServerSettingEdits(changes=tuple(changes))
        return await self._http.send("PATCH", "/api/settings", ServerSettingsSheet, body, limit_s=COMMAND_S)

    async def verify_files(self, file_ids: Sequence[int]) -> VerifyResult:
        """POST /api/files/verify."""
        body = FileIds(file_ids=tuple(file_ids))
        return await self._http.send("POST", "/api/files/verify", VerifyResult, body, limit_s=VERIFY_S)

    async def verify_client(self, client_id: str) -> VerifyResult:
        """POST /api/clients/{id}/verify."""
        path = f"/api/clients/{client_id}/verify"
        return await self._http.send("POST", path, VerifyResult, limit_s=VERIFY_S)

    async def delete_files(self, file_ids: Sequence[int]) -> Outcome:
        """POST /api/files/delete."""
        return await self._on_files("delete", file_ids)

    async def undelete_files(self, file_ids: Sequence[int]) -> Outcome:
        """POST /api/files/undelete."""
        return await self._on_files("undelete", file_ids)

    def read_version(self, version_id: int) -> AsyncGenerator[bytes]:
        """GET /api/versions/{id}/content; see ``app.bridge.download``."""
        return read_version(self._http, version_id)

    async def reconnect(self) -> None:
        """Try to reach the server now instead of at the next retry."""
        self._reconnect()

    async def _on_clients(self, verb: str, client_ids: Sequence[str]) -> Outcome:
        body = ClientIds(client_ids=tuple(client_ids))
        return await self._http.send("POST", f"/api/clients/{verb}", Outcome, body, limit_s=COMMAND_S)

    async def _on_files(self, verb: str, file_ids: Sequence[int]) -> Outcome:
        body = FileIds(file_ids=tuple(file_ids))
        return await self._http.send("POST", f"/api/files/{verb}", Outcome, body, limit_s=COMMAND_S)
