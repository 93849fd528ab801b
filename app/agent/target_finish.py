"""Setting modes, owners, ACLs and times of names: of the inode that was made or compared, and of no other.

Who may write in a target can put something else under a name at any time, and would get its rights.
"""

import os
import stat

from app.agent.restore_attributes import MODE, OWNER, AttributeWriter
from app.agent.restore_plan import Item
from app.agent.system import PASS_THROUGH, own_user
from app.agent.target_file import InTheWay
from app.agent.target_look import Identity, identity_of, is_of_type

HANDLE = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC


def complete(attributes: AttributeWriter, name: bytes, folder: int, item: Item) -> os.stat_result:
    """Set all of what was just made, unless something else has its name by now; return what it is."""
    handle = os.open(name, HANDLE, dir_fd=folder) if hasattr(os, "O_PATH") else None
    if handle is None:
        os.utime(name, ns=(item.mtime_ns, item.mtime_ns), dir_fd=folder, follow_symlinks=False)
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    try:
        at, path = os.fstat(handle), f"/proc/self/fd/{handle}"
        if not is_of_type(item, at) or at.st_nlink > 1:
            raise InTheWay("something else was put in its place while it was made")
        if at.st_uid == own_user():
            attributes.apply(path, item)
            return at
        # A disk that has one owner for all, or the work of somebody else: he gets no rights of it.
        attributes.note_unset(OWNER)
        attributes.note_unset(MODE)
        attributes.set_time(path, item.mtime_ns)
        return at
    finally:
        os.close(handle)


def finish(
    attributes: AttributeWriter, name: bytes, folder: int, item: Item, identity: Identity | None
) -> None:
    """Set all of a folder or file that is known by its identity; raise ``OSError``."""
    handle = os.open(name, PASS_THROUGH if stat.S_ISDIR(item.type) else HANDLE, dir_fd=folder)
    try:
        at = os.fstat(handle)
        target = f"/proc/self/fd/{handle}" if hasattr(os, "O_PATH") else handle
        if not is_of_type(item, at):
            attributes.note_unset(MODE)
        elif identity == identity_of(at):
            attributes.apply(target, item)
        else:
            # Something else, or a disk whose inodes have no lasting numbers, such as FAT.
            attributes.note_unset(MODE)
            if at.st_uid == own_user():
                attributes.set_time(target, item.mtime_ns)
    finally:
        os.close(handle)
