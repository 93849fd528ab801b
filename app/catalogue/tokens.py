"""Bearer tokens: opaque, told once, kept as hashes only."""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, select, update

from app.catalogue.aliases import AnyRow
from app.catalogue.clients import change, client_row
from app.catalogue.readers import Readers
from app.catalogue.schema import clients, tokens
from app.catalogue.transaction import Told, Transaction
from app.catalogue.writer import Writer
from streams.records.base import Record
from streams.vocabulary import ClientState, EventKind, Scope, Topic

REMEMBERED_S = 5.0
"""How long a token found good is not looked up again; another process may have revoked it meanwhile."""
MOST_REMEMBERED = 10_000
LOOK_BACK_US = 10_000_000


class TokenInfo(Record, frozen=True, kw_only=True):
    """What a good token allows."""

    id: int
    scope: Scope
    client_id: str | None = None


def hash_of(secret: str) -> bytes:
    """Return what is kept of a token or a code; they are long and random, so that one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


def issue_in(transaction: Transaction, scope: Scope, client_no: int | None, label: str) -> str:
    """Make a token inside a write and return it."""
    token = f"tw_{secrets.token_urlsafe(32)}"
    row = {
        "id": transaction.numbers("tokens"),
        "hash": hash_of(token),
        "scope": scope.value,
        "client_no": client_no,
        "label": label,
        "created_at": transaction.now_us,
    }
    transaction.insert(tokens, [row])
    return token


def revoke_in(transaction: Transaction, which: ColumnElement[bool]) -> list[TokenInfo]:
    """Revoke the tokens of a condition inside a write; return those that were good before."""
    good = _select().where(which, tokens.c.revoked_at.is_(None))
    revoked = [_info(row) for row in transaction.all(good)]
    transaction.run(
        update(tokens).where(which, tokens.c.revoked_at.is_(None)).values(revoked_at=transaction.now_us)
    )
    return revoked


def let_in(row: AnyRow) -> dict[str, Any]:
    """Return what to change of a client that has a good token again."""
    never = row.last_seen_at is None
    state = ClientState(row.state)
    if state is ClientState.REVOKED:
        state = ClientState.NEVER if never else ClientState.OFFLINE
    return {"state": state.value}


class Tokens:
    """Who may speak to the server."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self._remembered: dict[bytes, tuple[float, TokenInfo]] = {}
        self._revoked_through = 0
        self._revoked_lately: set[int] = set()
        self._looked = False
        self.on_revoked: list[Callable[[TokenInfo], None]] = []
        """Each is called, on the loop, with every token that stops being good."""

    async def issue(self, scope: Scope, client_id: str | None = None, label: str = "") -> str:
        """Make a token and return it, the only time that it can be seen."""

        def work(transaction: Transaction) -> str:
            no = None if client_id is None else (client_row(transaction, client_id)).no
            return issue_in(transaction, scope, no, label)

        return await self._writer.write(work)

    async def check(self, token: str) -> TokenInfo | None:
        """Return what a token allows; None for one that is unknown or revoked."""
        key = hash_of(token)
        known = self._remembered.get(key)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_S:
            return known[1]
        # Remembered from before the look-up, so that a revocation while it runs is not overlooked.
        asked_at = time.monotonic()
        rows = await self._readers.rows(_select().where(tokens.c.hash == key, tokens.c.revoked_at.is_(None)))
        if not rows:
            self._remembered.pop(key, None)
            return None
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = (asked_at, _info(rows[0]))
        return _info(rows[0])

    async def revoke(self, token_id: int) -> None:
        """Let a token be good no longer."""

        def work(transaction: Transaction) -> list[TokenInfo]:
            return revoke_in(transaction, tokens.c.id == token_id)

        self.forget(await self._writer.write(work))

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

        self.forget(await self._writer.write(work))

    async def renew(self, client_id: str, label: str) -> str:
        """Return a new token of a client, in the place of those it had. Raises UnknownClient."""

        def work(transaction: Transaction) -> tuple[str, list[TokenInfo]]:
            row = client_row(transaction, client_id)
            revoked = revoke_in(transaction, tokens.c.client_no == row.no)
            change(transaction, row.no, **let_in(row))
            return issue_in(transaction, Scope.AGENT, row.no, label), revoked

        token, revoked = await self._writer.write(work)
        self.forget(revoked)
        return token

    def forget(self, revoked: list[TokenInfo]) -> None:
        """Act on tokens that have been revoked: here, and at whoever listens."""
        ids = {info.id for info in revoked}
        if not ids:
            return
        self._revoked_lately |= ids
        self._remembered = {key: kept for key, kept in self._remembered.items() if kept[1].id not in ids}
        for info in revoked:
            for listener in self.on_revoked:
                listener(info)

    async def look_for_revoked(self) -> None:
        """Find tokens that another process has revoked since the last look, and act on them."""
        # A little back in time: a revocation is dated before it waits for the lock.
        recent = tokens.c.revoked_at > self._revoked_through - LOOK_BACK_US
        rows = await self._readers.rows(_select().where(recent).order_by(tokens.c.revoked_at))
        found = [row for row in rows if row.id not in self._revoked_lately]
        if rows:
            self._revoked_through = rows[-1].revoked_at
        self._revoked_lately = {row.id for row in rows}
        if self._looked:
            self.forget([_info(row) for row in found])
        self._looked = True


def _select() -> Any:
    return select(tokens.c.id, tokens.c.scope, tokens.c.revoked_at, clients.c.id.label("client_id")).join(
        clients, clients.c.no == tokens.c.client_no, isouter=True
    )


def _info(row: AnyRow) -> TokenInfo:
    return TokenInfo(id=row.id, scope=Scope(row.scope), client_id=row.client_id)
