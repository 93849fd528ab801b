"""Private folders: 0700, owned by the user who runs the program, with 0600 files, whoever made them before.

A folder that an administrator made with mode 0755 is tightened. One that belongs to another user, or that
all users share, cannot be made safe and is refused.
"""

import itertools
import os
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

import structlog

from app.runtime.durable import sync_folder
from streams.model.failures import TidewatchError

log = structlog.stdlib.get_logger(__name__)

SHARED = ("/tmp", "/var/tmp", "/dev/shm")
"""Folders of all users even where nothing is in them; a mount of one's own may have their mode, too."""
FOLDER_MODE = 0o700
OTHERS = 0o077
OTHERS_WRITE = 0o022
DRAFT_S = 3600.0
"""A draft that is older is not written any more, by whatever process."""
_drafts = itertools.count()


class FolderExposed(TidewatchError):
    """Other users could read or replace files in a folder that holds secrets."""

    code = "folder_exposed"
    exit_code = 5


def make_private(folder: Path, *, files: Iterable[str] = (), folders: Iterable[str] = ()) -> None:
    """Create ``folder`` or tighten its mode, and the modes of these ``files`` and ``folders`` inside.

    Names may be glob patterns. Symbolic links are not followed. A folder that also holds other things (a home
    folder, ``/srv``) keeps its mode, which is logged: closing it would lock others out of what is theirs.
    Raises ``FolderExposed`` for a folder of another user, one that others can write, and ``OSError``.
    """
    files, folders = tuple(files), tuple(folders)
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    found = folder.stat()
    # Root owns what it wants; anybody else's folder could be swapped under a program that runs as root.
    if found.st_uid != os.geteuid():
        raise FolderExposed(
            f"The folder {folder} belongs to another user.",
            hint="Choose a folder of the user who runs this, or change its owner.",
        )
    if found.st_mode & stat.S_ISVTX and (
        str(folder) in SHARED or _holds_other_things(folder, (*files, *folders))
    ):
        raise FolderExposed(
            f"The folder {folder} is shared by all users.", hint="Choose a folder below it, for this alone."
        )
    if found.st_mode & OTHERS and _holds_other_things(folder, (*files, *folders)):
        if found.st_mode & OTHERS_WRITE:
            raise FolderExposed(
                f"Other users can write to the folder {folder}, which also holds other things.",
                hint="Choose a folder below it, for this alone.",
            )
        log.warning("folder_not_private", folder=str(folder), hint="Choose a folder for this alone.")
    elif found.st_mode & OTHERS:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
        log.info("folder_made_private", folder=str(folder), mode=oct(stat.S_IMODE(found.st_mode)))
    for patterns, kind in ((files, stat.S_ISREG), (folders, stat.S_ISDIR)):
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            mode = path.lstat().st_mode
            if kind(mode) and mode & OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def _holds_other_things(folder: Path, known: tuple[str, ...]) -> bool:
    return any(not any(fnmatchcase(path.name, pattern) for pattern in known) for path in folder.iterdir())


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read: whole or not at all, and durable when this returns.

    Of several threads and processes that write it at once, each has a draft of its own; the last one stays.
    """
    draft = file.with_name(f"{file.name}.{os.getpid()}.{next(_drafts)}.new")
    # One of a process that was killed, and had the same id.
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def forget_drafts(folder: Path, files: Iterable[str]) -> None:
    """Remove drafts of these ``files``, which may be glob patterns, that a killed process has left."""
    for pattern in files:
        for draft in folder.glob(f"{pattern}.new"):
            with suppress(FileNotFoundError):
                found = draft.lstat()
                if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > DRAFT_S:
                    draft.unlink()
