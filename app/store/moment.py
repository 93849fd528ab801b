"""Words beside the contents that tell of which moment the store is, see ``server.store_moment``. Blocking."""

import os
from collections.abc import Sequence
from contextlib import suppress

from app.store.layout import Layout

LONGEST = 256


def read(layout: Layout) -> tuple[str, ...]:
    """Return the words that the catalogue of this store may have; none where nobody has noted any."""
    try:
        descriptor = layout.files.open(layout.moment, os.O_RDONLY)
    except FileNotFoundError:
        return ()
    try:
        return tuple(layout.files.read(descriptor, LONGEST, 0).decode("ascii", "replace").split())
    finally:
        os.close(descriptor)


def write(layout: Layout, words: Sequence[str]) -> None:
    """Replace the words, durably; raises OSError."""
    draft = layout.tmp / "moment.new"
    with suppress(FileNotFoundError):
        layout.files.remove(draft)
    descriptor = layout.files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        layout.files.write(descriptor, f"{' '.join(words)}\n".encode(), 0)
        layout.files.sync(descriptor)
    finally:
        os.close(descriptor)
    layout.files.move(draft, layout.moment)
    layout.files.sync_folder(layout.root)
