"""Bearer tokens: opaque, told once, kept as hashes only."""

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update

from app.catalogue.access_schema import tokens
from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change, client_row
from app.catalogue.readers import Readers
from app.catalogue.schema import clients
from app.catalogue.times import from_us, to_us
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.model.base import Record
from streams.model.vocabulary import CONSOLE_SCOPES, ClientState, EventKind, Scope, Topic

REMEMBERED_S = 5.0
"""How long a token found good is not looked up again; another process may have revoked it meanwhile."""
MAX_REMEMBERED = 10_000
FIRST_CONSOLE = "console"
"""The name of the token that the server makes itself, for the file console.token."""
UNKNOWN = "This token is unknown. Where a copy of the catalogue was put back, one made since does not exist."
AGENT_ONLY = frozenset({Scope.AGENT})


class TokenInfo(Record, frozen=True, kw_only=True):
    """What a good token allows."""

    id: int
    scopes: frozenset[Scope]
    client_id: str | None = None
    name: str = ""
    expires_at: datetime | None = None
    """When it stops being good by itself."""
    hash: bytes = b""

    def allows(self, scope: Scope) -> bool:
        """Return whether it carries this right."""
        return scope in self.scopes


PREFIX = "tw_"


def hash_of(secret: str) -> bytes:
    """Return what is kept of a token or a code; they are long and random, so that one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def issue_in(
    transaction: Transaction,
    scopes: Iterable[Scope],
    client_no: int | None,
    name: str,
    *,
    expires_at: datetime | None = None,
    made_by: str = "",
    chosen: str | None = None,
) -> str:
    """Make a token inside a write, or take the ``chosen`` one, and return it."""
    token = chosen or f"{PREFIX}{secrets.token_urlsafe(32)}"
    row = {
        "id": transaction.numbers("tokens"),
        "hash": hash_of(token),
        "scopes": ",".join(scope for scope in Scope if scope in frozenset(scopes)),
        "client_no": client_no,
        "name": name,
        "created_at": transaction.now_us,
        "expires_at": to_us(expires_at),
        "made_by": made_by,
    }
    transaction.insert(tokens, [row])
    return token


ENDED = tokens.c.revoked_at == tokens.c.expires_at
"""Revoked by nobody: its end has come."""


def revoke_in(transaction: Transaction, which: ColumnElement[bool]) -> list[TokenInfo]:
    """Revoke the tokens of a condition inside a write; return those that were good before."""
    good = _select().where(which, tokens.c.revoked_at.is_(None))
    revoked = [_info(row) for row in transaction.all(good)]
    if revoked:
        transaction.run(
            update(tokens)
            .where(which, tokens.c.revoked_at.is_(None))
            .values(revoked_at=transaction.now_us, revoked_no=transaction.numbers("revocations"))
        )
    return revoked


def let_in(row: AnyRow) -> dict[str, Any]:
    """Return what to change of a client that has a good token again."""
    never = row.last_seen_at is None
    state = ClientState(row.state)
    if state is ClientState.REVOKED:
        state = ClientState.NEVER if never else ClientState.OFFLINE
    return {"state": state.value}


async def _nowhere(_: Collection[bytes]) -> None:
    """Remember nothing beside the catalogue."""


class Tokens:
    """Who may speak to the server."""

    def __init__(self, readers: Readers, writer: Writer, *, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._writer = writer
        self._now = now
        self._remembered: dict[bytes, tuple[float, TokenInfo]] = {}
        self._revoked_no = 0
        """The newest revocation that has been acted on."""
        self._looked_us = 0
        self._acted_on: set[int] = set()
        """Tokens that this process has revoked since the last look."""
        self.on_revoked: list[Callable[[TokenInfo], None]] = []
        """Each is called, on the loop, with every token that stops being good."""
        self.remember: Callable[[Collection[bytes]], Awaitable[None]] = _nowhere
        """Is told the hashes of tokens and codes that are good no longer, before that is answered."""

    async def issue(
        self,
        scopes: Iterable[Scope],
        client_id: str | None = None,
        name: str = "",
        *,
        expires_at: datetime | None = None,
        made_by: str = "",
    ) -> str:
        """Make a token and return it, the only time that it can be seen."""

        def work(transaction: Transaction) -> str:
            no = None if client_id is None else client_row(transaction, client_id).no
            return issue_in(transaction, scopes, no, name, expires_at=expires_at, made_by=made_by)

        return await self._writer.write(work)

    async def check(self, token: str) -> TokenInfo | None:
        """Return what a token allows; None for one that is unknown, revoked or past its end."""
        key = hash_of(token)
        known = self._remembered.get(key)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_S:
            return None if self._ended(known[1]) else known[1]
        # Remembered from before the look-up, so that a revocation while it runs is not overlooked.
        asked_at = time.monotonic()
        rows = await self._readers.rows(_select().where(tokens.c.hash == key, tokens.c.revoked_at.is_(None)))
        info = _info(rows[0]) if rows else None
        if info is None or self._ended(info):
            self._remembered.pop(key, None)
            return None
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = (asked_at, info)
        return info

    def _ended(self, info: TokenInfo) -> bool:
        return info.expires_at is not None and info.expires_at <= self._now()

    async def replace_console(self) -> str:
        """Return a new token with all rights of a console, in the place of the one made so before."""

        def work(transaction: Transaction) -> tuple[str, list[TokenInfo]]:
            earlier = tokens.c.client_no.is_(None) & (tokens.c.name == FIRST_CONSOLE)
            revoked = revoke_in(transaction, earlier)
            return issue_in(transaction, CONSOLE_SCOPES, None, FIRST_CONSOLE, made_by="server"), revoked

        token, revoked = await self._writer.write(work)
        await self.ended(revoked)
        return token

    async def note_used(self, token_ids: Iterable[int], at: datetime) -> None:
        """Note when tokens were last used; many at once."""

        def work(transaction: Transaction) -> None:
            transaction.run(update(tokens).where(tokens.c.id.in_(list(token_ids))).values(used_at=to_us(at)))

        await self._writer.write(work)

    async def end_expired(self, at: datetime) -> None:
        """Let the tokens that were over at a time be over for good, also where the clock is set back."""

        def work(transaction: Transaction) -> list[TokenInfo]:
            over = tokens.c.expires_at <= to_us(at)
            revoked = revoke_in(transaction, over)
            # They are told from those that somebody has revoked by the time.
            ended = over & tokens.c.id.in_([info.id for info in revoked])
            transaction.run(update(tokens).where(ended).values(revoked_at=tokens.c.expires_at))
            return revoked

        self.forget(await self._writer.write(work))

    async def revoke(self, token_id: int) -> None:
        """Let a token be good no longer."""

        def work(transaction: Transaction) -> list[TokenInfo]:
            return revoke_in(transaction, tokens.c.id == token_id)

        await self.ended(await self._writer.write(work))

    async def revoke_client(self, client_id: str) -> None:
        """Let no token of a client be good any longer, and wait for no backup of it. Raises UnknownClient."""

        def work(transaction: Transaction) -> list[TokenInfo]:
            row = client_row(transaction, client_id)
            revoked = revoke_in(transaction, tokens.c.client_no == row.no)
            if revoked:
                state = ClientState.REVOKED.value
                transaction.emit(
                    EventKind.CLIENT_REVOKED,
                    Topic.CLIENTS,
                    client=change(transaction, row.no, state=state, backup_queued=False),
                    told=Told(),
                    client_no=row.no,
                )
            return revoked

        await self.ended(await self._writer.write(work))

    async def renew(self, client_id: str, label: str) -> str:
        """Return a new token of a client, in the place of those it had. Raises UnknownClient."""

        def work(transaction: Transaction) -> tuple[str, list[TokenInfo]]:
            row = client_row(transaction, client_id)
            revoked = revoke_in(transaction, tokens.c.client_no == row.no)
            change(transaction, row.no, **let_in(row))
            return issue_in(transaction, AGENT_ONLY, row.no, label), revoked

        token, revoked = await self._writer.write(work)
        await self.ended(revoked)
        return token

    async def refusal(self, token: str) -> str:
        """Return in a sentence why a token is not good."""
        rows = await self._readers.rows(_select().where(tokens.c.hash == hash_of(token)))
        if not rows:
            return UNKNOWN
        if rows[0].revoked_at is None or rows[0].revoked_at == rows[0].expires_at:
            return "The time of this token is over."
        return "This token was revoked."

    async def ended(self, revoked: list[TokenInfo], codes: Collection[bytes] = ()) -> None:
        """Act on tokens that somebody has revoked, and have them remembered with codes that are used up."""
        self.forget(revoked)
        if revoked or codes:
            await self.remember([*(info.hash for info in revoked), *codes])

    def forget(self, revoked: list[TokenInfo]) -> None:
        """Act on tokens that have been revoked: here, and at whoever listens."""
        ids = {info.id for info in revoked}
        if not ids:
            return
        self._acted_on |= ids
        self._remembered = {key: kept for key, kept in self._remembered.items() if kept[1].id not in ids}
        for info in revoked:
            for listener in self.on_revoked:
                listener(info)

    async def look_for_revoked(self) -> None:
        """Find tokens that another process has revoked or whose end has come, and act on them."""
        # Revocations are numbered and not found by their time, which a clock that is set back would hide.
        now_us = to_us(self._now())
        since_us = min(self._looked_us, now_us)
        acted_on, self._acted_on = self._acted_on, set[int]()
        revoked = tokens.c.revoked_no > self._revoked_no
        expired = (tokens.c.expires_at > since_us) & (tokens.c.expires_at <= now_us)
        rows = await self._readers.rows(_select().where(revoked | expired))
        self._looked_us = now_us
        self._revoked_no = max((row.revoked_no or 0 for row in rows), default=self._revoked_no)
        self.forget([_info(row) for row in rows if row.id not in acted_on])
        by_somebody = [row.hash for row in rows if row.revoked_no and row.revoked_at != row.expires_at]
        if by_somebody:
            await self.remember(by_somebody)


def _select() -> Any:
    return select(
        tokens.c.id,
        tokens.c.scopes,
        tokens.c.name,
        tokens.c.expires_at,
        tokens.c.revoked_no,
        tokens.c.revoked_at,
        tokens.c.hash,
        clients.c.id.label("client_id"),
    ).join(clients, clients.c.no == tokens.c.client_no, isouter=True)


def _info(row: AnyRow) -> TokenInfo:
    return TokenInfo(
        id=row.id,
        scopes=frozenset(map(Scope, row.scopes.split(","))),
        client_id=row.client_id,
        name=row.name,
        expires_at=from_us(row.expires_at),
        hash=row.hash,
    )
