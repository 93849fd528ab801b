"""Giving restored names their owners, modes, attributes and times, as far as this disk and this user can."""

import errno
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from app.agent.file_system import FileSystem, Target
from app.agent.restore_plan import Item
from app.agent.system.posix import POSIX
from app.agent.system.process import group_id, own_user, user_id
from app.wire.attributes import (
    ACCESS_ACL,
    CAPABILITY,
    DEFAULT_ACL,
    Attributes,
    mode_without_acl,
)
from streams.model.vocabulary import EntryKind

ACLS = (ACCESS_ACL, DEFAULT_ACL)
NO_ATTRIBUTES = Attributes()
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
NONE_THERE = (errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
OWNER, MODE, TIME, ACL, CAPABILITIES, XATTR, HARD_LINK = (
    "owner", "mode", "time", "ACL", "capabilities", "extended attributes", "hard link",
)  # fmt: skip

T = TypeVar("T")


class AttributeWriter:
    """Sets all that is known of a name besides its content; what cannot be set is counted."""

    def __init__(self, file_system: FileSystem = POSIX, *, numeric_owner: bool = False) -> None:
        self.file_system = file_system
        self._numeric_owner = numeric_owner
        self._lock = threading.Lock()
        self._uids: dict[str, int | None] = {}
        self._gids: dict[str, int | None] = {}
        self.unset: Counter[str] = Counter()
        """Of how many names something could not be set."""
        self.stripped_bits = 0
        """Files that lost set-user-id or set-group-id, as their owner or group could not be set."""

    def note_unset(self, what: str) -> None:
        """Count something that could not be set."""
        with self._lock:
            self.unset[what] += 1

    def apply(self, target: Target, item: Item) -> None:
        """Set all of an open file or folder, or of what has a handle."""
        attributes = item.attributes or NO_ATTRIBUTES
        owned = self._set_owner(target, attributes)
        xattrs = dict(attributes.xattrs)
        # Before the mode: a file that its owner may not write takes no more of them.
        for name, value in xattrs.items():
            if name not in ACLS:
                self._set_xattr(target, name, value, owned=owned)
        if item.kind is not EntryKind.LINK:
            self._set_mode(target, item, xattrs, owned=owned)
        self.set_time(target, item.mtime_ns)

    def set_time(self, target: Target, mtime_ns: int) -> None:
        """Set the time of the last change."""
        self._try(TIME, lambda: self.file_system.set_time(target, mtime_ns))

    def _set_owner(self, target: Target, attributes: Attributes) -> tuple[bool, bool]:
        """Set owner and group; return of each whether it is the one of the backup now."""
        if (owner := self._owner_of(attributes)) is None:
            return False, False
        owned = self._owned(target, *owner)
        if not all(owned):
            # The group alone may be one of ours.
            for wanted in (owner, (-1, owner[1])):
                with suppress(OSError):
                    self.file_system.set_owner(target, *wanted)
                    break
            # Some file systems (NTFS, SMB) take any owner and keep none.
            owned = self._owned(target, *owner)
        if not all(owned):
            self.note_unset(OWNER)
        return owned

    def _owner_of(self, attributes: Attributes) -> tuple[int, int] | None:
        if attributes.uid is None or attributes.gid is None:
            return None
        uid = self._id(self._uids, attributes.user, attributes.uid, user_id)
        gid = self._id(self._gids, attributes.group, attributes.gid, group_id)
        return uid, gid

    def is_owner(self, item: Item, uid: int) -> bool:
        """Return whether an item is to belong to this user."""
        owner = self._owner_of(item.attributes or NO_ATTRIBUTES)
        return owner is not None and owner[0] == uid

    def lends_nothing_new(self, item: Item, at: os.stat_result, name: bytes, folder: int) -> bool:
        """Return whether a file that is there may be made the item.

        Who owns it may have it open for writing: it is given to no other owner, and set-user-id and the like
        are for our own files that nobody else may write, or for those that have them.
        """
        attributes = item.attributes or NO_ATTRIBUTES
        ours = at.st_uid == own_user()
        if not ours and attributes.uid is not None and not self.is_owner(item, at.st_uid):
            return False
        bits = item.mode & (stat.S_ISUID | stat.S_ISGID)
        lent = dict(attributes.xattrs).get(CAPABILITY)
        if (not bits and lent is None) or (ours and not at.st_mode & WRITABLE_BY_OTHERS):
            return True
        has_bits = (at.st_uid, at.st_gid) == self._owner_of(attributes) and at.st_mode & bits == bits
        return has_bits and (lent is None or lent == self._capability_of(name, folder, at))

    def _id(
        self, known: dict[str, int | None], name: str, number: int, look_up: Callable[[str], int | None]
    ) -> int:
        if self._numeric_owner or not name:
            return number
        if name not in known:
            known[name] = look_up(name)
        found = known[name]
        return number if found is None else found

    def _set_xattr(self, target: Target, name: bytes, value: bytes, *, owned: tuple[bool, bool]) -> None:
        if name == CAPABILITY:
            # It lends rights to who may run the file: never to another owner's.
            if not all(owned):
                self.note_unset(CAPABILITIES)
                return
            what = CAPABILITIES
        else:
            what = ACL if name in ACLS else XATTR
        self._try(what, lambda: self.file_system.set_xattr(target, name, value))

    def _set_mode(
        self, target: Target, item: Item, xattrs: dict[bytes, bytes], *, owned: tuple[bool, bool]
    ) -> None:
        for name in ACLS[: 2 if item.kind is EntryKind.FOLDER else 1]:
            if name not in xattrs:
                self._remove_inherited(target, name)
        mode = item.mode & 0o7777
        if item.kind is not EntryKind.FOLDER:
            lent = (0 if owned[0] else stat.S_ISUID) | (0 if owned[1] else stat.S_ISGID)
            if mode & lent:
                mode &= ~lent
                with self._lock:
                    self.stripped_bits += 1
        acl = xattrs.get(ACCESS_ACL)
        plain = mode if acl is None else mode_without_acl(mode, acl)
        self._try(MODE, lambda: self._set_mode_bits(target, plain))
        for name in ACLS:
            if name in xattrs:
                self._set_xattr(target, name, xattrs[name], owned=owned)

    def _remove_inherited(self, target: Target, name: bytes) -> None:
        """Remove an ACL that came from the folder above; one that stays is counted: nobody backed it up."""
        try:
            self.file_system.remove_xattr(target, name)
        except OSError as error:
            if error.errno not in NONE_THERE and self._may_have(target, name):
                self.note_unset(ACL)

    def _try(self, what: str, change: Callable[[], None]) -> None:
        try:
            change()
        except (OSError, OverflowError):
            self.note_unset(what)

    def _owned(self, target: Target, uid: int, gid: int) -> tuple[bool, bool]:
        try:
            at = self.file_system.stat_of(target)
        except OSError:
            return False, False
        return at.st_uid == uid, at.st_gid == gid

    def _set_mode_bits(self, target: Target, mode: int) -> None:
        """Set a mode; raise ``OSError`` also where the file system takes it and keeps another one."""
        self.file_system.set_mode(target, mode)
        if stat.S_IMODE(self.file_system.stat_of(target).st_mode) != mode:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    def _may_have(self, target: Target, name: bytes) -> bool:
        """Return whether there may be an extended attribute: also where that cannot be found out."""
        try:
            self.file_system.xattr(target, name)
        except OSError as error:
            return error.errno not in NONE_THERE
        return True

    def _capability_of(self, name: bytes, folder: int, at: os.stat_result) -> bytes | None:
        try:
            file = self.file_system.open_file(name, folder)
            try:
                same = os.path.samestat(at, os.fstat(file))
                return self.file_system.xattr(file, CAPABILITY) if same else None
            finally:
                os.close(file)
        except OSError:
            return None
