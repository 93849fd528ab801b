"""The data folder: made, held by one server, and the place of the console's token."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.catalogue.errors import CatalogueLost
from app.catalogue.fresh_database import never_used
from app.runtime.private_folder import forget_drafts, make_private, write_private
from app.server.problems import FolderInUse, FolderUnwritable
from app.store.layout import holds_contents

CATALOGUE_FILE = "catalogue.db"
STORE_FOLDER = "store"
TOKEN_FILE = "console.token"
LOCK_FILE = "server.lock"
ID_FILE = "server.id"
"""Tells an agent on this machine that the folder is that of the server it backs up to."""
TOOLS_FILE = "server.tools"
"""Held by commands: by many at once, or by one that replaces or mends the catalogue."""
PRIVATE_FILES = (
    f"{CATALOGUE_FILE}*",
    "console.*",
    "server.*",
    "audit.*",
    "child.log",
    "logs/*",
    "tls/*",
    "catalogue-backups/*",
)
DRAFTED_FILES = ("audit.*", "console.*", "server.*", "tls/*")
"""Those of them that are written as drafts first."""
PRIVATE_FOLDERS = (STORE_FOLDER, f"{STORE_FOLDER}/*", "logs", "tls", "catalogue-backups")
"""What may have been written under another umask, or put back by hand; the store's files lie below these."""


@contextmanager
def writable(data_dir: Path) -> Generator[None]:
    """Turn a refusal of the file system into the line that the start ends with."""
    try:
        yield
    except OSError as error:
        raise FolderUnwritable(
            f"The data folder {data_dir} cannot be written: {error.strerror}.",
            hint="Choose another with --data, or change its permissions.",
        ) from error


@contextmanager
def held(data_dir: Path) -> Generator[None]:
    """Make the folder where it is missing and hold it, so that no second server works on it."""
    with writable(data_dir):
        make_private(data_dir, files=PRIVATE_FILES, folders=PRIVATE_FOLDERS)
        lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(
                f"Another server works on {data_dir}.", hint="One folder has one server; end the other."
            ) from error
        with writable(data_dir):
            forget_drafts(data_dir, DRAFTED_FILES)
        yield
    finally:
        os.close(lock)


@contextmanager
def beside(data_dir: Path) -> Generator[None]:
    """Work beside a server and other commands, but not while one replaces or mends the catalogue."""
    with _tool(data_dir, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(data_dir: Path) -> Generator[None]:
    """Work as the only command: what another adds to a catalogue that is replaced would be lost."""
    with _tool(data_dir, fcntl.LOCK_EX):
        yield


@contextmanager
def _tool(data_dir: Path, kind: int) -> Generator[None]:
    with writable(data_dir):
        lock = os.open(data_dir / TOOLS_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(
                f"Another command works on {data_dir}.", hint="Run this again when it has ended."
            ) from error
        yield
    finally:
        os.close(lock)


def check_catalogue_is_there(data_dir: Path) -> None:
    """Raise ``CatalogueLost`` where contents are stored and no catalogue knows whose they are."""
    catalogue = data_dir / CATALOGUE_FILE
    if never_used(catalogue) and holds_contents(data_dir / STORE_FOLDER):
        raise CatalogueLost(
            f"{data_dir} holds stored files, but {catalogue} is missing or has never known a client:"
            " nothing could be restored from it.",
            hint=f"Put a copy of {CATALOGUE_FILE} back, or begin anew beside the old contents with"
            " --new-catalogue.",
        )


def read_token(file: Path) -> str:
    """Return the token in ``file``; empty where there is none."""
    with suppress(FileNotFoundError):
        return file.read_text(encoding="ascii", errors="replace").strip()
    return ""


def write_token(file: Path, token: str) -> None:
    """Write the console's token so that only its owner can read it, whole or not at all."""
    write_private(file, f"{token}\n".encode("ascii"))


def note_id(data_dir: Path, server_id: str) -> None:
    """Write down which server's data this is, so that no backup to it takes it in; raises OSError."""
    file = data_dir / ID_FILE
    if read_token(file) != server_id:
        write_private(file, f"{server_id}\n".encode("ascii"))
