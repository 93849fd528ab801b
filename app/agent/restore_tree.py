"""Writing below one folder and never outside of it.

Every step goes from an open folder (``target_folders``) to a name in it, without following links: whatever
the names say and whatever lies there already, nothing leads out. Links are made last, so that none can be
walked through.

What has arrived is kept, whatever this disk is: a name that it does not take, or takes for another one, gives
way to a similar one (``renamed``), and what it cannot keep of the attributes is counted.
"""

import errno
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from itertools import chain, count, islice
from pathlib import Path

from app.agent.names import reason_of
from app.agent.portable_names import alternatives
from app.agent.restore_attributes import HARD_LINK, MODE, AttributeWriter
from app.agent.restore_plan import MARKER, Item, Parts
from app.agent.system import PASS_THROUGH, is_held
from app.agent.target_file import (
    NO_HARD_LINKS,
    InTheWay,
    NewFile,
    Replaces,
    give_name,
    may_be_replaced,
    replaces_file,
)
from app.agent.target_finish import complete, finish
from app.agent.target_folders import TargetFolders
from app.agent.target_look import (
    NEW_FILE,
    Identity,
    identity_of,
    is_item,
    is_refused,
    look,
    written_by_another,
)
from app.agent.target_names import NAME_REFUSED, TargetNames
from app.agent.target_note import TargetNote
from streams.failures import ConfigRejected

UNFINISHED = re.compile(r"\.tidewatch-([1-9]\d{0,8})-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""
MAX_NAMES_TRIED = 100


class TargetTree:
    """The folder to restore into; every call blocks and belongs in a thread."""

    def __init__(self, root: Path, *, numeric_owner: bool = False) -> None:
        self.path = root
        self._numbers = count()
        self._names = TargetNames()
        self._lock = threading.RLock()
        self.attributes = AttributeWriter(numeric_owner=numeric_owner)
        try:
            self._folders = TargetFolders(root, self.attributes)
        except OSError as error:
            raise self._not_written(error) from None
        self._root, self.created = self._folders.root, self._folders.created
        self.renamed = self._folders.renamed
        """Other names that were given, by the path that was asked for."""
        self._identities: dict[Parts, Identity] = {}
        """What ``finish`` may change, or make other names of: a name may stand for something else by then."""
        self._not_ours: dict[Parts, int] = {}
        """Owners of folders that this restore was to make and that others have made."""
        self._note = TargetNote(self._root, "")

    def close(self) -> None:
        """Let go of the folder."""
        self._folders.close()

    def is_empty(self) -> bool:
        """Return whether nothing is in the folder yet."""
        with os.scandir(self._root) as listing:
            return next(listing, None) is None

    def begin(self, origin: str) -> bool:
        """Take hold of the folder; return whether a restore of the same origin was cut here."""
        if is_held(self._root):
            raise ConfigRejected(
                f"--to {self.path}: another restore is writing there.",
                hint="Wait until it has ended, or give another folder.",
            )
        self._folders.make_writable((), self._root)
        self._note = TargetNote(self._root, origin)
        try:
            goes_on = self._note.read()
            if not self._note.found:
                self._note.write([()] if self.created else [], self._temporary())
            self._names.made((), self._root, MARKER)
        except OSError as error:
            raise self._not_written(error) from None
        return goes_on

    def abandon(self) -> None:
        """Leave the folder as ``begin`` found it, with the note of another restore."""
        if not self._note.found:
            self._note.remove()

    def note(self, folders: Iterable[Parts], keep: Collection[Parts] = ()) -> None:
        """Note, before anything is made, which folders this restore makes; until ``end``."""
        try:
            self.clear_leftovers((), keep)
            self._note.write(folders, self._temporary())
        except OSError as error:
            raise self._not_written(error) from None

    def is_own(self, parts: Parts) -> bool:
        """Return whether this restore made a folder, also before it was cut."""
        return parts in self._note.folders

    def end(self) -> None:
        """Take the note away."""
        try:
            self._note.remove()
        except OSError as error:
            raise self._not_written(error) from None

    def takes_no_more(self, error: OSError, parts: Parts) -> bool:
        """Return whether what refused a name refuses all others: not a disk that is mounted below."""
        if error.errno == errno.EROFS:
            return bool(os.fstatvfs(self._root).f_flag & os.ST_RDONLY)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return False
        try:
            with self._folders.opened(parts[:-1]) as parent:
                return os.fstat(parent).st_dev == os.fstat(self._root).st_dev
        except OSError:
            return True

    def _not_written(self, error: OSError) -> ConfigRejected:
        return ConfigRejected(
            f"--to {self.path}: cannot be written: {reason_of(error)}.", hint="Give another folder."
        )

    def stands_in_the_way(self, item: Item) -> bool:
        """Return whether an item cannot be written without replacing something else than itself."""
        if not item.parts:
            return False
        try:
            with self._folders.opened(item.parts[:-1]) as parent:
                at = os.stat(self._folders.name_of(item.parts), dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            return error.errno not in NAME_REFUSED
        return not (stat.S_ISDIR(at.st_mode) and stat.S_ISDIR(item.type))

    def present(self, item: Item, *, overwrite: bool = False) -> bool:
        """Return whether an item is there already with its content, under its name or one given instead.

        What is to be overwritten is made anew where somebody else could change it afterwards.
        """
        above, wanted = item.parts[:-1], item.parts[-1]
        try:
            with self._folders.opened(above) as parent:
                for name in islice(chain((wanted,), alternatives(wanted)), MAX_NAMES_TRIED):
                    try:
                        at = look(name, parent)
                    except OSError:
                        continue
                    if at is None and name == wanted and is_refused(name, parent):
                        continue
                    if at is None:
                        return False
                    if self._names.given(above, name) or self._names.is_other(above, parent, name):
                        continue
                    if is_item(item, name, at, parent):
                        if overwrite and not self._may_finish(item, at, name, parent):
                            return False
                        self._identities[item.parts] = identity_of(at)
                        self._note_name(item.parts, self._names.listed(above, parent, name))
                        return True
                    if stat.S_IFMT(at.st_mode) == item.type:
                        return False
        except OSError:
            return False
        return False

    def _may_finish(self, item: Item, at: os.stat_result, name: bytes, folder: int) -> bool:
        linked = item.attributes is not None and item.attributes.hard_link is not None
        if stat.S_ISDIR(at.st_mode) or (at.st_nlink > 1 and not linked):
            return stat.S_ISDIR(at.st_mode)
        return self.attributes.lends_nothing_new(item, at, name, folder)

    def make_folder(self, parts: Parts, *, overwrite: bool) -> bool:
        """Make a folder and those above it; return whether it was not there before; raise ``InTheWay``."""
        if not parts:
            self._identities[()] = identity_of(os.fstat(self._root))
            return self.created
        with self._parent(parts, overwrite=overwrite) as parent:
            fresh = self._make(parts, parent, 0o700, overwrite=overwrite)
            handle = os.open(self._folders.name_of(parts), PASS_THROUGH, dir_fd=parent)
            try:
                at = os.fstat(handle)
            finally:
                os.close(handle)
            self._identities[parts] = identity_of(at)
            if (fresh or (self.is_own(parts) and not overwrite)) and at.st_uid != self._note.owner:
                self._not_ours[parts] = at.st_uid
            return fresh

    def clear_leftovers(self, parts: Parts, keep: Collection[Parts] = ()) -> None:
        """Remove the unfinished files of a restore that was killed; only before there is one of ours.

        A file that was backed up under such a name is one to ``keep``.
        """
        with self._folders.opened(parts) as folder, os.scandir(folder) as listing:
            for name in [entry.name for entry in listing]:
                left = UNFINISHED.fullmatch(name)
                if left is None or written_by_another(int(left[1])) or (*parts, os.fsencode(name)) in keep:
                    continue
                self._folders.make_writable(parts, folder)
                with suppress(OSError):  # Of somebody else, or no longer there: it stays, and costs nothing.
                    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                        os.rmdir(name, dir_fd=folder)
                    else:
                        os.unlink(name, dir_fd=folder)

    def _temporary(self) -> bytes:
        return b".tidewatch-%d-%d.part" % (os.getpid(), next(self._numbers))

    def new_file(self, parts: Parts, *, overwrite: bool, extents: tuple[int, ...] | None = None) -> NewFile:
        """Open a new file for ``parts``; it must be closed."""
        with self._parent(parts, overwrite=overwrite) as parent:
            while True:
                name = self._temporary()
                try:
                    file = os.open(name, NEW_FILE, 0o600, dir_fd=parent)
                except FileExistsError:
                    continue
                return NewFile(
                    self.attributes,
                    self.place,
                    self._note_made,
                    folder=os.dup(parent),
                    temporary=name,
                    file=file,
                    extents=extents,
                )

    def make_link(self, item: Item, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        target = item.target or b""
        self._make_beside(item, lambda name, folder: os.symlink(target, name, dir_fd=folder), overwrite)

    def make_special(self, item: Item, *, overwrite: bool) -> None:
        """Make a pipe, a socket or, where the system lets us, a device; raise ``InTheWay``."""
        mode = item.type | 0o600
        self._make_beside(
            item, lambda name, folder: os.mknod(name, mode, item.device, dir_fd=folder), overwrite
        )

    def make_hard_link(self, first: Item, item: Item, *, overwrite: bool) -> bool:
        """Make an item another name of one that is there; return False where this disk has no such thing."""
        with self._folders.opened(first.parts[:-1]) as there:
            name_there = self._folders.name_of(first.parts)
            at = look(name_there, there)
            if at is None or identity_of(at) != self._identities.get(first.parts):
                self.attributes.note_unset(HARD_LINK)
                return False

            def make(name: bytes, folder: int) -> None:
                os.link(name_there, name, src_dir_fd=there, dst_dir_fd=folder, follow_symlinks=False)
                linked = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not os.path.samestat(at, linked):
                    os.unlink(name, dir_fd=folder)
                    raise InTheWay("something else was put in the place of its first name")

            try:
                self._make_beside(item, make, overwrite, same=at)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                self.attributes.note_unset(HARD_LINK)
                return False
        return True

    def _make_beside(
        self,
        item: Item,
        make: Callable[[bytes, int], None],
        overwrite: bool,
        same: os.stat_result | None = None,
    ) -> None:
        """Make something that has no content, whole, before it takes the place of what may be replaced."""
        with self._parent(item.parts, overwrite=overwrite) as parent:
            may_replace = replaces_file(overwrite=overwrite)

            def is_same(at: os.stat_result | None) -> bool:
                return at is not None and same is not None and os.path.samestat(at, same)

            def place(name: bytes) -> None:
                if not is_same(look(name, parent)):
                    give_name(temporary, name, parent, overwrite=overwrite)

            temporary = self._made_beside(parent, make)
            try:
                made = complete(self.attributes, temporary, parent, item) if same is None else same
                self.place(item.parts, parent, place, lambda at: is_same(at) or may_replace(at))
                self._note_made(item, made)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)

    def _made_beside(self, folder: int, make: Callable[[bytes, int], None]) -> bytes:
        while True:
            temporary = self._temporary()
            try:
                make(temporary, folder)
            except FileExistsError:
                continue
            return temporary

    def _note_made(self, item: Item, at: os.stat_result) -> None:
        if item.attributes is not None and item.attributes.hard_link is not None:
            self._identities[item.parts] = identity_of(at)

    def finish(self, item: Item) -> None:
        """Give a folder or file that is there all that is known of it; a folder after all that is in it."""
        name = self._folders.name_of(item.parts) if item.parts else b"."
        identity, owner = self._identities.get(item.parts), self._not_ours.get(item.parts)
        if owner is not None and not self.attributes.is_owner(item, owner):
            identity = None
        try:
            with self._folders.opened(item.parts[:-1]) as parent:
                finish(self.attributes, name, parent, item, identity)
        except OSError:
            self.attributes.note_unset(MODE)
            return
        self._folders.keep_mode(item.parts)

    def put_modes_back(self) -> None:
        """Give folders that were made writable, and that ``finish`` was not called for, their old modes."""
        self._folders.put_modes_back()

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
                    at = look(name, folder)
                    if at is not None and self._names.is_other(above, folder, name):
                        continue
                    if at is not None and not may_be_replaced(at, replaces, told=name == wanted):
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
            at = look(name, folder)
            if at is not None and stat.S_ISDIR(at.st_mode):
                fresh = False
                return
            if at is None:
                os.mkdir(name, mode, dir_fd=folder)
            else:
                self._replace_by_folder(name, folder, mode)

        self.place(parts, folder, make, replaces)
        return fresh

    def _replace_by_folder(self, name: bytes, folder: int, mode: int) -> None:
        """Put a folder in the place of a file, which is there until the folder is."""
        aside = self._temporary()
        made = self._made_beside(folder, lambda made, above: os.mkdir(made, mode, dir_fd=above))
        try:
            os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
            try:
                os.rename(made, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                os.rename(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
                raise
        except OSError:
            os.rmdir(made, dir_fd=folder)
            raise
        os.unlink(aside, dir_fd=folder)

    @contextmanager
    def _parent(self, parts: Parts, *, overwrite: bool) -> Generator[int]:
        """Open the folder of a name for writing, made where it is not there."""
        at = os.dup(self._root)
        try:
            for length in range(1, len(parts)):
                above = parts[:length]
                try:
                    inner = self._folders.enter(above, at)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, *NAME_REFUSED):
                        raise
                    self._make(above, at, 0o777, overwrite=overwrite)
                    inner = self._folders.enter(above, at)
                os.close(at)
                at = inner
            self._folders.make_writable(parts[:-1], at)
            yield at
        finally:
            os.close(at)
