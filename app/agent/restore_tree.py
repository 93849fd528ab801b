"""Writing below one folder and never outside of it.

Every step goes from an open folder to a name in it, without following links: whatever the names say
and whatever lies there already, nothing leads out. Links are made last, so that none can be walked through.
"""

import errno
import os
import re
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil

from app.agent.names import reason_of
from app.agent.restore_plan import Parts
from streams.failures import ConfigRejected

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
UNFINISHED = re.compile(r"\.tidewatch-([1-9]\d{0,8})-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""
KEPT_BITS = 0o1777
"""Of a file's mode: without the bits that lend its owner's rights, as owners are not restored."""


class InTheWay(Exception):
    """Something lies where a name is to be restored."""


class NewFile:
    """A file that is being written under a name of its own; nothing has its final name until ``keep``."""

    def __init__(self, folder: int, name: bytes, temporary: bytes, file: int) -> None:
        self._folder, self._name, self._temporary, self._file = folder, name, temporary, file

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def keep(self, mode: int, mtime_ns: int, *, overwrite: bool) -> None:
        """Give the file its mode, its time and its name; raise ``InTheWay``."""
        os.fchmod(self._file, mode & KEPT_BITS)
        os.utime(self._file, ns=(mtime_ns, mtime_ns))
        if not overwrite and _exists(self._name, self._folder):
            raise InTheWay("something of this name is there by now")
        os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = b""

    def close(self) -> None:
        """Remove the file unless it was kept."""
        os.close(self._file)
        if self._temporary:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._folder)
        os.close(self._folder)


class TargetTree:
    """The folder to restore into; every call blocks and belongs in a thread."""

    def __init__(self, root: Path) -> None:
        self.path = root
        try:
            self.created = not root.exists()
            root.mkdir(parents=True, exist_ok=True)
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigRejected(
                f"--to {root}: cannot be written: {reason_of(error)}.", hint="Give another folder."
            ) from None
        self._numbers = count()

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    def is_empty(self) -> bool:
        """Return whether nothing is in the folder yet."""
        with os.scandir(self._root) as listing:
            return next(listing, None) is None

    def stands_in_the_way(self, parts: Parts, *, folder: bool) -> bool:
        """Return whether ``parts`` cannot be written without replacing something."""
        if not parts:
            return False
        try:
            with self._opened(parts[:-1]) as parent:
                mode = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return not (folder and stat.S_ISDIR(mode))

    def make_folder(self, parts: Parts, *, overwrite: bool, mode: int = 0o700) -> bool:
        """Make a folder and those above it; return whether it was not there before; raise ``InTheWay``."""
        if not parts:
            return self.created
        with self._parent(parts, overwrite=overwrite) as parent:
            return _make(parts[-1], parent, mode, overwrite=overwrite)

    def clear_leftovers(self, parts: Parts) -> None:
        """Remove the unfinished files of a restore that was killed; only before there is one of ours."""
        with self._opened(parts) as folder, os.scandir(folder) as listing:
            for name in [entry.name for entry in listing]:
                left = UNFINISHED.fullmatch(name)
                if left is not None and not _written_by_another(int(left[1])):
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)

    def new_file(self, parts: Parts, *, overwrite: bool) -> NewFile:
        """Open a new file for ``parts``; it must be closed."""
        with self._parent(parts, overwrite=overwrite) as parent:
            while True:
                name = b".tidewatch-%d-%d.part" % (os.getpid(), next(self._numbers))
                try:
                    file = os.open(name, NEW_FILE, 0o600, dir_fd=parent)
                except FileExistsError:
                    continue
                return NewFile(os.dup(parent), parts[-1], name, file)

    def make_link(self, parts: Parts, target: bytes, mtime_ns: int, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        with self._parent(parts, overwrite=overwrite) as parent:
            name = parts[-1]
            if overwrite and _exists(name, parent):
                os.unlink(name, dir_fd=parent)
            try:
                os.symlink(target, name, dir_fd=parent)
            except FileExistsError:
                raise InTheWay("something of this name is there by now") from None
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=parent, follow_symlinks=False)

    def finish_folder(self, parts: Parts, mode: int, mtime_ns: int) -> None:
        """Give a folder its mode and time, after all that is in it was written."""
        with self._opened(parts) as folder:
            os.fchmod(folder, mode)
            os.utime(folder, ns=(mtime_ns, mtime_ns))

    @contextmanager
    def _opened(self, parts: Parts) -> Generator[int]:
        """Open a folder that is there, from the root, name by name."""
        at = os.dup(self._root)
        try:
            for part in parts:
                inner = os.open(part, OPEN_FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            yield at
        finally:
            os.close(at)

    @contextmanager
    def _parent(self, parts: Parts, *, overwrite: bool) -> Generator[int]:
        """Open the folder of a name, made where it is not there."""
        at = os.dup(self._root)
        try:
            for part in parts[:-1]:
                try:
                    inner = os.open(part, OPEN_FOLDER, dir_fd=at)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                        raise
                    _make(part, at, 0o777, overwrite=overwrite)
                    inner = os.open(part, OPEN_FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            yield at
        finally:
            os.close(at)


def _written_by_another(pid: int) -> bool:
    """Whether another process of this number runs; what has ours was left by one that is gone."""
    return pid != os.getpid() and psutil.pid_exists(pid)


def _exists(name: bytes, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _make(name: bytes, folder: int, mode: int, *, overwrite: bool) -> bool:
    """Make one folder; return False for one that is there already."""
    try:
        os.mkdir(name, mode, dir_fd=folder)
    except FileExistsError:
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return False
        if not overwrite:
            raise InTheWay("something that is no folder is there") from None
        os.unlink(name, dir_fd=folder)
        os.mkdir(name, mode, dir_fd=folder)
    return True
