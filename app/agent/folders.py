"""Opens folders name by name from ``/`` down, so that nobody can lead the agent elsewhere by swapping one.

An agent may run as root over folders of others. A path that is looked up as a whole follows whatever links
stand in it at that moment; here each name is opened in the open folder above it, and never followed.
"""

import os
import stat
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Self

from app.agent.file_system import FileSystem
from app.agent.names import is_within, join, reason_of, split
from app.agent.system.posix import POSIX
from app.agent.system.process import own_user
from streams.model.failures import ConfigRejected

MAX_OPEN = 3
"""Folders that one reader keeps open: the last ones, as the next is mostly near."""
MAX_LINKS = 40
TRUSTED = 0
"""The user whose links are followed besides one's own: root."""


class Folders:
    """Opens folders; for one thread at a time. ``real_folders`` says which paths lead through links."""

    def __init__(
        self, real_folders: Mapping[bytes, bytes] | None = None, file_system: FileSystem = POSIX
    ) -> None:
        self.file_system = file_system
        self._aliases = sorted((real_folders or {}).items(), key=lambda pair: len(pair[0]), reverse=True)
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all folders; they are opened again when they are needed."""
        while self._open:
            os.close(self._open.popitem()[1])

    def open(self, path: bytes) -> int:
        """Return a descriptor to open names in; it is good until the next call. Raises ``OSError``."""
        path = self.real(path)
        known = path
        missing: list[bytes] = []
        while known not in self._open and known not in (b"/", b""):
            known, name = split(known)
            missing.append(name)
        if known in self._open:
            self._open.move_to_end(known)
        else:
            known = b"/"
            self._keep(known, self.file_system.pass_through(b"/", None))
        while missing:
            name = missing.pop()
            inner = self.file_system.pass_through(name, self._open[known])
            known = join(known, name)
            self._keep(known, inner)
        return self._open[known]

    def list(self, path: bytes) -> int:
        """Return a descriptor that can be listed, for the caller to close. Raises ``OSError``."""
        try:
            return self.file_system.open_folder(b".", self.open(path))
        except FileNotFoundError:
            # A folder that was kept open may have been replaced by another of its name.
            self.close()
            return self.file_system.open_folder(b".", self.open(path))

    def open_file(self, path: bytes) -> int:
        """Open what ``path`` names for reading; waits for no pipe. Raises ``OSError``."""
        folder, name = split(path)
        try:
            return self.file_system.open_leased(name, self.open(folder))
        except FileNotFoundError:
            if not self._open:
                raise
            # A folder that was kept open may have been replaced by another of its name.
            self.close()
            return self.file_system.open_leased(name, self.open(folder))

    def is_gone(self, path: bytes) -> bool:
        """Return whether what was not found when it was opened is deleted: its name is gone as well.

        A mount point whose disk or server is away, or a name that its file system does not take, is there.
        """
        self.close()
        while path != b"/":
            above, name = split(path)
            try:
                folder = self.open(above)
            except FileNotFoundError:
                path = above
                continue
            except OSError:
                return False
            try:
                self.file_system.stat(name, folder)
            except FileNotFoundError:
                return True
            except OSError:
                return False
            return False
        return False

    def real(self, path: bytes) -> bytes:
        """Return the path without the links that are known to lead to it."""
        for given, real in self._aliases:
            if path == given:
                return real
            if path.startswith(given.rstrip(b"/") + b"/"):
                return join(real, path[len(given.rstrip(b"/")) + 1 :])
        return path

    def _keep(self, path: bytes, folder: int) -> None:
        self._open[path] = folder
        if len(self._open) > MAX_OPEN:
            os.close(self._open.popitem(last=False)[1])


def real_folder(path: bytes) -> bytes:
    """Return where an absolute path leads, following only links that no other user can have laid.

    Raises ``ConfigRejected`` for a link of another user, ``OSError`` for what is not there.
    """
    left = [name for name in reversed(path.split(b"/")) if name]
    reached = b"/"
    links = 0
    with Folders() as folders:
        while left:
            name = left.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                reached = split(reached)[0] or b"/"
                continue
            folder = folders.open(reached)
            at = folders.file_system.stat(name, folder)
            if not stat.S_ISLNK(at.st_mode):
                reached = join(reached, name)
                continue
            links += 1
            if not _is_ours(at, os.fstat(folder)) or links > MAX_LINKS:
                raise ConfigRejected(
                    f"{os.fsdecode(path)!r} leads through the link {os.fsdecode(join(reached, name))!r},"
                    " which another user can change.",
                    hint="Give the path without links.",
                )
            target = folders.file_system.read_link(name, folder)
            reached = b"/" if target.startswith(b"/") else reached
            left += reversed(target.split(b"/"))
    return reached


def _is_ours(link: os.stat_result, folder: os.stat_result) -> bool:
    """Return whether only root and the user of this process can have laid a link in its folder."""
    owners = (TRUSTED, own_user())
    shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX
    return link.st_uid in owners and folder.st_uid in owners and not shared


def as_roots(paths: Iterable[bytes]) -> list[bytes]:
    """Return what to back up as absolute paths, each once, without what lies in another of them."""
    absolute = (os.path.abspath(path) for path in paths)  # noqa: PTH100
    roots = {b"/" if path == b"//" else path for path in absolute}
    inner = {r for r in roots if any(o != r and is_within(r, o) for o in roots)}
    return sorted(roots - inner)


def look_at_roots(roots: Iterable[bytes]) -> tuple[list[bytes], list[tuple[bytes, ConfigRejected]]]:
    """Return those of these roots that can be backed up now, and the others, each with what is wrong."""
    present: list[bytes] = []
    wrong: list[tuple[bytes, ConfigRejected]] = []
    for root in roots:
        try:
            _check_root(root)
        except ConfigRejected as error:
            wrong.append((root, error))
        else:
            present.append(root)
    return present, wrong


def _check_root(path: bytes) -> None:
    text = os.fsdecode(path)
    folder, name = split(path)
    try:
        with Folders() as folders:
            parent = folders.open(real_folder(folder))
            mode = folders.file_system.stat(name or b".", parent).st_mode
    except OSError as error:
        raise ConfigRejected(
            f"{text!r} cannot be backed up: {reason_of(error)}.", hint="Check the path."
        ) from None
    if stat.S_ISLNK(mode):
        raise ConfigRejected(f"{text!r} is a link.", hint="Give what it leads to; links are never followed.")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise ConfigRejected(f"{text!r} is neither a file nor a folder.", hint="Give a folder.")


def real_folders(roots: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return where the folders of these roots are, of those that links lead to; raises as ``real_folder``."""
    above = {split(root)[0] for root in roots}
    real = {folder: real_folder(folder) for folder in above if folder}
    return {folder: leads_to for folder, leads_to in real.items() if folder != leads_to}
