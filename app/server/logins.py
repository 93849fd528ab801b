"""Use of tokens: a login is noted where a token comes from an address anew, and when each was last used."""

import time
from collections import OrderedDict
from collections.abc import Callable

from app.catalogue.audit_note import AuditNote
from app.catalogue.tokens import TokenInfo, Tokens
from app.server.audit import Audit
from app.server.client_registry import Roster
from app.server.peers import network_of
from streams.model.base import utc_now
from streams.model.vocabulary import AuditAction

LOGIN_S = 3600.0
"""A console's token that an address has not used for so long logs in anew."""
AGENT_LOGIN_S = 24 * 3600.0
"""The same for the token of an agent, which comes by itself."""
REMEMBERED = 20_000
USED_EVERY_S = 60.0


class Logins:
    """Notes who comes, once and not at every request."""

    def __init__(
        self, audit: Audit, tokens: Tokens, roster: Roster, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._audit = audit
        self._tokens = tokens
        self._roster = roster
        self._clock = clock
        self._seen: OrderedDict[tuple[int, str], float] = OrderedDict()
        self._used: set[int] = set()
        self._written_s = 0.0

    def note(self, token: TokenInfo, address: str) -> None:
        """Take a use of a good token."""
        key, now = (token.id, address), self._clock()
        before = self._seen.pop(key, None)
        self._seen[key] = now
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if token.client_id is None:
            self._used.add(token.id)
        if before is None or now - before > (LOGIN_S if token.client_id is None else AGENT_LOGIN_S):
            login = AuditNote(
                action=AuditAction.LOGIN, who=self.name(token), address=address, client_id=token.client_id
            )
            self._audit.gather(login, token.id, network_of(address))

    def name(self, token: TokenInfo) -> str:
        """Return whose token it is, for people."""
        if token.client_id is None:
            return f"token {token.name}"
        return f"client {self._roster.name(token.client_id) or token.name}"

    async def write_used(self) -> None:
        """Note in the catalogue which tokens of consoles were used, at most once a minute."""
        if self._used and self._clock() - self._written_s >= USED_EVERY_S:
            used, self._used = self._used, set[int]()
            try:
                await self._tokens.note_used(used, utc_now())
            except BaseException:
                # Written with the next ones.
                self._used |= used
                raise
            self._written_s = self._clock()
