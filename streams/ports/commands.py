"""The port for commands of the screen; their effect comes back as data on the streams."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from streams.model.clients import ClientHoldings
from streams.model.files import VerifyResult
from streams.model.outcome import Outcome
from streams.model.runs import Run
from streams.model.server_settings import ServerSettingEdit, ServerSettingsSheet
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import Scope


class Commands(Protocol):
    """One method a command; each returns once the server has answered, or raises ``TidewatchError``."""

    async def start_server(self) -> None:
        """Let the server take new runs again."""
        ...

    async def stop_server(self) -> None:
        """Refuse new runs and let the running ones end; the control API stays up."""
        ...

    async def back_up(self, client_ids: Sequence[str] | None) -> Outcome:
        """Force a backup of these clients, or of all for None; offline ones are queued."""
        ...

    async def cancel_run(self, run_id: int) -> Run:
        """End a running backup; what it has stored is kept. Returns it as it has ended, however that is."""
        ...

    async def disconnect(self, client_ids: Sequence[str]) -> Outcome:
        """Shut clients out until they are allowed again."""
        ...

    async def allow(self, client_ids: Sequence[str]) -> Outcome:
        """Let disconnected clients in again."""
        ...

    async def set_goal(self, client_id: str, goal_s: float) -> None:
        """Set the age that the last good backup of a client should not exceed."""
        ...

    async def set_quota(self, client_id: str, quota_bytes: int | None) -> None:
        """Set how much a client may keep: 0 for no bound, None for that of the server's settings."""
        ...

    async def holdings(self, client_id: str) -> ClientHoldings:
        """Say what would be lost with a client."""
        ...

    async def remove_client(self, client_id: str) -> ClientHoldings:
        """Shut a client out and mark it for removal with all that is kept of it; return what that is.

        Its ``destroy_at`` says when; None where it has been removed at once.
        """
        ...

    async def keep_client(self, client_id: str) -> None:
        """Take back the removal of a client and let it in again."""
        ...

    async def protect_client(self, client_id: str, *, protected: bool) -> None:
        """Protect a client from removal and purge, or end that."""
        ...

    async def protect_run(self, run_id: int, *, protected: bool) -> None:
        """Protect what a run has backed up from the purge, and its client from removal, or end that."""
        ...

    async def tokens(self) -> tuple[ConsoleToken, ...]:
        """Return the tokens of consoles that were not revoked, by name."""
        ...

    async def add_token(self, name: str, scopes: Sequence[Scope], days: float | None) -> NewToken:
        """Make a token; its secret is in this answer only."""
        ...

    async def revoke_token(self, token_id: int) -> None:
        """Let a token be good no longer, and close its sockets."""
        ...

    async def change_server_settings(self, changes: Sequence[ServerSettingEdit]) -> ServerSettingsSheet:
        """Put settings of the server in force, all or none; return what holds then."""
        ...

    async def verify_files(self, file_ids: Sequence[int]) -> VerifyResult:
        """Read the stored bytes of these files again and check their hashes."""
        ...

    async def verify_client(self, client_id: str) -> VerifyResult:
        """Verify all present files of a client."""
        ...

    async def delete_files(self, file_ids: Sequence[int]) -> Outcome:
        """Delete files; they can be undeleted until they are purged."""
        ...

    async def undelete_files(self, file_ids: Sequence[int]) -> Outcome:
        """Bring deleted files back."""
        ...

    def read_version(self, version_id: int) -> AsyncGenerator[bytes]:
        """Give the bytes of a version; what is not as it was stored raises CommandFailed at the end."""
        ...

    async def reconnect(self) -> None:
        """Try to reach the server now instead of at the next retry."""
        ...
