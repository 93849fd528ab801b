"""Quotas: contents, interrupted uploads and uploads under way of one client."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

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
        self._admitted: defaultdict[str, list[Mapping[str, int]]] = defaultdict(list)
        """Raw sizes of the contents that each client is sending, by upload."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, client_id: str) -> None:
        """Raise ``Refused`` quota_exceeded where a client keeps more than it may already."""
        held_bytes, own_quota = await self._catalogue.contents.held(client_id)
        quota = self._quota(own_quota)
        if quota and held_bytes > quota:
            raise _exceeded(f"Quota exceeded: it may keep {quota:,} bytes and keeps {held_bytes:,}.")

    @asynccontextmanager
    async def reserve(self, client_id: str, sizes: Mapping[str, int]) -> AsyncGenerator[None]:
        """Hold room for contents that are about to come; raises ``Refused`` quota_exceeded.

        A content that its client has sent before takes no more room, also where it comes again since it was
        damaged.
        """
        # One upload of a client at a time: two could both be refused for the last room, or both take it.
        async with self._locks.setdefault(client_id, asyncio.Lock()):
            await self._admit(client_id, sizes)
            self._admitted[client_id].append(sizes)
        try:
            yield
        finally:
            # By identity: another upload may be of the same contents.
            left = [each for each in self._admitted[client_id] if each is not sizes]
            if left:
                self._admitted[client_id] = left
            else:
                del self._admitted[client_id]

    async def _admit(self, client_id: str, sizes: Mapping[str, int]) -> None:
        _, own_quota = await self._catalogue.contents.held(client_id)
        quota = self._quota(own_quota)
        if not quota:
            return
        coming: dict[str, int] = {}
        for each in (*self._admitted.get(client_id, ()), sizes):
            for sha256, size in each.items():
                coming[sha256] = max(size, coming.get(sha256, 0))
        # What an upload has received is on the disk already, and part of the size that it reserves.
        partial_bytes = await self._store.partial_bytes(client_id, coming)
        # Last, and at one moment: an upload that ends meanwhile counts as held, and no longer as coming.
        held_bytes, owned = await self._catalogue.contents.held_and_owned(client_id, coming)
        taken = held_bytes + partial_bytes + sum(coming[sha256] for sha256 in coming.keys() - owned)
        new_bytes = sum(size for sha256, size in sizes.items() if sha256 not in owned)
        if new_bytes and taken > quota:
            raise _exceeded(
                f"Quota exceeded: it may keep {quota:,} bytes; with what it sends it would be {taken:,}."
            )

    def _quota(self, own_quota: int | None) -> int:
        return self._limits.quota_bytes if own_quota is None else own_quota


def _exceeded(message: str) -> Refused:
    return Refused(
        "quota_exceeded",
        message,
        detail="Raise its quota: on the server with tidewatch server quota, or in the console in the "
        "client's details.",
    )
