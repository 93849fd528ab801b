"""Hashes of tokens and enrolment codes that are good no longer, kept beside the contents. Blocking.

A catalogue that is put back from a copy knows of none that was revoked since. Each is the name of an empty
file: it is there or not, whoever adds another one meanwhile and whatever was cut off. Raises OSError.
"""

import os
from collections.abc import Collection
from contextlib import suppress

from app.store.layout import Layout

_DIGITS = frozenset("0123456789abcdef")


def remembered(layout: Layout) -> frozenset[str]:
    """Return all hashes that are kept, as 64 hexadecimal digits."""
    try:
        names = [entry.name for entry in os.scandir(layout.revoked)]
    except FileNotFoundError:
        return frozenset()
    return frozenset(name for name in names if len(name) == 64 and _DIGITS.issuperset(name))


def remember(layout: Layout, hashes: Collection[str]) -> None:
    """Keep hashes, durably; those that are kept already are passed over."""
    made = [layout.revoked / name for name in frozenset(hashes) if _DIGITS.issuperset(name)]
    if not layout.revoked.is_dir():
        layout.files.make_folder(layout.revoked)
        layout.files.sync_folder(layout.root)
    for file in made:
        os.close(layout.files.open(file, os.O_WRONLY | os.O_CREAT))
    try:
        layout.files.sync_folder(layout.revoked)
    except OSError:
        # A second sync of the same names would prove nothing: the next try makes them again.
        for file in made:
            with suppress(OSError):
                layout.files.remove(file)
        raise
