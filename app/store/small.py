"""Many small contents at once: each written and synced by its thread, each folder synced once."""

import hashlib
import os
from pathlib import Path

from app.store.errors import full_disk_said
from app.store.frames import Frame, compressor, table_of
from app.store.layout import Layout


def put(layout: Layout, sha256: str, content: bytes, unique: str) -> int | None:
    """Write a content of at most one frame to its place; its folder is still to be synced.

    Returns the bytes it takes, 0 where it was there already, None where its hash is another.
    """
    target = layout.blob(sha256)
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    if target.exists():
        return 0
    packed = compressor().compress(content) if content else b""
    frames = [Frame(0, len(packed), 0, len(content))] if content else []
    written = packed + table_of(frames)
    temporary = layout.tmp / f"{sha256}.{unique}.new"
    try:
        with full_disk_said():
            _write(temporary, written)
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(written)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
