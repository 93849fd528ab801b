"""How much one client may keep: its contents, what has come by halves, and what is on its way."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from app.catalogue.catalogue import Catalogue
from app.server.limits import Limits
from app.server.problems import Refused
from app.store.store import Store


class Quota:
    """Lets contents in while their client stays below its quota; a setting of 0 is none."""

    def __init__(self, *, catalogue: Catalogue, store: Store, limits: Limits) -> None:
        self._catalogue = catalogue
        self._store = store
        self._limits = limits
        self._coming: Counter[str] = Counter()
        """Raw bytes of the contents that each client is sending."""

    async def check(self, client_id: str) -> None:
        """Raise ``Refused`` quota_exceeded where a client keeps more than it may already."""
        held_bytes, own_quota = await self._catalogue.contents.held(client_id)
        quota = self._limits.quota_bytes if own_quota is None else own_quota
        if quota and held_bytes > quota:
            raise _exceeded(f"Quota exceeded: it may keep {quota:,} bytes and keeps {held_bytes:,}.")

    @asynccontextmanager
    async def reserve(self, client_id: str, sizes: Mapping[str, int]) -> AsyncGenerator[None]:
        """Hold room for contents that are about to come; raises ``Refused`` quota_exceeded.

        A content that its client has sent before takes no more room, also where it comes again since it was
        damaged.
        """
        held_bytes, own_quota = await self._catalogue.contents.held(client_id)
        quota = self._limits.quota_bytes if own_quota is None else own_quota
        if not quota:
            yield
            return
        owned = await self._catalogue.contents.owned(client_id, sizes, damaged=True)
        coming = sum(size for sha256, size in sizes.items() if sha256 not in owned)
        # Counted before anything is waited for, so that two uploads cannot both take the last room.
        self._coming[client_id] += coming
        try:
            partial_bytes = await self._store.partial_bytes(client_id, sizes)
            taken = held_bytes + partial_bytes + self._coming[client_id]
            if coming and taken > quota:
                raise _exceeded(
                    f"Quota exceeded: it may keep {quota:,} bytes; with what it sends it would be {taken:,}."
                )
            yield
        finally:
            self._coming[client_id] -= coming
            if not self._coming[client_id]:
                del self._coming[client_id]


def _exceeded(message: str) -> Refused:
    return Refused(
        "quota_exceeded",
        message,
        detail="Raise its quota: on the server with python -m app server quota, or in the console in the "
        "client's details.",
    )
