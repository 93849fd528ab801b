"""Names that a disk takes for each other: by case, by Unicode form, by a dot or blank that it drops.

A name that is found although the listing of its folder does not have it is another one's: that holds on every
file system, whatever its rules are.
"""

import errno
import os
from collections import OrderedDict

from app.agent.file_system import FileSystem
from app.agent.portable_names import is_portable
from app.agent.restore_plan import Parts

NAME_REFUSED = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG)
"""A name that this file system cannot have."""
CASE, FORM, DROPPED = "case", "form", "dropped"
MAX_LISTED = 64
"""Folders whose names are kept in memory."""


def refuses_name(error: OSError, name: bytes) -> bool:
    """Return whether what could not be made in an open folder has a name that its file system cannot have.

    SMB shares, and exFAT by FUSE, say of a name with a character like ``:`` that its folder is not there.
    """
    return error.errno in NAME_REFUSED or (error.errno == errno.ENOENT and not is_portable(name))


class TargetNames:
    """What names stand for in the folders of a target; for one thread at a time."""

    def __init__(self, file_system: FileSystem) -> None:
        self._file_system = file_system
        self._listed: OrderedDict[Parts, set[bytes]] = OrderedDict()
        self._given: dict[Parts, dict[bytes, bytes]] = {}
        """In each folder, the names that were given and what has them is called."""
        self._exact: set[tuple[int, str]] = set()
        """Devices that list names of a kind as they were given."""
        self._lowers = False
        """This disk lists all names in small letters: what is called so may be anybody's."""

    def given(self, above: Parts, wanted: bytes, name: bytes) -> bool:
        """Return whether this name was given to another item than the one that is called ``wanted``."""
        given = self._given.get(above, {})
        known = given.get(name, given.get(name.lower(), wanted) if self._lowers else wanted)
        return known != wanted

    def give(self, above: Parts, wanted: bytes, name: bytes) -> None:
        """Note that an item has this name, where it is called otherwise."""
        if self._lowers:
            self._given.setdefault(above, {})[name.lower()] = wanted
        elif wanted != name:
            self._given.setdefault(above, {})[name] = wanted

    def listed(self, above: Parts, folder: int, name: bytes) -> bytes:
        """Return what the listing of its folder calls a name that is there and no other one's."""
        return name if name in self._names(above, folder) else name.lower()

    def is_other(self, above: Parts, folder: int, name: bytes) -> bool:
        """Return whether a name that can be found is only another one's, as this disk compares them."""
        if name in self._names(above, folder):
            return False
        self._listed.pop(above)
        names = self._names(above, folder)
        return name not in names and not (self._lowers and name.lower() in names)

    def made(self, above: Parts, folder: int, name: bytes) -> bytes:
        """Return what a name that was just made is called in the listing of its folder."""
        if above in self._listed:
            self._listed[above].add(name)
        kinds = _kinds_of(name)
        if not kinds:
            return name
        device = os.fstat(folder).st_dev
        if all((device, kind) in self._exact for kind in kinds):
            return name
        self._listed.pop(above, None)
        names = self._names(above, folder)
        if name in names:
            self._exact.update((device, kind) for kind in kinds if kind != DROPPED)
            return name
        if name.lower() in names:
            self._lowers = True
            return name.lower()
        stat = self._file_system.stat
        at = stat(name, folder)
        return next((each for each in names if os.path.samestat(at, stat(each, folder))), name)

    def _names(self, above: Parts, folder: int) -> set[bytes]:
        names = self._listed.get(above)
        if names is None:
            names = set(self._file_system.names(folder))
            self._listed[above] = names
            if len(self._listed) > MAX_LISTED:
                self._listed.popitem(last=False)
        else:
            self._listed.move_to_end(above)
        return names


def _kinds_of(name: bytes) -> list[str]:
    """Return what a file system may change in a name."""
    kinds: list[str] = []
    if not name.isascii():
        kinds.append(FORM)
    if name != name.lower():
        kinds.append(CASE)
    if name.endswith((b".", b" ")):
        kinds.append(DROPPED)
    return kinds
