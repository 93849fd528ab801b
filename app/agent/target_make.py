"""Making folders, links and special files in a target.

Each is made under a name of its own, whole, before it takes the place of what may be replaced; what stands in
the way is renamed beside it, and removed when the new one is there.
"""

import errno
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import count

from app.agent.restore_attributes import HARD_LINK, AttributeWriter
from app.agent.restore_plan import Item, Parts
from app.agent.target_file import NO_HARD_LINKS, InTheWay, give_name, replaces_file
from app.agent.target_finish import complete
from app.agent.target_folders import TargetFolders
from app.agent.target_look import Identity, identity_of, look
from app.agent.target_names import NAME_REFUSED
from app.agent.target_place import NamePlacer


class TargetMaker:
    """Makes what has no content; several threads may use it."""

    def __init__(
        self,
        folders: TargetFolders,
        placer: NamePlacer,
        attributes: AttributeWriter,
        identities: dict[Parts, Identity],
    ) -> None:
        self._folders, self._placer, self._attributes = folders, placer, attributes
        self._file_system = attributes.file_system
        self._identities = identities
        self._numbers = count()

    def temporary(self) -> bytes:
        """Return a name for what is not whole yet."""
        return b".tidewatch-%d-%d.part" % (os.getpid(), next(self._numbers))

    def note_made(self, item: Item, at: os.stat_result) -> None:
        """Note what a name stands for that others are to become further names of."""
        if item.attributes is not None and item.attributes.hard_link is not None:
            self._identities[item.parts] = identity_of(at)

    def symlink(self, item: Item, *, overwrite: bool) -> None:
        """Make a symbolic link; raise ``InTheWay``."""
        target = item.target or b""
        make_symlink = self._file_system.make_symlink
        self._make_beside(item, lambda name, folder: make_symlink(target, name, folder), overwrite)

    def special(self, item: Item, *, overwrite: bool) -> None:
        """Make a pipe, a socket or, where the system lets us, a device; raise ``InTheWay``."""
        mode, make_special = item.type | 0o600, self._file_system.make_special
        self._make_beside(item, lambda name, folder: make_special(name, folder, mode, item.device), overwrite)

    def hard_link(self, first: Item, item: Item, *, overwrite: bool) -> bool:
        """Make an item another name of one that is there; return False where this disk has no such thing."""
        with self._folders.opened(first.parts[:-1]) as there:
            name_there = self._folders.name_of(first.parts)
            at = look(self._file_system, name_there, there)
            if at is None or identity_of(at) != self._identities.get(first.parts):
                self._attributes.note_unset(HARD_LINK)
                return False

            def make(name: bytes, folder: int) -> None:
                self._file_system.link(name_there, there, name, folder)
                if not os.path.samestat(at, self._file_system.stat(name, folder)):
                    self._file_system.remove(name, folder)
                    raise InTheWay("something else was put in the place of its first name")

            try:
                self._make_beside(item, make, overwrite, same=at)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                self._attributes.note_unset(HARD_LINK)
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
        with self.parent(item.parts, overwrite=overwrite) as parent:
            may_replace = replaces_file(overwrite=overwrite)

            def is_same(at: os.stat_result | None) -> bool:
                return at is not None and same is not None and os.path.samestat(at, same)

            def place(name: bytes) -> None:
                if not is_same(look(self._file_system, name, parent)):
                    give_name(self._file_system, temporary, name, parent, overwrite=overwrite)

            temporary = self._made_beside(parent, make)
            try:
                made = complete(self._attributes, temporary, parent, item) if same is None else same
                self._placer.place(item.parts, parent, place, lambda at: is_same(at) or may_replace(at))
                self.note_made(item, made)
            finally:
                with suppress(FileNotFoundError):
                    self._file_system.remove(temporary, parent)

    def _made_beside(self, folder: int, make: Callable[[bytes, int], None]) -> bytes:
        while True:
            temporary = self.temporary()
            try:
                make(temporary, folder)
            except FileExistsError:
                continue
            except OSError:
                # A disk may have made half of what it refuses: exFAT by FUSE leaves a file for a pipe.
                with suppress(OSError):
                    self._file_system.remove(temporary, folder)
                raise
            return temporary

    def folder(self, parts: Parts, above: int, mode: int, *, overwrite: bool) -> bool:
        """Make one folder in the open one above it; return False for one that is there already."""
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
            at = look(self._file_system, name, above)
            if at is not None and stat.S_ISDIR(at.st_mode):
                fresh = False
                return
            if at is None:
                self._file_system.make_folder(name, above, mode)
            else:
                self._replace_by_folder(name, above, mode)

        self._placer.place(parts, above, make, replaces)
        return fresh

    def _replace_by_folder(self, name: bytes, folder: int, mode: int) -> None:
        """Put a folder in the place of a file, which is there until the folder is."""
        aside, system = self.temporary(), self._file_system
        made = self._made_beside(folder, lambda made, above: system.make_folder(made, above, mode))
        try:
            system.rename(name, aside, folder)
            try:
                system.rename(made, name, folder)
            except OSError:
                system.rename(aside, name, folder)
                raise
        except OSError:
            system.remove_folder(made, folder)
            raise
        system.remove(aside, folder)

    @contextmanager
    def parent(self, parts: Parts, *, overwrite: bool) -> Generator[int]:
        """Open the folder of a name for writing, made where it is not there."""
        at = os.dup(self._folders.root)
        try:
            for length in range(1, len(parts)):
                above = parts[:length]
                try:
                    inner = self._folders.enter(above, at)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, *NAME_REFUSED):
                        raise
                    self.folder(above, at, 0o777, overwrite=overwrite)
                    inner = self._folders.enter(above, at)
                os.close(at)
                at = inner
            self._folders.make_writable(parts[:-1], at)
            yield at
        finally:
            os.close(at)
