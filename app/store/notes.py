"""Short notes beside the contents: which store it is, and of which moment. Blocking; raises OSError."""

import os
from contextlib import suppress
from pathlib import Path

from app.store.layout import Layout

LONGEST = 256


def read(layout: Layout, note: Path) -> str:
    """Return what a note says; nothing where there is none."""
    try:
        descriptor = layout.files.open(note, os.O_RDONLY)
    except FileNotFoundError:
        return ""
    try:
        return layout.files.read(descriptor, LONGEST, 0).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)


def write(layout: Layout, note: Path, text: str) -> None:
    """Replace a note, durably."""
    draft = layout.tmp / f"{note.name}.new"
    with suppress(FileNotFoundError):
        layout.files.remove(draft)
    descriptor = layout.files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        layout.files.write(descriptor, f"{text}\n".encode(), 0)
        layout.files.sync(descriptor)
    finally:
        os.close(descriptor)
    layout.files.move(draft, note)
    layout.files.sync_folder(layout.root)
