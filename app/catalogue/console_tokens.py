"""Tokens of consoles and scripts: made with a name, some rights and perhaps an end; listed; revoked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from app.catalogue.access_schema import tokens
from app.catalogue.aliases import AnyRow
from app.catalogue.errors import BadQuery, LimitReached, TokenNameTaken, UnknownToken
from app.catalogue.readers import Readers
from app.catalogue.times import from_us
from app.catalogue.tokens import ENDED, TokenInfo, Tokens, issue_in, revoke_in
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer
from streams.model.tokens import ConsoleToken, NewToken
from streams.model.vocabulary import CONSOLE_SCOPES, Scope

LONGEST_NAME = 60
MAX_TOKENS = 500
"""Tokens of consoles that were not revoked, also those past their end."""

_OURS = (
    tokens.c.client_no.is_(None)
    & (tokens.c.revoked_at.is_(None) | ENDED)
    & tokens.c.scopes.contains(Scope.LOOK)
)


class ConsoleTokens:
    """The tokens that people and scripts hold, beside those of agents."""

    def __init__(self, readers: Readers, writer: Writer, tokens_kept: Tokens) -> None:
        self._readers = readers
        self._writer = writer
        self._tokens = tokens_kept

    async def all(self) -> tuple[ConsoleToken, ...]:
        """Return those that were not revoked, also those past their end, by name."""
        return tuple(_token(row) for row in await self._readers.rows(_select().order_by(tokens.c.name)))

    async def one(self, token_id: int) -> ConsoleToken:
        """Return one that was not revoked; raises UnknownToken."""
        rows = await self._readers.rows(_select().where(tokens.c.id == token_id))
        if not rows:
            raise UnknownToken("No token of a console has this id.")
        return _token(rows[0])

    async def add(
        self, name: str, scopes: Iterable[Scope], *, expires_at: datetime | None = None, made_by: str
    ) -> NewToken:
        """Make a token; the right to look is part of every one.

        Raises BadQuery for a name or a right that cannot be, TokenNameTaken, and LimitReached.
        """
        name = _checked(name)
        rights = frozenset(scopes) | {Scope.LOOK}
        if not rights <= frozenset(CONSOLE_SCOPES):
            raise BadQuery("A token of a console has no such right.")

        def work(transaction: Transaction) -> NewToken:
            if transaction.all(_select().where(tokens.c.name == name)):
                raise TokenNameTaken(f"There is a token named {name} already.", hint="Revoke it first.")
            if len(transaction.all(select(tokens.c.id).where(_OURS).limit(MAX_TOKENS))) == MAX_TOKENS:
                raise LimitReached(
                    f"There are {MAX_TOKENS} tokens of consoles.", hint="Revoke those that nobody needs."
                )
            secret = issue_in(transaction, rights, None, name, expires_at=expires_at, made_by=made_by)
            (row,) = transaction.all(_select().where(tokens.c.name == name))
            return NewToken(token=_token(row), secret=secret)

        return await self._writer.write(work)

    async def revoke(self, *, token_id: int | None = None, name: str | None = None) -> ConsoleToken:
        """Let a token be good no longer, and close its sockets; return it. Raises UnknownToken."""
        which = tokens.c.id == token_id if token_id is not None else tokens.c.name == name

        def work(transaction: Transaction) -> tuple[ConsoleToken, list[TokenInfo]]:
            rows = transaction.all(_select().where(which))
            if not rows:
                raise UnknownToken(f"No token is named {name}." if name else "No token has this id.")
            this = tokens.c.id == rows[0].id
            transaction.run(update(tokens).where(this, ENDED).values(revoked_at=transaction.now_us))
            return _token(rows[0]), revoke_in(transaction, this)

        token, revoked = await self._writer.write(work)
        await self._tokens.ended(revoked)
        return token


def _select() -> Any:
    return select(
        tokens.c.id,
        tokens.c.name,
        tokens.c.scopes,
        tokens.c.created_at,
        tokens.c.expires_at,
        tokens.c.used_at,
        tokens.c.made_by,
    ).where(_OURS)


def _token(row: AnyRow) -> ConsoleToken:
    return ConsoleToken(
        id=row.id,
        name=row.name,
        scopes=tuple(map(Scope, row.scopes.split(","))),
        created_at=from_us(row.created_at),
        expires_at=from_us(row.expires_at),
        used_at=from_us(row.used_at),
        made_by=row.made_by,
    )


def _checked(name: str) -> str:
    trimmed = name.strip()
    if not trimmed or len(trimmed) > LONGEST_NAME or not trimmed.isprintable():
        raise BadQuery(
            f"{name[:LONGEST_NAME]!r} cannot be the name of a token.",
            hint=f"Use 1 to {LONGEST_NAME} printable characters.",
        )
    return trimmed
