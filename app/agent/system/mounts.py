"""Mount points, and the identities of file systems."""

import hashlib
import os
import re
import stat
import struct
import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
OPEN_FILES = Path("/proc/self/fdinfo")
DISKS = Path("/dev/disk/by-uuid")
"""A link to each block device, by the name that its file system carries in itself."""
KERNEL_FOLDERS = ("/proc", "/sys")
ROOT_INODE = 1
ESCAPED = re.compile(rb"\\([0-7]{3})")
SEPARATOR = b"-"
"""Between the optional words of a line of ``MOUNTS`` and what is mounted."""
BOOT_BYTES = 512
BOOT_SIGNATURE = b"\x55\xaa"
EXTENDED = (0x28, 0x29)
"""Of a FAT: it has a serial number."""
OF_A_SERVER = (b"addr=", b"unc=", b"volume=", b"subtype=")
"""How those options of a mount begin that say what is mounted, and not how."""
WITHOUT_NUMBER = (b"vfat", b"msdos", b"exfat", b"ntfs", b"ntfs3", b"fuseblk")
"""File systems whose number is that of their device; their size at least is their own."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of ``MOUNTS``."""

    root: bytes
    """The folder of the file system that is mounted."""
    point: bytes
    kind: bytes
    source: bytes
    options: tuple[bytes, ...]
    """Of the file system, not of this mount of it."""


def mounts() -> dict[int, Mount]:
    """Return all mounts by their number; none where the system does not tell."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[int, Mount] = {}
    for line in lines:
        words = [ESCAPED.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), w) for w in line.split(b" ")]
        with suppress(ValueError):
            kind, source, options = (*words[words.index(SEPARATOR, 6) + 1 :], b"", b"")[:3]
            found[int(words[0])] = Mount(words[3], words[4], kind, source, tuple(options.split(b",")))
    return found


class FileSystems:
    """What the file systems of this machine are known by, as it was when this was made."""

    def __init__(self) -> None:
        self._mounts, self._names = mounts(), _disk_names()
        self._serials: dict[int, str] = {}

    @property
    def mount_points(self) -> frozenset[bytes]:
        """All folders that something is mounted on; none where the system does not tell."""
        return frozenset(mount.point for mount in self._mounts.values())

    def number(self, folder: int) -> int:
        """Return a number of the file system of an open folder; 0 where it has none but its device."""
        return file_system_id(folder)

    def name(self, folder: int) -> str:
        """Return the name that the file system of an open folder carries in itself; empty where unknown.

        Two disks of FAT, NTFS or XFS that are put into one place one after another differ by nothing else.
        """
        device = os.fstat(folder).st_dev
        if device in self._names:
            return self._names[device]
        mount = self._mount_of(folder)
        if mount is None or not mount.source.startswith(b"/"):
            return ""
        if device not in self._serials:
            self._serials[device] = _serial_on(mount.source, device)
        return self._serials[device]

    def traits(self, folder: int) -> str:
        """Return a digest of what is mounted there, as far as it is told; empty where it is not.

        Others of the same may be different ones all the same: a share of one name on a server that was set up
        anew, disks of one size.
        """
        mount = self._mount_of(folder)
        if mount is None:
            return ""
        traits = [mount.kind, mount.root, *(o for o in mount.options if o.startswith(OF_A_SERVER))]
        if mount.kind in WITHOUT_NUMBER:
            traits.append(b"%d" % _size_of(folder))
        if not mount.source.startswith(b"/dev/"):
            # A disk may be another device after each restart.
            traits.append(mount.source)
        return hashlib.blake2b(b"\0".join(traits), digest_size=8).hexdigest()

    def _mount_of(self, folder: int) -> Mount | None:
        try:
            told = (OPEN_FILES / str(folder)).read_bytes()
        except OSError:
            return None
        number = next((line.split()[1] for line in told.splitlines() if line.startswith(b"mnt_id:")), b"-1")
        return self._mounts.get(int(number))


def _disk_names() -> dict[int, str]:
    names: dict[int, str] = {}
    try:
        for link in sorted(DISKS.iterdir()):
            with suppress(OSError):
                names[link.stat().st_rdev] = link.name
    except OSError:
        return {}
    return names


def _serial_on(source: bytes, device: int) -> str:
    """Return the name of the file system on a disk, where this process may read it."""
    try:
        disk = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        at = os.fstat(disk)
        is_it = stat.S_ISBLK(at.st_mode) and at.st_rdev == device
        return serial_of(os.pread(disk, BOOT_BYTES, 0)) if is_it else ""
    except OSError:
        return ""
    finally:
        os.close(disk)


def serial_of(boot: bytes) -> str:
    """Return what the first sector of a FAT, exFAT, NTFS or XFS tells it by, written as udev does."""
    if len(boot) < BOOT_BYTES:
        return ""
    if boot.startswith(b"XFSB"):
        return str(uuid.UUID(bytes=boot[32:48]))
    if boot[510:512] != BOOT_SIGNATURE:
        return ""
    if boot[3:11] == b"NTFS    ":
        return f"{struct.unpack_from('<Q', boot, 72)[0]:016X}"
    if boot[3:11] == b"EXFAT   ":
        at = 100
    elif boot[82:87] == b"FAT32" and boot[66] in EXTENDED:
        at = 67
    elif boot[54:57] == b"FAT" and boot[38] in EXTENDED:
        at = 39
    else:
        return ""
    low, high = struct.unpack_from("<HH", boot, at)
    return f"{high:04X}-{low:04X}"


def _size_of(folder: int) -> int:
    try:
        told = os.fstatvfs(folder)
    except OSError:
        return 0
    return told.f_frsize * told.f_blocks


def file_system_id(folder: int) -> int:
    """Return a number of the file system of an open folder, apart from its device; 0 where it has none."""
    try:
        return os.fstatvfs(folder).f_fsid
    except OSError:
        return 0


@cache
def kernel_devices() -> frozenset[int]:
    """Return the devices of what the kernel shows as files."""
    found: set[int] = set()
    for folder in KERNEL_FOLDERS:
        try:
            at = Path(folder).stat()
        except OSError:
            continue
        if at.st_ino == ROOT_INODE:
            found.add(at.st_dev)
    return frozenset(found)
