"""The port through which backup and restore use a file system.

Every call goes from an open folder to a name in it and follows no link, or to what is open already: a path
that is looked up as a whole can be led elsewhere by whoever may write on the way. All raise ``OSError``.
"""

import os
from pathlib import Path
from typing import Protocol

Target = int | str
"""Something open: a descriptor, or a path that stands for a handle and leads nowhere else."""


class FileSystem(Protocol):
    """Names in open folders, and what is known of them."""

    holds_unreadable: bool
    """Whether ``handle`` opens what this process may not read, and links."""

    # Opening.

    def open_top(self, path: Path) -> int:
        """Open a folder by its path, following links, to list it and to reach what is in it."""
        ...

    def top_handle(self, path: Path) -> int:
        """Open a folder by its path, following links, to reach what is in it or to set its mode."""
        ...

    def open_folder(self, name: bytes, folder: int) -> int:
        """Open a folder to list it; its access time stays where the system allows that."""
        ...

    def pass_through(self, name: bytes, folder: int | None) -> int:
        """Open a folder, or the root, to reach what is in it; it need not be readable."""
        ...

    def open_file(self, name: bytes, folder: int) -> int:
        """Open a file to read it, waiting for no pipe; its access time stays where the system allows that."""
        ...

    def open_leased(self, name: bytes, folder: int) -> int:
        """Open a file as ``open_file`` does, and wait for who has a lease on it."""
        ...

    def create(self, name: bytes, folder: int) -> int:
        """Make a file that nobody else may read and open it for writing; nothing of its name may be there."""
        ...

    def handle(self, name: bytes, folder: int) -> int:
        """Open whatever has this name, not to read it but to set what is known of it."""
        ...

    def by_handle(self, handle: int) -> Target:
        """Return what the calls below take for a handle."""
        ...

    # Names.

    def names(self, folder: int) -> list[bytes]:
        """Return the names in an open folder."""
        ...

    def entries(self, folder: int) -> "os._ScandirIterator[str]":
        """Return the names in an open folder one by one, with what the system tells of each."""
        ...

    def stat(self, name: bytes, folder: int) -> os.stat_result:
        """Return what a name stands for."""
        ...

    def read_link(self, name: bytes, folder: int) -> bytes:
        """Return the target of a symbolic link."""
        ...

    def make_folder(self, name: bytes, folder: int, mode: int) -> None:
        """Make a folder."""
        ...

    def make_symlink(self, target: bytes, name: bytes, folder: int) -> None:
        """Make a symbolic link."""
        ...

    def make_special(self, name: bytes, folder: int, mode: int, device: int) -> None:
        """Make a pipe, a socket or a device; the mode holds which."""
        ...

    def link(self, name: bytes, folder: int, new: bytes, new_folder: int) -> None:
        """Give a file another name; fails where that is taken."""
        ...

    def rename(self, name: bytes, new: bytes, folder: int) -> None:
        """Give something another name in the same folder, in the place of what has it."""
        ...

    def remove(self, name: bytes, folder: int) -> None:
        """Remove a name that is no folder."""
        ...

    def remove_folder(self, name: bytes, folder: int) -> None:
        """Remove an empty folder."""
        ...

    # What is known of something.

    def is_read_only(self, folder: int) -> bool:
        """Return whether the file system of an open folder takes no change."""
        ...

    def stat_of(self, target: Target) -> os.stat_result:
        """Return what is known of something open."""
        ...

    def set_mode(self, target: Target, mode: int) -> None:
        """Set the permission bits; the file system may keep others."""
        ...

    def set_owner(self, target: Target, uid: int, gid: int) -> None:
        """Set owner and group; -1 leaves one as it is."""
        ...

    def set_time(self, target: Target, mtime_ns: int) -> None:
        """Set the time of the last change."""
        ...

    def set_time_of(self, name: bytes, folder: int, mtime_ns: int) -> None:
        """Set the time of the last change of what has a name."""
        ...

    def xattrs(self, target: Target) -> list[bytes]:
        """Return the names of the extended attributes; none where the system has no such thing."""
        ...

    def xattrs_of(self, name: bytes, folder: int) -> list[bytes]:
        """Return the names of the extended attributes of what has a name."""
        ...

    def xattr(self, target: Target, attribute: bytes) -> bytes:
        """Return the value of an extended attribute."""
        ...

    def xattr_of(self, name: bytes, folder: int, attribute: bytes) -> bytes:
        """Return the value of an extended attribute of what has a name."""
        ...

    def set_xattr(self, target: Target, attribute: bytes, value: bytes) -> None:
        """Set an extended attribute."""
        ...

    def remove_xattr(self, target: Target, attribute: bytes) -> None:
        """Remove an extended attribute."""
        ...
