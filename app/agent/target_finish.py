"""Setting modes, owners, ACLs and times of names: of the inode that was made or compared, and of no other.

Who may write in a target can put something else under a name at any time, and would get its rights.
"""

import os
import stat

from app.agent.restore_attributes import MODE, OWNER, AttributeWriter
from app.agent.restore_plan import Item
from app.agent.system.process import own_user
from app.agent.target_file import InTheWay
from app.agent.target_look import Identity, identity_of, is_of_type


def complete(attributes: AttributeWriter, name: bytes, folder: int, item: Item) -> os.stat_result:
    """Set all of what was just made, unless something else has its name by now; return what it is."""
    file_system = attributes.file_system
    if not file_system.holds_unreadable:
        file_system.set_time_of(name, folder, item.mtime_ns)
        return file_system.stat(name, folder)
    handle = file_system.handle(name, folder)
    try:
        at, target = os.fstat(handle), file_system.by_handle(handle)
        if not is_of_type(item, at) or at.st_nlink > 1:
            raise InTheWay("something else was put in its place while it was made")
        if at.st_uid == own_user():
            attributes.apply(target, item)
            return at
        # A disk that has one owner for all, or the work of somebody else: he gets no rights of it.
        attributes.note_unset(OWNER)
        attributes.note_unset(MODE)
        attributes.set_time(target, item.mtime_ns)
        return at
    finally:
        os.close(handle)


def finish(
    attributes: AttributeWriter, name: bytes, folder: int, item: Item, identity: Identity | None
) -> None:
    """Set all of a folder or file that is known by its identity; raise ``OSError``."""
    file_system = attributes.file_system
    is_folder = stat.S_ISDIR(item.type)
    handle = file_system.pass_through(name, folder) if is_folder else file_system.handle(name, folder)
    try:
        at = os.fstat(handle)
        target = file_system.by_handle(handle)
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
