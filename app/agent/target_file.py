"""A file that is being restored: written under a name of its own, and complete when it gets its final one."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from app.agent.file_system import FileSystem
from app.agent.restore_attributes import AttributeWriter
from app.agent.restore_plan import Item, Parts
from app.agent.sparse import Placement

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)
Replaces = Callable[[os.stat_result], bool]
"""Tells whether what is there may be replaced; may raise ``InTheWay``."""
Place = Callable[[Parts, int, Callable[[bytes], None], Replaces], bytes]
"""Makes something under its name in an open folder, or under another one; see ``NamePlacer.place``."""


class InTheWay(Exception):
    """Something lies where a name is to be restored."""


def replaces_file(*, overwrite: bool) -> Callable[[os.stat_result], bool]:
    """Return what tells whether a file or a link may take the place of what is there."""

    def replaces(at: os.stat_result) -> bool:
        if not overwrite:
            raise InTheWay("something of this name is there by now")
        return not stat.S_ISDIR(at.st_mode)

    return replaces


def may_be_replaced(at: os.stat_result, replaces: Replaces, *, told: bool) -> bool:
    """Return whether what is there may be replaced; ``told`` raises ``InTheWay``."""
    try:
        return replaces(at)
    except InTheWay:
        if told:
            raise
        return False


def give_name(
    file_system: FileSystem, temporary: bytes, name: bytes, folder: int, *, overwrite: bool
) -> None:
    """Give what was made under a temporary name its own one.

    Raise ``FileExistsError`` where something is there that is not to be replaced, as far as the disk has
    hard links: to look first and to rename then would replace what came in between.
    """
    if not overwrite:
        try:
            file_system.link(temporary, folder, name, folder)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
        else:
            file_system.remove(temporary, folder)
            return
    file_system.rename(temporary, name, folder)


class NewFile:
    """A file that is being written under a name of its own; nothing has its final name until ``keep``."""

    def __init__(
        self,
        attributes: AttributeWriter,
        place: Place,
        on_kept: Callable[[Item, os.stat_result], None],
        *,
        folder: int,
        temporary: bytes,
        file: int,
        extents: tuple[int, ...] | None,
    ) -> None:
        self._file_system = attributes.file_system
        self._attributes, self._place, self._placement = attributes, place, Placement(extents)
        self._on_kept = on_kept
        self._folder, self._temporary, self._file = folder, temporary, file
        self._written = 0

    def write(self, data: bytes) -> None:
        """Append ``data`` to what has come; in a sparse file each part goes to its place."""
        self._placement.write(self._file, self._written, data)
        self._written += len(data)

    def keep(self, item: Item, *, overwrite: bool) -> None:
        """Give the file all that is known of it, and its name; raise ``InTheWay``."""
        if item.extents is not None:
            os.ftruncate(self._file, item.size)
        self._attributes.apply(self._file, item)

        def rename(name: bytes) -> None:
            give_name(self._file_system, self._temporary, name, self._folder, overwrite=overwrite)

        self._place(item.parts, self._folder, rename, replaces_file(overwrite=overwrite))
        self._temporary = b""
        self._on_kept(item, os.fstat(self._file))

    def close(self) -> None:
        """Remove the file unless it was kept."""
        os.close(self._file)
        if self._temporary:
            with suppress(FileNotFoundError):
                self._file_system.remove(self._temporary, self._folder)
        os.close(self._folder)
