"""Questions about what lies in the folder of a store, beside its contents' bytes. Blocking."""

import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from app.store.errors import BadHash, Damaged
from app.store.layout import Layout
from app.store.reader import Reader

AHEAD_S = 60.0
"""A content that is so much from the future was written by a clock that was wrong."""


def raw_sizes(layout: Layout, hashes: Collection[str]) -> dict[str, int]:
    """Return the raw bytes of those contents that are there and whose table can be read."""
    found: dict[str, int] = {}
    for sha256 in hashes:
        try:
            reader = Reader(layout, sha256)
        except (Damaged, FileNotFoundError):
            continue
        found[sha256] = reader.size_bytes
        reader.close()
    return found


def partial_bytes(layout: Layout, owner: str, hashes: Collection[str]) -> int:
    """Return what interrupted uploads of an owner take, without those of ``hashes``."""
    total = 0
    with os.scandir(layout.tmp) as entries:
        for entry in entries:
            name = entry.name.split(".")
            if name[0] == owner and len(name) > 1 and name[1] not in hashes:
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def contents_in(layout: Layout, folder: Path) -> dict[str, float]:
    """Return the contents in one folder of the store, with the times since which they lie there unchanged."""
    found: dict[str, float] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            sha256 = folder.name + entry.name
            with suppress(FileNotFoundError, BadHash):
                layout.blob(sha256)
                since_s = entry.stat(follow_symlinks=False).st_mtime
                if since_s > time.time() + AHEAD_S:
                    # Written while the clock was ahead: it counts from now on, instead of never.
                    os.utime(entry.path, follow_symlinks=False)
                    since_s = time.time()
                found[sha256] = since_s
    return found
