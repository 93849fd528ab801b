"""Checks before a catalogue is opened or created."""

import sqlite3
from contextlib import closing
from pathlib import Path


def store_known_to(path: Path) -> str:
    """Return the identity of the store that a catalogue belongs to; empty where it knows none; blocks."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()
    except sqlite3.Error:
        # Opening it says what is wrong with it.
        return ""
    return str(row[0]) if row else ""


def never_used(path: Path) -> bool:
    """Return whether no catalogue is at ``path``, or one that has never known a client; blocks.

    What cannot be read counts as used: opening it says what is wrong with it.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            if database.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                return True
            row = database.execute("SELECT value FROM sequences WHERE name = 'clients'").fetchone()
    except sqlite3.Error:
        return False
    return row is None or row[0] == 0
