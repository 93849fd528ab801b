"""Small contents, several in one thread: hashed, compressed, written and synced, or read. Blocking."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.store.errors import Damaged, StoreFailure, failure_of
from app.store.frames import Frame, compressor, table_of
from app.store.layout import Layout
from app.store.places import Placed, Places
from app.store.reader import Reader

Outcome = Placed | StoreFailure | bool
"""A content at its place, True where it was there, False where its hash is another."""


def put_all(
    layout: Layout, places: Places, items: Sequence[tuple[str, bytes]], unique: str, *, synced: bool = True
) -> list[Outcome]:
    """Write contents of at most one frame each to their places; their names are still to be settled.

    ``unique`` keeps apart the temporary files of threads that write the same content. Without ``synced``
    their bytes are still to be synced too.
    """
    writer = _Writer(layout, places, unique, synced=synced)
    outcomes: list[Outcome] = []
    for sha256, content in items:
        try:
            outcomes.append(writer.put(sha256, content))
        except OSError as error:
            outcomes.append(failure_of(error))
        except StoreFailure as failure:
            outcomes.append(failure)
    return outcomes


def settle_all(places: Places, placed: Sequence[Placed], *, synced: bool = True) -> StoreFailure | None:
    """Make the names of contents of one folder durable; return why they are not."""
    try:
        places.settle(placed, synced=synced)
    except OSError as error:
        return failure_of(error)
    except StoreFailure as failure:
        return failure
    return None


def read_all(layout: Layout, hashes: Sequence[str]) -> dict[str, bytes]:
    """Return those contents that are there, can be read and are whole, each checked against its hash."""
    found: dict[str, bytes] = {}
    for sha256 in hashes:
        with suppress(Damaged, OSError):
            found[sha256] = _read(layout, sha256)
    return found


def _read(layout: Layout, sha256: str) -> bytes:
    reader = Reader(layout, sha256)
    try:
        pieces: list[bytes] = []
        while piece := reader.read():
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        reader.close()


class _Writer:
    def __init__(self, layout: Layout, places: Places, unique: str, *, synced: bool) -> None:
        self._layout, self._places, self._unique, self._synced = layout, places, unique, synced
        self._packer = compressor()

    def put(self, sha256: str, content: bytes) -> Outcome:
        if hashlib.sha256(content).hexdigest() != sha256:
            return False
        # Read again rather than believed: it is sent because it is new to somebody, or was found damaged.
        if read_all(self._layout, [sha256]) and self._places.trusts(sha256):
            return True
        packed = self._packer.compress(content) if content else b""
        frames = [Frame(0, len(packed), 0, len(content))] if content else []
        temporary = self._layout.tmp / f"{sha256}.{self._unique}.new"
        try:
            self._write(temporary, packed + table_of(frames))
            return self._places.place(temporary, sha256)
        except BaseException:
            # It is cleared at the next start where even that fails; why it failed is on its way.
            with suppress(OSError):
                self._layout.files.remove(temporary)
            raise

    def _write(self, path: Path, content: bytes) -> None:
        files = self._layout.files
        descriptor = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            files.write(descriptor, content, 0)
            if self._synced:
                files.sync(descriptor)
        finally:
            os.close(descriptor)
