"""Writing below one folder and never outside of it.

Every step goes from an open folder to a name in it, without following links: whatever the names say
and whatever lies there already, nothing leads out. Links are made last, so that none can be walked through.

What has arrived is kept, whatever this disk is: a name that it does not take, or takes for another one, gives
way to a similar one (``renamed``), and what it cannot keep of modes and times is counted (``unset``).
"""

import errno
import hashlib
import os
import re
import stat
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import chain, count, islice
from pathlib import Path

import psutil

from app.agent.names import reason_of
from app.agent.portable_names import alternatives
from app.agent.restore_plan import MARKER, Item, Parts
from app.agent.target_names import NAME_REFUSED, TargetNames
from streams.failures import ConfigRejected

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
EXISTING_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
UNFINISHED = re.compile(r"\.tidewatch-([1-9]\d{0,8})-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""
KEPT_BITS = 0o1777
"""Of a file's mode: without the bits that lend its owner's rights, as owners are not restored."""
MAX_NAMES_TRIED = 100
HASH_BYTES = 1024 * 1024
WRITABLE = 0o700


class InTheWay(Exception):
    """Something lies where a name is to be restored."""


class NewFile:
    """A file that is being written under a name of its own; nothing has its final name until ``keep``."""

    def __init__(self, tree: "TargetTree", parts: Parts, folder: int, temporary: bytes, file: int) -> None:
        self._tree, self._parts = tree, parts
        self._folder, self._temporary, self._file = folder, temporary, file

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def keep(self, mode: int, mtime_ns: int, *, overwrite: bool) -> None:
        """Give the file its mode, its time and its name; raise ``InTheWay``."""
        self._tree.set_facts(self._file, mode & KEPT_BITS, mtime_ns)
        self._tree.place(self._parts, self._folder, self._rename, replaces_file(overwrite=overwrite))
        self._temporary = b""

    def _rename(self, name: bytes) -> None:
        os.rename(self._temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

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
        self._names = TargetNames()
        self._lock = threading.RLock()
        self._widened: dict[Parts, int] = {}
        """Modes of folders that were made writable for this restore."""
        self.renamed: dict[Parts, bytes] = {}
        """Other names that were given, by the path that was asked for."""
        self.unset: Counter[str] = Counter()
        """How often this disk or this user could not set something."""

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    def is_empty(self) -> bool:
        """Return whether nothing is in the folder yet."""
        with os.scandir(self._root) as listing:
            return next(listing, None) is None

    def begin(self, origin: str) -> bool:
        """Note where the restored tree comes from until it is whole; return whether a cut one goes on."""
        content = f"{origin}\nThis restore has not ended: the same command goes on with it.\n".encode()
        before = b""
        try:
            with suppress(FileNotFoundError):
                file = os.open(MARKER, EXISTING_FILE, dir_fd=self._root)
                with os.fdopen(file, "rb") as marker:
                    before = marker.read(len(content) + 1)
                os.unlink(MARKER, dir_fd=self._root)
            with os.fdopen(os.open(MARKER, NEW_FILE, 0o600, dir_fd=self._root), "wb") as marker:
                marker.write(content)
            self._names.made((), self._root, MARKER)
        except OSError as error:
            raise ConfigRejected(
                f"--to {self.path}: cannot be written: {reason_of(error)}.", hint="Give another folder."
            ) from None
        return before == content

    def end(self) -> None:
        """Take the note of ``begin`` away."""
        with suppress(FileNotFoundError):
            os.unlink(MARKER, dir_fd=self._root)

    def stands_in_the_way(self, item: Item) -> bool:
        """Return whether an item cannot be written without replacing something else than itself."""
        if not item.parts:
            return False
        try:
            with self._opened(item.parts[:-1]) as parent:
                at = os.stat(self._name_of(item.parts), dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            return error.errno not in NAME_REFUSED
        return not (stat.S_ISDIR(at.st_mode) and stat.S_ISDIR(item.type))

    def present(self, item: Item) -> bool:
        """Return whether an item is there already with its content, under its name or one given instead."""
        above, wanted = item.parts[:-1], item.parts[-1]
        try:
            with self._opened(above) as parent:
                for name in islice(chain((wanted,), alternatives(wanted)), MAX_NAMES_TRIED):
                    try:
                        at = _look(name, parent)
                    except OSError:
                        continue
                    if at is None:
                        return False
                    if self._names.given(above, name) or self._names.is_other(above, parent, name):
                        continue
                    if self._is(item, name, at, parent):
                        self._note_name(item.parts, name)
                        return True
                    if stat.S_IFMT(at.st_mode) == item.type:
                        return False
        except OSError:
            return False
        return False

    @staticmethod
    def _is(item: Item, name: bytes, at: os.stat_result, folder: int) -> bool:
        """Return whether ``name`` is the item as it is to be restored; reads a file whose size agrees."""
        if stat.S_IFMT(at.st_mode) != item.type:
            return False
        if stat.S_ISLNK(at.st_mode):
            return os.readlink(name, dir_fd=folder) == item.target
        if not stat.S_ISREG(at.st_mode) or at.st_size != item.size:
            return False
        file = os.open(name, EXISTING_FILE, dir_fd=folder)
        try:
            return _hash_of(file) == item.sha256
        finally:
            os.close(file)

    def make_folder(self, parts: Parts, *, overwrite: bool) -> bool:
        """Make a folder and those above it; return whether it was not there before; raise ``InTheWay``."""
        if not parts:
            return self.created
        with self._parent(parts, overwrite=overwrite) as parent:
            return self._make(parts, parent, 0o700, overwrite=overwrite)

    def clear_leftovers(self, parts: Parts) -> None:
        """Remove the unfinished files of a restore that was killed; only before there is one of ours."""
        with self._opened(parts) as folder, os.scandir(folder) as listing:
            for name in [entry.name for entry in listing]:
                left = UNFINISHED.fullmatch(name)
                if left is not None and not _written_by_another(int(left[1])):
                    self._make_writable(parts, folder)
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
                return NewFile(self, parts, os.dup(parent), name, file)

    def make_link(self, parts: Parts, target: bytes, mtime_ns: int, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        with self._parent(parts, overwrite=overwrite) as parent:

            def make(name: bytes) -> None:
                if overwrite:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=parent)
                os.symlink(target, name, dir_fd=parent)

            name = self.place(parts, parent, make, replaces_file(overwrite=overwrite))
            times = (mtime_ns, mtime_ns)
            self._set("time", lambda: os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False))

    def finish(self, item: Item) -> None:
        """Give a folder or file that is there its mode and time; a folder after all that is in it."""
        kind = os.O_DIRECTORY if stat.S_ISDIR(item.type) else os.O_NONBLOCK
        name = self._name_of(item.parts) if item.parts else b"."
        try:
            with self._opened(item.parts[:-1]) as parent:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=parent)
        except OSError:
            self._note_unset("mode")
            return
        try:
            kept = 0o7777 if stat.S_ISDIR(item.type) else KEPT_BITS
            self.set_facts(file, item.mode & kept, item.mtime_ns)
        finally:
            os.close(file)
        self._widened.pop(item.parts, None)

    def put_modes_back(self) -> None:
        """Give folders that were made writable, and that ``finish`` was not called for, their old modes."""
        for parts, mode in sorted(self._widened.items(), reverse=True):
            with suppress(FileNotFoundError), self._opened(parts) as folder:
                self._set("mode", lambda folder=folder, mode=mode: os.fchmod(folder, mode))
        self._widened.clear()

    def set_facts(self, file: int, mode: int, mtime_ns: int) -> None:
        """Set mode and time of an open file or folder, as far as this disk and this user can."""
        self._set("mode", lambda: os.fchmod(file, mode))
        self._set("time", lambda: os.utime(file, ns=(mtime_ns, mtime_ns)))

    def _set(self, what: str, change: Callable[[], None]) -> None:
        try:
            change()
        except (OSError, OverflowError):
            self._note_unset(what)

    def _note_unset(self, what: str) -> None:
        with self._lock:
            self.unset[what] += 1

    def place(
        self,
        parts: Parts,
        folder: int,
        make: Callable[[bytes], None],
        replaces: Callable[[os.stat_result], bool],
    ) -> bytes:
        """Make something under its name, or under another one where this disk does not take it.

        ``replaces`` tells whether what lies there may be replaced; it may raise ``InTheWay``.
        Returns the name; raises what the last try raised.
        """
        above, wanted = parts[:-1], parts[-1]
        if wanted in (b"", b".", b".."):
            raise InTheWay("that is no name")
        refused: OSError | None = None
        with self._lock:
            for name in islice(chain((wanted,), alternatives(wanted)), MAX_NAMES_TRIED):
                if self._names.given(above, name):
                    continue
                try:
                    at = _look(name, folder)
                    if at is not None and self._names.is_other(above, folder, name):
                        continue
                    if at is not None and not _may_replace(at, replaces, told=name == wanted):
                        continue
                    make(name)
                except FileExistsError:
                    raise InTheWay("something of this name is there by now") from None
                except OSError as error:
                    if error.errno not in NAME_REFUSED or (refused is not None and name != wanted):
                        raise
                    refused = error
                    continue
                self._note_name(parts, self._names.made(above, folder, name))
                return name
        raise refused or InTheWay("something else is there, and under all similar names")

    def _note_name(self, parts: Parts, name: bytes) -> None:
        if name != parts[-1]:
            with self._lock:
                self.renamed[parts] = name
                self._names.give(parts[:-1], name)

    def _name_of(self, parts: Parts) -> bytes:
        return self.renamed.get(parts, parts[-1])

    def _make(self, parts: Parts, folder: int, mode: int, *, overwrite: bool) -> bool:
        """Make one folder; return False for one that is there already."""
        fresh = True

        def replaces(at: os.stat_result) -> bool:
            if stat.S_ISDIR(at.st_mode):
                return True
            if not overwrite:
                raise InTheWay("something that is no folder is there")
            # A link leads to what somebody keeps elsewhere: it stays, and nothing is written through it.
            return not stat.S_ISLNK(at.st_mode)

        def make(name: bytes) -> None:
            nonlocal fresh
            at = _look(name, folder)
            if at is not None and stat.S_ISDIR(at.st_mode):
                fresh = False
                return
            if at is not None:
                os.unlink(name, dir_fd=folder)
            os.mkdir(name, mode, dir_fd=folder)

        self.place(parts, folder, make, replaces)
        return fresh

    @contextmanager
    def _opened(self, parts: Parts) -> Generator[int]:
        """Open a folder that is there, from the root, name by name."""
        at = os.dup(self._root)
        try:
            for length in range(1, len(parts) + 1):
                inner = self._enter(parts[:length], at)
                os.close(at)
                at = inner
            yield at
        finally:
            os.close(at)

    @contextmanager
    def _parent(self, parts: Parts, *, overwrite: bool) -> Generator[int]:
        """Open the folder of a name for writing, made where it is not there."""
        at = os.dup(self._root)
        try:
            for length in range(1, len(parts)):
                above = parts[:length]
                try:
                    inner = self._enter(above, at)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, *NAME_REFUSED):
                        raise
                    self._make(above, at, 0o777, overwrite=overwrite)
                    inner = self._enter(above, at)
                os.close(at)
                at = inner
            self._make_writable(parts[:-1], at)
            yield at
        finally:
            os.close(at)

    def _enter(self, parts: Parts, above: int) -> int:
        """Open a folder in the one above it; one of ours that may not be read is made readable for it."""
        name = self._name_of(parts)
        try:
            return os.open(name, OPEN_FOLDER, dir_fd=above)
        except PermissionError:
            if not hasattr(os, "O_PATH"):
                raise
            handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
            try:
                self._widen(parts, handle, f"/proc/self/fd/{handle}")
            finally:
                os.close(handle)
            return os.open(name, OPEN_FOLDER, dir_fd=above)

    def _make_writable(self, parts: Parts, folder: int) -> None:
        at = os.fstat(folder)
        if at.st_uid == os.geteuid() and at.st_mode & WRITABLE != WRITABLE:
            with suppress(PermissionError):
                self._widen(parts, folder, folder)

    def _widen(self, parts: Parts, folder: int, changed: int | str) -> None:
        with self._lock:
            mode = stat.S_IMODE(os.fstat(folder).st_mode)
            os.chmod(changed, mode | WRITABLE)  # noqa: PTH101
            self._widened.setdefault(parts, mode)


def replaces_file(*, overwrite: bool) -> Callable[[os.stat_result], bool]:
    """Return what tells whether a file or a link may take the place of what is there."""

    def replaces(at: os.stat_result) -> bool:
        if not overwrite:
            raise InTheWay("something of this name is there by now")
        return not stat.S_ISDIR(at.st_mode)

    return replaces


def _may_replace(at: os.stat_result, replaces: Callable[[os.stat_result], bool], *, told: bool) -> bool:
    try:
        return replaces(at)
    except InTheWay:
        if told:
            raise
        return False


def _look(name: bytes, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _hash_of(file: int) -> str:
    digest = hashlib.sha256()
    while data := os.read(file, HASH_BYTES):
        digest.update(data)
    return digest.hexdigest()


def _written_by_another(pid: int) -> bool:
    """Whether another process of this number runs; what has ours was left by one that is gone."""
    return pid != os.getpid() and psutil.pid_exists(pid)
