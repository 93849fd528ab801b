"""Keeps what was revoked beside the contents, so that an older catalogue gives no token back.

A copy of the catalogue, put back by the command or by hand, has tokens as good that were revoked since, and
enrolment codes as unused. The store has their hashes; each start applies them before anybody is answered.
"""

import asyncio
from collections.abc import Collection

import structlog

from app.catalogue.catalogue import Catalogue
from app.store.store import Store
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

AGAIN_S = 60.0
"""When it is tried again to keep what the store did not take."""


class RevocationKeeper:
    """Applies at the start what the store knows, and keeps there what is revoked from then on."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue = catalogue
        self._store = store
        self._pending: set[str] = set()

    @classmethod
    async def begun(cls, catalogue: Catalogue, store: Store) -> "RevocationKeeper":
        """Return a keeper for a catalogue that agrees with its store."""
        keeper = cls(catalogue, store)
        await keeper.begin()
        return keeper

    async def begin(self) -> None:
        """Make catalogue and store agree, before a token is looked at."""
        kept = await self._store.revoked()
        revoked = await self._catalogue.revocations.apply(kept)
        if revoked:
            log.warning(
                "revoked_again",
                count=revoked,
                hint="An older catalogue was put back. Tokens and codes that were good no longer stay so.",
            )
        self._catalogue.tokens.remember = self.remember
        self._pending |= await self._catalogue.revocations.all() - kept
        await self._write()

    async def remember(self, hashes: Collection[bytes]) -> None:
        """Keep hashes durably; where the store takes none they are revoked all the same, and kept later."""
        self._pending |= {each.hex() for each in hashes}
        await self._write()

    async def _write(self) -> None:
        hashes = frozenset(self._pending)
        if not hashes:
            return
        try:
            await self._store.note_revoked(hashes)
        except TidewatchError as failure:
            log.warning("revocations_not_kept", count=len(hashes), code=failure.code, reason=failure.message)
            return
        self._pending -= hashes

    async def run(self) -> None:
        """Try again to keep what the store did not take, until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_S)
            await self._write()
