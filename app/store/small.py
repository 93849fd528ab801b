"""Small contents, several in one thread: hashed, compressed, written and synced, or read. Blocking."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import zstandard

from app.store.errors import Damaged, StoreFull, full_disk_said
from app.store.frames import Frame, compressor, table_of
from app.store.layout import Layout
from app.store.reader import Reader

Outcome = int | StoreFull | None
"""The bytes a content takes, 0 where it was there; None where its hash is another."""


def put_all(
    layout: Layout, items: Sequence[tuple[str, bytes]], unique: str, *, synced: bool = True
) -> list[Outcome]:
    """Write contents of at most one frame each to their places; their folders are still to be synced.

    ``unique`` keeps apart the temporary files of threads that write the same content. Without ``synced``
    their bytes are still to be synced too.
    """
    packer = compressor()
    outcomes: list[Outcome] = []
    for sha256, content in items:
        try:
            outcomes.append(_put(layout, sha256, content, packer, unique, synced=synced))
        except StoreFull as error:
            outcomes.append(error)
    return outcomes


def read_all(layout: Layout, hashes: Sequence[str]) -> dict[str, bytes]:
    """Return those contents that are there and whole, each checked against its hash."""
    found: dict[str, bytes] = {}
    for sha256 in hashes:
        try:
            reader = Reader(layout.blob(sha256), sha256)
        except (Damaged, FileNotFoundError):
            continue
        try:
            pieces: list[bytes] = []
            while piece := reader.read():
                pieces.append(piece)
            found[sha256] = b"".join(pieces)
        except Damaged:
            continue
        finally:
            reader.close()
    return found


def _put(
    layout: Layout,
    sha256: str,
    content: bytes,
    packer: zstandard.ZstdCompressor,
    unique: str,
    *,
    synced: bool,
) -> int | None:
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    target = layout.blob(sha256)
    if target.exists():
        return 0
    packed = packer.compress(content) if content else b""
    frames = [Frame(0, len(packed), 0, len(content))] if content else []
    written = packed + table_of(frames)
    temporary = layout.tmp / f"{sha256}.{unique}.new"
    try:
        with full_disk_said():
            _write(temporary, written, synced=synced)
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(written)


def _write(path: Path, content: bytes, *, synced: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if synced:
            os.fsync(file.fileno())
