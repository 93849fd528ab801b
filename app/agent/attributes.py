"""Owners, ACLs, extended attributes and hard links of names, as far as they can be read."""

import errno
import grp
import hashlib
import os
import pwd
import stat
from collections import Counter
from collections.abc import Callable

import msgspec

from app.agent.system import file_system_id
from app.attributes import MAX_ATTRIBUTES_BYTES, NANOSECONDS, Attributes, is_kept, pack

MAX_TIME_NS = 2**63 - 1
UNKNOWN = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""This file system has no extended attributes."""
DIGEST_BYTES = 12
TOO_LARGE, UNREADABLE = "too large", "unreadable"


class AttributeReader:
    """Reads attributes for one backup; several threads may use it."""

    def __init__(self) -> None:
        self._users: dict[int, str] = {}
        self._groups: dict[int, str] = {}
        self._file_systems: dict[int, int] = {}
        self.not_kept: Counter[str] = Counter()
        """Of how many names an extended attribute is not backed up, by its name or the reason."""

    def read(
        self, file: int | bytes, at: os.stat_result, folder: int, extents: tuple[int, ...] | None = None
    ) -> Attributes:
        """Return the attributes of an open file, or of a path; ``folder`` is open and on its file system."""
        late = abs(at.st_mtime_ns) > MAX_TIME_NS
        hard_link = None
        if at.st_nlink > 1 and not stat.S_ISDIR(at.st_mode):
            hard_link = self._hard_link(at, folder)
        attributes = Attributes(
            uid=at.st_uid,
            gid=at.st_gid,
            user=_name_of(self._users, at.st_uid, lambda uid: pwd.getpwuid(uid).pw_name),
            group=_name_of(self._groups, at.st_gid, lambda gid: grp.getgrgid(gid).gr_name),
            xattrs=self._xattrs(file),
            hard_link=hard_link,
            device=at.st_rdev if stat.S_ISBLK(at.st_mode) or stat.S_ISCHR(at.st_mode) else None,
            extents=extents,
            mtime=divmod(at.st_mtime_ns, NANOSECONDS) if late else None,
        )
        if len(pack(attributes) or b"") > MAX_ATTRIBUTES_BYTES:
            self.not_kept[TOO_LARGE] += 1
            small = tuple((name, value) for name, value in attributes.xattrs if len(value) < 4096)
            attributes = msgspec.structs.replace(attributes, xattrs=small[:16])
        return attributes

    def _hard_link(self, at: os.stat_result, folder: int) -> int:
        """Return a number of a file that is the same after a restart, as that of its device need not be."""
        file_system = self._file_systems.get(at.st_dev)
        if file_system is None:
            # Without a number of its own (FUSE) by its device, so that two of them are not taken for one.
            file_system = self._file_systems[at.st_dev] = file_system_id(folder) or at.st_dev
        digest = hashlib.blake2b(b"%d %d" % (file_system, at.st_ino), digest_size=8).digest()
        return int.from_bytes(digest, "big") & MAX_TIME_NS

    def _xattrs(self, file: int | bytes) -> tuple[tuple[bytes, bytes], ...]:
        if not hasattr(os, "listxattr"):
            return ()
        found: list[tuple[bytes, bytes]] = []
        try:
            names = os.listxattr(file) if isinstance(file, int) else os.listxattr(file, follow_symlinks=False)
        except OSError as error:
            if error.errno not in UNKNOWN:
                self.not_kept[UNREADABLE] += 1
            return ()
        for name in names:
            if not is_kept(os.fsencode(name)):
                self.not_kept[name] += 1
                continue
            try:
                found.append((os.fsencode(name), _value_of(file, name)))
            except OSError as error:
                if error.errno != errno.ENODATA:
                    self.not_kept[UNREADABLE] += 1
        return tuple(sorted(found))


def _value_of(file: int | bytes, name: str) -> bytes:
    return (
        os.getxattr(file, name) if isinstance(file, int) else os.getxattr(file, name, follow_symlinks=False)
    )


def _name_of(known: dict[int, str], number: int, look_up: Callable[[int], str]) -> str:
    name = known.get(number)
    if name is None:
        try:
            name = look_up(number)
        except (KeyError, OSError):
            name = ""
        known[number] = name = name if name.isprintable() and len(name) <= 256 else ""
    return name


def digest_of(attributes: Attributes | None) -> bytes | None:
    """Return what the index keeps of attributes: it differs where they do."""
    packed = pack(attributes)
    return None if packed is None else hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()
