"""Writing below one folder and never outside of it.

Every step goes from an open folder to a name in it, without following links: whatever the names say
and whatever lies there already, nothing leads out. Links are made last, so that none can be walked through.

What has arrived is kept, whatever this disk is: a name that it does not take, or takes for another one, gives
way to a similar one (``renamed``), and what it cannot keep of the attributes is counted.
"""

import errno
import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import chain, count, islice
from pathlib import Path

import psutil

from app.agent.names import reason_of
from app.agent.portable_names import alternatives, is_portable
from app.agent.restore_attributes import DEVICE, HARD_LINK, MODE, AttributeWriter
from app.agent.restore_plan import MARKER, Item, Parts
from app.agent.sparse import Placement, has_only_holes_between
from app.agent.target_file import InTheWay, NewFile, Replaces, replaces_file
from app.agent.target_names import NAME_REFUSED, TargetNames
from streams.failures import ConfigRejected

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
EXISTING_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
UNFINISHED = re.compile(r"\.tidewatch-([1-9]\d{0,8})-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)
MAX_NAMES_TRIED = 100
HASH_BYTES = 1024 * 1024
WRITABLE = 0o700


class TargetTree:
    """The folder to restore into; every call blocks and belongs in a thread."""

    def __init__(self, root: Path, *, numeric_owner: bool = False) -> None:
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
        self.attributes = AttributeWriter(numeric_owner=numeric_owner)

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
                    if at is None and name == wanted and _is_refused(name, parent):
                        continue
                    if at is None:
                        return False
                    if self._names.given(above, name) or self._names.is_other(above, parent, name):
                        continue
                    if self._is(item, name, at, parent):
                        self._note_name(item.parts, self._names.listed(above, parent, name))
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
        if stat.S_ISDIR(at.st_mode):
            return True
        if not stat.S_ISREG(at.st_mode):
            return at.st_rdev == ((item.attributes.device if item.attributes else None) or 0)
        if at.st_size != item.size:
            return False
        file = os.open(name, EXISTING_FILE, dir_fd=folder)
        try:
            return (
                has_only_holes_between(file, item.extents, item.size) and _hash_of(file, item) == item.sha256
            )
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

    def new_file(self, parts: Parts, *, overwrite: bool, extents: tuple[int, ...] | None = None) -> NewFile:
        """Open a new file for ``parts``; it must be closed."""
        with self._parent(parts, overwrite=overwrite) as parent:
            while True:
                name = b".tidewatch-%d-%d.part" % (os.getpid(), next(self._numbers))
                try:
                    file = os.open(name, NEW_FILE, 0o600, dir_fd=parent)
                except FileExistsError:
                    continue
                return NewFile(
                    self.attributes,
                    self.place,
                    folder=os.dup(parent),
                    temporary=name,
                    file=file,
                    extents=extents,
                )

    def make_link(self, item: Item, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        target = item.target or b""
        self._make_in_place(item, lambda name, folder: os.symlink(target, name, dir_fd=folder), overwrite)

    def make_special(self, item: Item, *, overwrite: bool) -> None:
        """Make a pipe, a socket or, where the system lets us, a device; raise ``InTheWay``."""
        device = (item.attributes.device if item.attributes else None) or 0
        mode = item.type | 0o600
        try:
            self._make_in_place(
                item, lambda name, folder: os.mknod(name, mode, device, dir_fd=folder), overwrite
            )
        except PermissionError:
            if not device:
                raise
            self.attributes.note_unset(DEVICE)

    def make_hard_link(self, first: Item, item: Item, *, overwrite: bool) -> bool:
        """Make an item another name of one that is there; return False where this disk has no such thing."""
        with self._opened(first.parts[:-1]) as there:
            name_there = self._name_of(first.parts)
            at = os.stat(name_there, dir_fd=there, follow_symlinks=False)
            if stat.S_IFMT(at.st_mode) != item.type:
                return False

            def make(name: bytes, folder: int) -> None:
                os.link(name_there, name, src_dir_fd=there, dst_dir_fd=folder, follow_symlinks=False)

            try:
                self._make_in_place(item, make, overwrite, same=at)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                self.attributes.note_unset(HARD_LINK)
                return False
        return True

    def _make_in_place(
        self,
        item: Item,
        make: Callable[[bytes, int], None],
        overwrite: bool,
        same: os.stat_result | None = None,
    ) -> None:
        """Make something that has no content, in the place of what may be replaced."""
        with self._parent(item.parts, overwrite=overwrite) as parent:
            done = False

            def replaces(at: os.stat_result) -> bool:
                return (same is not None and os.path.samestat(at, same)) or replaces_file(
                    overwrite=overwrite
                )(at)

            def place(name: bytes) -> None:
                nonlocal done
                at = _look(name, parent)
                if at is not None and same is not None and os.path.samestat(at, same):
                    done = True
                    return
                if at is not None:
                    os.unlink(name, dir_fd=parent)
                make(name, parent)

            name = self.place(item.parts, parent, place, replaces)
            if same is None and not done:
                self._apply_to(name, parent, item)

    def _apply_to(self, name: bytes, folder: int, item: Item) -> None:
        """Set all of a name that cannot be opened, or should not be."""
        if not hasattr(os, "O_PATH"):
            os.utime(name, ns=(item.mtime_ns, item.mtime_ns), dir_fd=folder, follow_symlinks=False)
            return
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            self.attributes.apply(f"/proc/self/fd/{handle}", item)
        finally:
            os.close(handle)

    def finish(self, item: Item) -> None:
        """Give a folder or file that is there all that is known of it; a folder after all that is in it."""
        name = self._name_of(item.parts) if item.parts else b"."
        try:
            with self._opened(item.parts[:-1]) as parent:
                self._apply_to(name, parent, item)
        except OSError:
            self.attributes.note_unset(MODE)
            return
        self._widened.pop(item.parts, None)

    def put_modes_back(self) -> None:
        """Give folders that were made writable, and that ``finish`` was not called for, their old modes."""
        for parts, mode in sorted(self._widened.items(), reverse=True):
            with suppress(FileNotFoundError), self._opened(parts) as folder:
                os.fchmod(folder, mode)
        self._widened.clear()

    def place(
        self,
        parts: Parts,
        folder: int,
        make: Callable[[bytes], None],
        replaces: Replaces,
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
        with self._lock:
            self._names.give(parts[:-1], parts[-1], name)
            if name != parts[-1]:
                self.renamed[parts] = name

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


def _is_refused(name: bytes, folder: int) -> bool:
    """Return whether this file system cannot have a name that is not there; only odd ones are tried."""
    if is_portable(name):
        return False
    try:
        os.close(os.open(name, NEW_FILE, 0o600, dir_fd=folder))
    except OSError as error:
        return error.errno in NAME_REFUSED
    os.unlink(name, dir_fd=folder)
    return False


def _may_replace(at: os.stat_result, replaces: Replaces, *, told: bool) -> bool:
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


def _hash_of(file: int, item: Item) -> str:
    digest, placed, at = hashlib.sha256(), Placement(item.extents), 0
    while data := placed.read(file, at, HASH_BYTES):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()


def _written_by_another(pid: int) -> bool:
    """Whether another process of this number runs; what has ours was left by one that is gone."""
    return pid != os.getpid() and psutil.pid_exists(pid)
