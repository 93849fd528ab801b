"""Owners, ACLs, extended attributes and hard links of names, as far as they can be read."""

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable

import msgspec

from app.agent.file_system import FileSystem
from app.agent.system.mounts import file_system_id
from app.agent.system.open_file import device_number
from app.agent.system.posix import POSIX
from app.agent.system.process import group_name, user_name
from app.wire.attributes import MAX_ATTRIBUTES_BYTES, NANOSECONDS, Attributes, is_kept, pack

MAX_TIME_NS = 2**63 - 1
UNKNOWN = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""This file system has no extended attributes."""
DIGEST_BYTES = 12
TOO_LARGE, UNREADABLE = "too large", "unreadable"


class AttributeReader:
    """Reads attributes for one backup; several threads may use it."""

    def __init__(self, file_system: FileSystem = POSIX) -> None:
        self._file_system = file_system
        self._users: dict[int, str] = {}
        self._groups: dict[int, str] = {}
        self._file_systems: dict[int, int] = {}
        self.not_kept: Counter[str] = Counter()
        """Of how many names an extended attribute is not backed up, by its name or the reason."""

    def read(self, file: int, at: os.stat_result, extents: tuple[int, ...] | None = None) -> Attributes:
        """Return the attributes of an open file."""
        system = self._file_system
        xattrs = self._xattrs(lambda: system.xattrs(file), lambda name: system.xattr(file, name))
        return self._attributes(at, file, xattrs, extents)

    def read_name(self, name: bytes, at: os.stat_result, folder: int) -> Attributes:
        """Return the attributes of what has a name in an open folder and is not opened itself."""
        system = self._file_system
        xattrs = self._xattrs(
            lambda: system.xattrs_of(name, folder), lambda each: system.xattr_of(name, folder, each)
        )
        return self._attributes(at, folder, xattrs, None)

    def _attributes(
        self,
        at: os.stat_result,
        beside: int,
        xattrs: tuple[tuple[bytes, bytes], ...],
        extents: tuple[int, ...] | None,
    ) -> Attributes:
        """Return attributes; ``beside`` is open and on the same file system."""
        late = abs(at.st_mtime_ns) > MAX_TIME_NS
        hard_link = None
        if at.st_nlink > 1 and not stat.S_ISDIR(at.st_mode):
            hard_link = self._hard_link(at, beside)
        attributes = Attributes(
            uid=at.st_uid,
            gid=at.st_gid,
            user=_name_of(self._users, at.st_uid, user_name),
            group=_name_of(self._groups, at.st_gid, group_name),
            xattrs=xattrs,
            hard_link=hard_link,
            device=device_number(at),
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

    def _xattrs(
        self, names_of: Callable[[], list[bytes]], value_of: Callable[[bytes], bytes]
    ) -> tuple[tuple[bytes, bytes], ...]:
        found: list[tuple[bytes, bytes]] = []
        try:
            names = names_of()
        except OSError as error:
            if error.errno not in UNKNOWN:
                self.not_kept[UNREADABLE] += 1
            return ()
        for name in names:
            if not is_kept(name):
                self.not_kept[os.fsdecode(name)] += 1
                continue
            try:
                found.append((name, value_of(name)))
            except OSError as error:
                if error.errno != errno.ENODATA:
                    self.not_kept[UNREADABLE] += 1
        return tuple(sorted(found))


def _name_of(known: dict[int, str], number: int, look_up: Callable[[int], str | None]) -> str:
    name = known.get(number)
    if name is None:
        name = look_up(number) or ""
        known[number] = name = name if name.isprintable() and len(name) <= 256 else ""
    return name


def digest_of(attributes: Attributes | None) -> bytes | None:
    """Return what the index keeps of attributes: it differs where they do."""
    packed = pack(attributes)
    return None if packed is None else hashlib.blake2b(packed, digest_size=DIGEST_BYTES).digest()
