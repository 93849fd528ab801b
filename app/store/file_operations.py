"""The system calls of the store in one place, so that a test can let them fail as a disk does. Blocking."""

import errno
import os
from pathlib import Path

from app.runtime.durable import sync_folder

Inode = tuple[int, int]
"""Device and number of a file: which file it is, whatever its name."""


class FileOperations:
    """Opens, reads, writes, syncs, renames and removes; every failure is an OSError."""

    def open(self, path: Path, flags: int) -> int:
        """Return a descriptor of a file; what is created only its owner can read."""
        return os.open(path, flags | os.O_CLOEXEC, 0o600)

    def read(self, descriptor: int, count: int, at: int) -> bytes:
        """Return ``count`` bytes from ``at`` on; fewer only where the file ends."""
        content = os.pread(descriptor, count, at)
        if len(content) == count or not content:
            return content
        parts = [content]
        missing = count - len(content)
        while missing and (part := os.pread(descriptor, missing, at + count - missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def write(self, descriptor: int, content: bytes, at: int) -> None:
        """Write all of ``content`` at ``at``."""
        view = memoryview(content)
        while view:
            written = os.pwrite(descriptor, view, at)
            if not written:
                raise OSError(errno.EIO, "nothing was written")
            view = view[written:]
            at += written

    def sync(self, descriptor: int) -> None:
        """Wait until a file, or the names in a folder, are on the disk.

        After a failure a second call proves nothing: the kernel may call clean what it could not write.
        """
        os.fsync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file to ``size`` bytes."""
        os.ftruncate(descriptor, size)

    def move(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of what has it."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()

    def stat(self, path: Path) -> os.stat_result:
        """Return what is known of a name, without following a link."""
        return path.lstat()

    def make_folder(self, path: Path) -> None:
        """Make a folder that only its owner can enter."""
        path.mkdir(0o700)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        sync_folder(folder, self.sync)


def inode_of(found: os.stat_result) -> Inode:
    """Return which file ``found`` is about."""
    return found.st_dev, found.st_ino
