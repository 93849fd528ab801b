"""What is done with the folder of a store as a whole, and what removes contents from it. Blocking."""

import os
import time
from collections.abc import Collection

from app.store.errors import full_disk_said
from app.store.layout import Layout, sync_directory
from app.store.upload import DATA, TABLE

KEPT_UPLOAD_S = 7 * 86400
"""How long an interrupted upload waits for its rest, in seconds."""


def prepare(layout: Layout) -> None:
    """Make the folders and clear what a crash has left."""
    layout.make()
    for path in layout.tmp.iterdir():
        partial = path.name.endswith((DATA, TABLE)) and path.name.count(".") == 1
        if not partial or time.time() - path.stat().st_mtime > KEPT_UPLOAD_S:
            path.unlink()
    layout.probe()
    # A process that was killed may have left entries that are there, but not durable.
    for folder in layout.folders():
        sync_directory(folder)


def set_aside(layout: Layout, sha256: str) -> int:
    """Take a damaged content out of the way, so that it can be sent again; return the bytes it took."""
    path = layout.blob(sha256)
    try:
        size = path.stat().st_size
        path.replace(layout.damaged(sha256))
    except FileNotFoundError:
        return 0
    with full_disk_said():
        sync_directory(path.parent)
    return size


def delete(layout: Layout, hashes: Collection[str]) -> int:
    """Remove contents; return the bytes they took."""
    freed = 0
    for sha256 in hashes:
        path = layout.blob(sha256)
        layout.damaged(sha256).unlink(missing_ok=True)
        try:
            freed += path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
    return freed


def bytes_of(layout: Layout) -> int:
    """Return the bytes that all contents take."""
    total = 0
    for folder in layout.folders():
        with os.scandir(folder) as entries:
            total += sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    return total
