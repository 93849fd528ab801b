"""Maintenance of a store's folder as a whole, and the removal of contents. Blocking."""

import os
from collections.abc import Collection
from enum import Enum, auto
from pathlib import Path

import structlog

from app.runtime.log_limits import FOR_EACH, LimitedLog
from app.store.errors import BAD_SECTOR, BadHash, Damaged, StoreLost
from app.store.identity import Identity
from app.store.layout import Layout
from app.store.places import Places
from app.store.reader import Reader
from app.store.upload import DATA, TABLE

log = structlog.stdlib.get_logger(__name__)
each_log = LimitedLog(log, most=FOR_EACH)

AHEAD_S = 60
"""What was written so long after now was written while the clock was ahead."""
KEPT_UPLOAD_S = 7 * 86400
"""How long an interrupted upload waits for its rest, in seconds."""


class Aside(Enum):
    """What became of a content that was found damaged."""

    MOVED = auto()
    """Set aside, so that it can be sent again."""
    STAYS = auto()
    """It cannot be moved; it counts as not there until it is sent again."""
    REPLACED = auto()
    """Another copy has come to its place meanwhile."""
    GOOD = auto()
    """Read again it was whole: the disk had failed for a moment."""


def prepare(layout: Layout, identity: Identity, expected: str = "") -> None:
    """Make the folders, load the identity and clear what a crash has left.

    Raises OSError, or StoreLost where another store was expected; nothing is made in its place then.
    """
    if expected:
        identity.expect(expected)
    layout.make()
    clear_uploads(layout, None)
    layout.probe()
    identity.load(expected)
    # A process that was killed may have left entries that are there, but not durable.
    for folder in layout.folders():
        layout.files.sync_folder(folder)
    _clear_damaged_copies(layout)


def _clear_damaged_copies(layout: Layout) -> None:
    # The process may have been killed between a content's arrival and the removal of its damaged copy.
    for entry in list(os.scandir(layout.set_aside)):
        try:
            if layout.blob(entry.name).exists():
                layout.files.remove(Path(entry.path))
        except BadHash:
            each_log.warning("foreign_file_in_store", file=entry.path)
        except OSError as error:
            each_log.warning("damaged_copy_stays", file=entry.path, reason=error.strerror)


def clear_uploads(layout: Layout, judged_s: tuple[float, float] | None) -> None:
    """Remove interrupted uploads that have waited too long, and at a start what else a crash has left.

    ``judged_s`` is the time by which ages are judged, and the newest that may be true; None at a start, where
    nothing is known of the clock yet.

    What cannot be removed is logged and stays.
    """
    for entry in list(os.scandir(layout.tmp)):
        try:
            if _is_over(Path(entry.path), judged_s):
                layout.files.remove(Path(entry.path))
        except OSError as error:
            each_log.warning("leftover_stays", file=entry.path, reason=error.strerror)


def _is_over(path: Path, judged_s: tuple[float, float] | None) -> bool:
    # An upload can go on: its owner, its hash and an ending, but no name of a thread.
    parts = path.name.split(".")
    if not (path.name.endswith((DATA, TABLE)) and len(parts) == 3 and len(parts[1]) == 64):
        return judged_s is None
    if judged_s is None:
        return False
    at_s, newest_s = judged_s
    changed_s = path.stat().st_mtime
    if changed_s > newest_s + AHEAD_S:
        # Written while the clock was ahead: it counts from now on, instead of never.
        os.utime(path, (newest_s, newest_s))
    return at_s - changed_s > KEPT_UPLOAD_S


def set_aside(layout: Layout, places: Places, sha256: str, found: Damaged) -> Aside:
    """Take a damaged content out of the way where it is damaged still and has not been replaced.

    Raises StoreLost where the disk answers to nothing any more: that is no damage of one content.
    """
    try:
        read_through(layout, sha256)
    except FileNotFoundError:
        return Aside.REPLACED
    except Damaged as error:
        if error.bad_sector:
            check_answers(layout)
        inode = error.inode
    else:
        return Aside.GOOD
    if inode is None:
        places.distrust(sha256)
        return Aside.STAYS
    if found.inode is not None and found.inode != inode:
        return Aside.REPLACED
    try:
        return Aside.MOVED if places.set_aside(sha256, inode) else Aside.REPLACED
    except OSError as error:
        each_log.error("damaged_content_stays", sha256=sha256, reason=str(error))
        return Aside.STAYS


def read_through(layout: Layout, sha256: str) -> None:
    """Read a content to its end; raises Damaged where it does not have its hash."""
    reader = Reader(layout, sha256)
    try:
        while reader.read():
            pass
    finally:
        reader.close()


def check_answers(layout: Layout) -> None:
    """Raise StoreLost where not even a small file can be written, synced and read: the whole disk is away."""
    files = layout.files
    path = layout.tmp / "answers.new"
    try:
        descriptor = files.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            files.write(descriptor, b"?", 0)
            files.sync(descriptor)
            files.read(descriptor, 1, 0)
        finally:
            os.close(descriptor)
        files.remove(path)
    except OSError as error:
        # A disk that is full or read-only does answer.
        if error.errno in BAD_SECTOR:
            raise StoreLost(
                f"The disk of the store {layout.root} cannot be read any more.", hint="Check the disk."
            ) from error


def delete(places: Places, identity: Identity, hashes: Collection[str]) -> None:
    """Remove contents, durably; raises OSError or StoreLost, and it is to be done again then."""
    identity.check()
    for sha256 in hashes:
        places.remove(sha256)
    identity.check()
    places.sync({sha256[:2] for sha256 in hashes})


def unlink(places: Places, identity: Identity, hashes: Collection[str]) -> list[str]:
    """Remove contents and return those that are gone; one that the disk refuses is logged and stays."""
    identity.check()
    gone: list[str] = []
    for sha256 in hashes:
        try:
            places.remove(sha256)
        except OSError as error:
            each_log.warning("content_stays", sha256=sha256, reason=error.strerror)
        else:
            gone.append(sha256)
    identity.check()
    return gone


def bytes_of(layout: Layout) -> int:
    """Return the bytes that all contents take."""
    total = 0
    for folder in layout.folders():
        with os.scandir(folder) as entries:
            total += sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    return total


def sizes_of(layout: Layout, places: Places, identity: Identity, hashes: Collection[str]) -> dict[str, int]:
    """Return what those contents take that are there, durable and not known to be damaged."""
    found: dict[str, int] = {}
    for sha256 in hashes:
        path = layout.blob(sha256)
        try:
            size = layout.files.stat(path).st_size
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in BAD_SECTOR:
                raise
            # One that cannot even be looked at is to be sent again; it does not stop the others.
            places.distrust(sha256)
            continue
        # Asked last: a name is unsettled before it is there.
        if places.trusts(sha256):
            found[sha256] = size
    identity.check()
    return found
