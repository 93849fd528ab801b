"""Commands without a server: calls that a test reads."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from streams.model.base import utc_now
from streams.model.clients import ClientHoldings
from streams.model.failures import CommandFailed, TidewatchError
from streams.model.files import VerifyResult
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.server_settings import ServerSettingEdit, ServerSettingsSheet
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import CONSOLE_SCOPES, RunState, RunTrigger, Scope
from tests.ui.fake_server_settings import changed_sheet, server_sheet


class FakeCommands:
    """Records what was asked for; ``refuse`` makes the next calls fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.refuse: TidewatchError | None = None
        self.outcome = Outcome()
        self.kept_tokens = [
            ConsoleToken(id=1, name="console", scopes=CONSOLE_SCOPES, created_at=utc_now(), made_by="server")
        ]
        self.server_sheet = server_sheet()
        self.cancelled_as = RunState.CANCELLED
        self.protected: set[str | int] = set()
        """Clients and runs; all runs are of every client here."""

    async def start_server(self) -> None:
        self._call("start_server")

    async def stop_server(self) -> None:
        self._call("stop_server")

    async def back_up(self, client_ids: Sequence[str] | None) -> Outcome:
        self._call("back_up", client_ids)
        return self.outcome

    async def cancel_run(self, run_id: int) -> Run:
        self._call("cancel_run", run_id)
        return Run(
            id=run_id,
            client_id="",
            client_name="",
            trigger=RunTrigger.SCHEDULE,
            state=self.cancelled_as,
            started_at=utc_now(),
        )

    async def disconnect(self, client_ids: Sequence[str]) -> Outcome:
        self._call("disconnect", tuple(client_ids))
        return self.outcome

    async def allow(self, client_ids: Sequence[str]) -> Outcome:
        self._call("allow", tuple(client_ids))
        return self.outcome

    async def set_goal(self, client_id: str, goal_s: float) -> None:
        self._call("set_goal", (client_id, goal_s))

    async def set_quota(self, client_id: str, quota_bytes: int | None) -> None:
        self._call("set_quota", (client_id, quota_bytes))

    async def holdings(self, client_id: str) -> ClientHoldings:
        self._call("holdings", client_id)
        return _holdings(client_id)

    async def remove_client(self, client_id: str) -> ClientHoldings:
        self._call("remove_client", client_id)
        if client_id in self.protected or any(isinstance(held, int) for held in self.protected):
            raise CommandFailed("It is protected.", hint="End its protection first.", code="protected")
        return _holdings(client_id)

    async def keep_client(self, client_id: str) -> None:
        self._call("keep_client", client_id)

    async def protect_client(self, client_id: str, *, protected: bool) -> None:
        self._call("protect_client", (client_id, protected))
        self._protect(client_id, protected)

    async def protect_run(self, run_id: int, *, protected: bool) -> None:
        self._call("protect_run", (run_id, protected))
        self._protect(run_id, protected)

    async def tokens(self) -> tuple[ConsoleToken, ...]:
        self._call("tokens")
        return tuple(self.kept_tokens)

    async def add_token(self, name: str, scopes: Sequence[Scope], days: float | None) -> NewToken:
        self._call("add_token", (name, tuple(scopes), days))
        token = ConsoleToken(
            id=len(self.kept_tokens) + 2, name=name, scopes=tuple(scopes), created_at=utc_now()
        )
        self.kept_tokens.append(token)
        return NewToken(token=token, secret="tw_secret-of-the-test")

    async def revoke_token(self, token_id: int) -> None:
        self._call("revoke_token", token_id)
        self.kept_tokens = [token for token in self.kept_tokens if token.id != token_id]

    async def change_server_settings(self, changes: Sequence[ServerSettingEdit]) -> ServerSettingsSheet:
        self._call("change_server_settings", tuple(changes))
        self.server_sheet = changed_sheet(self.server_sheet, changes)
        return self.server_sheet

    async def verify_files(self, file_ids: Sequence[int]) -> VerifyResult:
        self._call("verify_files", tuple(file_ids))
        return VerifyResult(checked=len(file_ids))

    async def verify_client(self, client_id: str) -> VerifyResult:
        self._call("verify_client", client_id)
        return VerifyResult(checked=1204)

    async def delete_files(self, file_ids: Sequence[int]) -> Outcome:
        self._call("delete_files", tuple(file_ids))
        return Outcome(done=tuple(str(i) for i in file_ids))

    async def undelete_files(self, file_ids: Sequence[int]) -> Outcome:
        self._call("undelete_files", tuple(file_ids))
        return Outcome(done=tuple(str(i) for i in file_ids))

    async def read_version(self, version_id: int) -> AsyncGenerator[bytes]:
        self._call("read_version", version_id)
        yield f"content of {version_id}".encode()

    async def reconnect(self) -> None:
        self._call("reconnect")

    def _protect(self, held: str | int, protected: bool) -> None:
        (self.protected.add if protected else self.protected.discard)(held)

    def _call(self, name: str, argument: Any = None) -> None:
        self.calls.append((name, argument))
        if self.refuse is not None:
            raise self.refuse


def _holdings(client_id: str) -> ClientHoldings:
    return ClientHoldings(client_id=client_id, name="app-01", files=1204, bytes=312 * 1024**2, runs=118)
