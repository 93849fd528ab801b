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
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from app.agent.file_system import FileSystem
from app.agent.names import reason_of
from app.agent.restore_attributes import MODE, AttributeWriter
from app.agent.restore_plan import MARKER, Item, Parts
from app.agent.system.posix import POSIX
from app.agent.system.process import is_held
from app.agent.target_file import NewFile
from app.agent.target_finish import finish
from app.agent.target_folders import TargetFolders
from app.agent.target_look import Identity, identity_of, written_by_another
from app.agent.target_make import TargetMaker
from app.agent.target_names import NAME_REFUSED
from app.agent.target_note import TargetNote
from app.agent.target_place import NamePlacer
from streams.model.failures import ConfigRejected

UNFINISHED = re.compile(rb"\.tidewatch-([1-9]\d{0,8})-\d+\.part")
"""What a file is called until it is whole, with the number of the process that writes it."""


class TargetTree:
    """The folder to restore into; every call blocks and belongs in a thread."""

    def __init__(self, root: Path, *, numeric_owner: bool = False, file_system: FileSystem = POSIX) -> None:
        self.path = root
        self._file_system = file_system
        self.attributes = AttributeWriter(file_system, numeric_owner=numeric_owner)
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
        self._placer = NamePlacer(file_system, self.renamed)
        self._maker = TargetMaker(self._folders, self._placer, self.attributes, self._identities)
        self._note = TargetNote(file_system, self._root, "")

    def close(self) -> None:
        """Let go of the folder."""
        self._folders.close()

    def is_empty(self) -> bool:
        """Return whether nothing is in the folder yet."""
        with self._file_system.entries(self._root) as listing:
            return next(listing, None) is None

    def begin(self, origin: str) -> bool:
        """Take hold of the folder; return whether a restore of the same origin was cut here."""
        if is_held(self._root):
            raise ConfigRejected(
                f"--to {self.path}: another restore is writing there.",
                hint="Wait until it has ended, or give another folder.",
            )
        self._folders.make_writable((), self._root)
        self._note = TargetNote(self._file_system, self._root, origin)
        try:
            goes_on = self._note.read()
            if not self._note.found:
                self._note.write([()] if self.created else [], self._maker.temporary())
            self._placer.made_by_us((MARKER,), self._root)
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
            self._note.write(folders, self._maker.temporary())
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
            return self._file_system.is_read_only(self._root)
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
                at = self._file_system.stat(self._folders.name_of(item.parts), parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            return error.errno not in NAME_REFUSED
        return not (stat.S_ISDIR(at.st_mode) and stat.S_ISDIR(item.type))

    def present(self, item: Item, *, overwrite: bool = False) -> bool:
        """Return whether an item is there already with its content, under its name or one given instead.

        What is to be overwritten is made anew where somebody else could change it afterwards.
        """
        try:
            with self._folders.opened(item.parts[:-1]) as parent:
                found = self._placer.find(item, parent)
                if found is None:
                    return False
                name, at = found
                if overwrite and not self._may_finish(item, at, name, parent):
                    return False
                self._identities[item.parts] = identity_of(at)
                self._placer.keep(item.parts, parent, name)
        except OSError:
            return False
        return True

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
        with self._maker.parent(parts, overwrite=overwrite) as parent:
            fresh = self._maker.folder(parts, parent, 0o700, overwrite=overwrite)
            handle = self._file_system.pass_through(self._folders.name_of(parts), parent)
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
        with self._folders.opened(parts) as folder:
            for name in self._file_system.names(folder):
                left = UNFINISHED.fullmatch(name)
                if left is None or written_by_another(int(left[1])) or (*parts, name) in keep:
                    continue
                self._folders.make_writable(parts, folder)
                with suppress(OSError):  # Of somebody else, or no longer there: it stays, and costs nothing.
                    if stat.S_ISDIR(self._file_system.stat(name, folder).st_mode):
                        self._file_system.remove_folder(name, folder)
                    else:
                        self._file_system.remove(name, folder)

    def new_file(self, parts: Parts, *, overwrite: bool, extents: tuple[int, ...] | None = None) -> NewFile:
        """Open a new file for ``parts``; it must be closed."""
        with self._maker.parent(parts, overwrite=overwrite) as parent:
            while True:
                name = self._maker.temporary()
                try:
                    file = self._file_system.create(name, parent)
                except FileExistsError:
                    continue
                return NewFile(
                    self.attributes,
                    self._placer.place,
                    self._maker.note_made,
                    folder=os.dup(parent),
                    temporary=name,
                    file=file,
                    extents=extents,
                )

    def make_link(self, item: Item, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        self._maker.symlink(item, overwrite=overwrite)

    def make_special(self, item: Item, *, overwrite: bool) -> None:
        """Make a pipe, a socket or, where the system lets us, a device; raise ``InTheWay``."""
        self._maker.special(item, overwrite=overwrite)

    def make_hard_link(self, first: Item, item: Item, *, overwrite: bool) -> bool:
        """Make an item another name of one that is there; return False where this disk has no such thing."""
        return self._maker.hard_link(first, item, overwrite=overwrite)

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
