"""Notices that catalogue and store are of two moments: either was put back from a copy, by whatever means.

Both keep a random word that is renewed at each start and while the server runs. While it is renewed the store
has the new one and the one before, so that a crash in between is no difference. An older catalogue would let
go what was stored since, as unknown, and files and clients that were kept since; an older store lacks
contents that the catalogue believes in.
"""

import asyncio
import secrets

import structlog

from app.catalogue.catalogue import Catalogue
from app.server.verification import Verification
from app.store.store import Store
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

RENEW_EVERY_S = 600.0
NO_WORD = "none"
"""In the store, as the one before, while a catalogue that has none gets its first."""
AGAIN_S = 60.0
"""When it is tried again to find what the store lacks."""


class StoreMomentKeeper:
    """Compares the words at the start, and renews them."""

    def __init__(self, catalogue: Catalogue, store: Store, verification: Verification) -> None:
        self._catalogue = catalogue
        self._store = store
        self._verification = verification
        self._differs = False

    async def begin(self) -> None:
        """Compare and renew the words; where they differ, nothing is destroyed for some days."""
        try:
            await self._compare()
        except TidewatchError as failure:
            log.warning("store_moment_not_read", code=failure.code, reason=failure.message)
            self._differs = True
        if self._differs:
            await self._hold()
        else:
            # Before anything is stored: what comes from now on is of another moment than any copy.
            await self._renew_if_possible()

    async def _compare(self) -> None:
        known, words = await self._catalogue.store_moment.read(), await self._store.moment()
        if (known or words) and (known or NO_WORD) not in words:
            log.warning(
                "catalogue_and_store_of_two_moments",
                hint="One was put back. Nothing is destroyed for now; what the store lacks is sent again.",
            )
            self._differs = True

    async def _hold(self) -> None:
        """Let nothing go by an older catalogue: a file or a client may have been kept since."""
        until = await self._catalogue.strays.hold(self._catalogue.epoch)
        await self._catalogue.holds.wait_until(until)

    async def run(self) -> None:
        """Find what the store lacks where they differ, and renew the words at intervals, until cancelled."""
        while True:
            if not self._differs:
                await asyncio.sleep(RENEW_EVERY_S)
            await self._renew_if_possible()
            if self._differs:
                await asyncio.sleep(AGAIN_S)

    async def _renew_if_possible(self) -> None:
        try:
            if not self._differs:
                # A disk that was mounted again may be another one, or an older copy.
                await self._compare()
            if self._differs:
                # Noted only then that they fit: both are begun again after a crash or a failure.
                await self._hold()
                await self._verification.look_for_missing()
            await self._renew()
            self._differs = False
        except TidewatchError as failure:
            log.warning("store_moment_not_noted", code=failure.code, reason=failure.message)

    async def _renew(self) -> None:
        known = await self._catalogue.store_moment.read()
        word = secrets.token_hex(8)
        await self._store.note_moment([known or NO_WORD, word])
        await self._catalogue.store_moment.write(word)
        await self._store.note_moment([word])
