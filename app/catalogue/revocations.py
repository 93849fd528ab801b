"""Hashes of tokens and enrolment codes that are good no longer: read, and applied to an older copy."""

import sqlite3
from collections.abc import Awaitable, Callable, Collection
from contextlib import closing
from pathlib import Path

from sqlalchemy import and_, or_, select, update

from app.catalogue.access_schema import enrolments, tokens
from app.catalogue.engine import file_uri
from app.catalogue.enrolments import ENDED as CODE_ENDED
from app.catalogue.errors import translated
from app.catalogue.readers import Readers
from app.catalogue.tokens import ENDED, Tokens, revoke_in
from app.catalogue.transaction import Transaction
from app.catalogue.writer import Writer

AT_ONCE = 500
"""Hashes in one write."""
_REVOKED = and_(tokens.c.revoked_at.is_not(None), or_(tokens.c.expires_at.is_(None), ~ENDED))
"""By somebody: what has ended by itself is over by its own date in every copy."""

_USED = or_(enrolments.c.used_at.is_not(None), enrolments.c.expires_at == CODE_ENDED)


class Revocations:
    """What must stay revoked when an older catalogue is put in the place of this one."""

    def __init__(self, readers: Readers, writer: Writer, tokens_kept: Tokens) -> None:
        self._readers = readers
        self._writer = writer
        self._tokens = tokens_kept

    async def all(self) -> frozenset[str]:
        """Return the hashes of all revoked tokens and used codes that the catalogue has."""
        revoked = await self._readers.rows(select(tokens.c.hash).where(_REVOKED))
        used = await self._readers.rows(select(enrolments.c.hash).where(_USED))
        return frozenset(row.hash.hex() for row in (*revoked, *used))

    async def apply(self, hashes: Collection[str]) -> int:
        """Revoke the tokens and use up the codes that have one of these hashes; return how many were good."""
        kept = {bytes.fromhex(text) for text in hashes}
        good = await self._readers.rows(select(tokens.c.hash).where(tokens.c.revoked_at.is_(None)))
        unused = await self._readers.rows(select(enrolments.c.hash).where(enrolments.c.used_at.is_(None)))
        await self._in_parts(sorted({row.hash for row in good} & kept), self._revoke)
        await self._in_parts(sorted({row.hash for row in unused} & kept), self._use_up)
        return len({row.hash for row in (*good, *unused)} & kept)

    async def _in_parts(self, hashes: list[bytes], work: "_Part") -> None:
        for first in range(0, len(hashes), AT_ONCE):
            await work(hashes[first : first + AT_ONCE])

    async def _revoke(self, hashes: list[bytes]) -> None:
        self._tokens.forget(
            await self._writer.write(lambda transaction: revoke_in(transaction, tokens.c.hash.in_(hashes)))
        )

    async def _use_up(self, hashes: list[bytes]) -> None:
        def work(transaction: Transaction) -> None:
            these = enrolments.c.hash.in_(hashes) & enrolments.c.used_at.is_(None)
            transaction.run(update(enrolments).where(these).values(used_at=transaction.now_us))

        await self._writer.write(work)


_Part = Callable[[list[bytes]], Awaitable[None]]


def revoked_in(catalogue: Path) -> frozenset[str]:
    """Return what ``Revocations.all`` does, of a catalogue that nobody has open; blocks.

    Raises one of the catalogue's errors where it cannot be read.
    """
    with (
        translated(catalogue),
        closing(sqlite3.connect(file_uri(catalogue, "ro"), uri=True)) as database,
    ):
        rows = database.execute(
            "SELECT hash FROM tokens WHERE revoked_at IS NOT NULL AND revoked_at IS NOT expires_at"
            " UNION SELECT hash FROM enrolments WHERE used_at IS NOT NULL OR expires_at = 0"
        )
        return frozenset(row[0].hex() for row in rows)
