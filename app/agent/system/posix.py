"""Files as Linux has them, and macOS as far as it does."""

import errno
import os
import stat
from pathlib import Path

from app.agent.file_system import FileSystem, Target

HAS_PATH_HANDLES = hasattr(os, "O_PATH")
HAS_XATTRS = hasattr(os, "listxattr")
NAMED = os.O_NOFOLLOW | os.O_CLOEXEC
LIST = os.O_RDONLY | os.O_DIRECTORY | NAMED
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | NAMED
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NAMED
# Linux can open a folder that may only be passed through, not listed; elsewhere it has to be readable.
PASS_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | NAMED
HANDLE = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | NAMED
NO_ACCESS_TIME = getattr(os, "O_NOATIME", 0)


class PosixFileSystem:
    """Implements ``FileSystem`` for this machine."""

    holds_unreadable = HAS_PATH_HANDLES

    def open_top(self, path: Path) -> int:
        return os.open(path, LIST & ~os.O_NOFOLLOW)

    def top_handle(self, path: Path) -> int:
        return os.open(path, PASS_THROUGH & ~os.O_NOFOLLOW)

    def open_folder(self, name: bytes, folder: int) -> int:
        return self._open_quietly(name, LIST, folder)

    def pass_through(self, name: bytes, folder: int | None) -> int:
        return os.open(name, PASS_THROUGH, dir_fd=folder)

    def open_file(self, name: bytes, folder: int) -> int:
        return self._open_quietly(name, READ, folder)

    def open_leased(self, name: bytes, folder: int) -> int:
        # The kernel asks the holder to give it up, and takes it away after 45 s (`fs.lease-break-time`).
        try:
            return self._open_quietly(name, READ, folder)
        except BlockingIOError:
            if not HAS_PATH_HANDLES:
                raise
        handle = os.open(name, HANDLE, dir_fd=folder)
        try:
            # Only a file has leases: what waits here is no pipe.
            flags = READ if not stat.S_ISREG(os.fstat(handle).st_mode) else READ & ~os.O_NONBLOCK
            return self._open_quietly(b"/proc/self/fd/%d" % handle, flags & ~os.O_NOFOLLOW, folder)
        finally:
            os.close(handle)

    @staticmethod
    def _open_quietly(name: bytes, flags: int, folder: int) -> int:
        try:
            return os.open(name, flags | NO_ACCESS_TIME, dir_fd=folder)
        except PermissionError:
            return os.open(name, flags, dir_fd=folder)

    def create(self, name: bytes, folder: int) -> int:
        return os.open(name, NEW_FILE, 0o600, dir_fd=folder)

    def handle(self, name: bytes, folder: int) -> int:
        return os.open(name, HANDLE, dir_fd=folder)

    def by_handle(self, handle: int) -> Target:
        return f"/proc/self/fd/{handle}" if HAS_PATH_HANDLES else handle

    def names(self, folder: int) -> list[bytes]:
        return [os.fsencode(name) for name in os.listdir(folder)]

    def entries(self, folder: int) -> "os._ScandirIterator[str]":
        return os.scandir(folder)

    def stat(self, name: bytes, folder: int) -> os.stat_result:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def read_link(self, name: bytes, folder: int) -> bytes:
        return os.readlink(name, dir_fd=folder)

    def make_folder(self, name: bytes, folder: int, mode: int) -> None:
        os.mkdir(name, mode, dir_fd=folder)

    def make_symlink(self, target: bytes, name: bytes, folder: int) -> None:
        os.symlink(target, name, dir_fd=folder)

    def make_special(self, name: bytes, folder: int, mode: int, device: int) -> None:
        os.mknod(name, mode, device, dir_fd=folder)

    def link(self, name: bytes, folder: int, new: bytes, new_folder: int) -> None:
        os.link(name, new, src_dir_fd=folder, dst_dir_fd=new_folder, follow_symlinks=False)

    def rename(self, name: bytes, new: bytes, folder: int) -> None:
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: bytes, folder: int) -> None:
        os.unlink(name, dir_fd=folder)

    def remove_folder(self, name: bytes, folder: int) -> None:
        os.rmdir(name, dir_fd=folder)

    def is_read_only(self, folder: int) -> bool:
        return bool(os.fstatvfs(folder).f_flag & os.ST_RDONLY)

    def stat_of(self, target: Target) -> os.stat_result:
        return os.stat(target)

    def set_mode(self, target: Target, mode: int) -> None:
        os.chmod(target, mode)

    def set_owner(self, target: Target, uid: int, gid: int) -> None:
        os.chown(target, uid, gid)

    def set_time(self, target: Target, mtime_ns: int) -> None:
        os.utime(target, ns=(mtime_ns, mtime_ns))

    def set_time_of(self, name: bytes, folder: int, mtime_ns: int) -> None:
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)

    def xattrs(self, target: Target) -> list[bytes]:
        return [os.fsencode(name) for name in os.listxattr(target)] if HAS_XATTRS else []

    def xattrs_of(self, name: bytes, folder: int) -> list[bytes]:
        if not HAS_XATTRS:
            return []
        found = os.listxattr(_path_of(name, folder), follow_symlinks=False)
        return [os.fsencode(attribute) for attribute in found]

    def xattr(self, target: Target, attribute: bytes) -> bytes:
        return os.getxattr(target, attribute) if HAS_XATTRS else _no_xattrs()

    def xattr_of(self, name: bytes, folder: int, attribute: bytes) -> bytes:
        if not HAS_XATTRS:
            return _no_xattrs()
        return os.getxattr(_path_of(name, folder), attribute, follow_symlinks=False)

    def set_xattr(self, target: Target, attribute: bytes, value: bytes) -> None:
        os.setxattr(target, attribute, value) if HAS_XATTRS else _no_xattrs()

    def remove_xattr(self, target: Target, attribute: bytes) -> None:
        os.removexattr(target, attribute) if HAS_XATTRS else _no_xattrs()


def _path_of(name: bytes, folder: int) -> bytes:
    """Return a path that begins at an open folder: the kernel has no such call with a descriptor."""
    return b"/proc/self/fd/%d/%b" % (folder, name)


def _no_xattrs() -> bytes:
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


POSIX: FileSystem = PosixFileSystem()
