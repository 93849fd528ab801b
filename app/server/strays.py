"""The search for contents that a crash has left in the store: soon after the start, and each day."""

import time

import structlog

from app.catalogue.catalogue import Catalogue
from app.store.store import Store

log = structlog.stdlib.get_logger(__name__)

EVERY_S = 24 * 3600.0
CLOCK_TICK_S = 0.1
YOUNG_S = 3600.0
"""A content that came so short ago may be about to be noted; after a crash it is older than the server."""


class StraySearch:
    """Compares the store with the catalogue, folder by folder."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue = catalogue
        self._store = store
        # File systems take their times from a clock that is some milliseconds behind.
        self._started_s = time.monotonic() - CLOCK_TICK_S
        self._searched_s: float | None = None

    async def run_if_due(self) -> int:
        """Search where that is due; return how many contents were found and removed."""
        now_s = time.monotonic()
        if self._searched_s is not None and now_s - self._searched_s < EVERY_S:
            return 0
        removed = await self._search()
        self._searched_s = now_s
        return removed

    async def _search(self) -> int:
        held = await self._catalogue.strays.held(self._catalogue.epoch)
        # By the time that is trusted: a clock that has jumped ahead would make all old that is on its way.
        judged = (await self._catalogue.known_time.times()).judged.timestamp()
        before = min(time.time(), judged) - min(time.monotonic() - self._started_s, YOUNG_S)
        found = 0
        for number in range(256):
            contents = await self._store.contents_in(f"{number:02x}")
            old = [sha256 for sha256, since in contents.items() if since < before]
            known = await self._catalogue.contents.known(old)
            unknown = [sha256 for sha256 in old if sha256 not in known]
            if not held:
                await self._catalogue.strays.doom(unknown)
            found += len(unknown)
        if not found:
            return 0
        if held:
            log.warning("unknown_contents_held", count=found, reason="the catalogue may be an older copy")
            return 0
        await self._catalogue.doomed.drop(self._store)
        log.info("unknown_contents_removed", count=found)
        return found
