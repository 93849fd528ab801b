"""Finding out what lies in a target folder, and whether it is an item of a restore already."""

import hashlib
import os
import stat

import psutil

from app.agent.file_system import FileSystem
from app.agent.portable_names import is_portable
from app.agent.restore_plan import Item
from app.agent.sparse import Placement, has_only_holes_between
from app.agent.system.open_file import device_number
from app.agent.target_names import refuses_name

HASH_BYTES = 1024 * 1024
Identity = tuple[int, int]
"""Device and inode: the same name may be another file a moment later."""


def identity_of(at: os.stat_result) -> Identity:
    """Return what a file is known by, whatever name it has."""
    return at.st_dev, at.st_ino


def look(file_system: FileSystem, name: bytes, folder: int) -> os.stat_result | None:
    """Return what a name stands for, without following links; None for nothing."""
    try:
        return file_system.stat(name, folder)
    except FileNotFoundError:
        return None


def is_item(file_system: FileSystem, item: Item, name: bytes, at: os.stat_result, folder: int) -> bool:
    """Return whether ``name`` is the item as it is to be restored; reads a file whose size agrees."""
    if not is_of_type(item, at):
        return False
    if stat.S_ISLNK(at.st_mode):
        return file_system.read_link(name, folder) == item.target
    if not stat.S_ISREG(at.st_mode):
        return True
    if at.st_size != item.size:
        return False
    file = file_system.open_file(name, folder)
    try:
        return (
            os.path.samestat(at, os.fstat(file))
            and has_only_holes_between(file, item.extents, item.size)
            and _hash_of(file, item) == item.sha256
        )
    finally:
        os.close(file)


def is_of_type(item: Item, at: os.stat_result) -> bool:
    """Return whether this is of the type of the item, a device the same one."""
    if stat.S_IFMT(at.st_mode) != item.type:
        return False
    number = device_number(at)
    return number is None or number == item.device


def is_refused(file_system: FileSystem, name: bytes, folder: int) -> bool:
    """Return whether this file system cannot have a name that is not there; only odd ones are tried."""
    if is_portable(name):
        return False
    try:
        os.close(file_system.create(name, folder))
    except OSError as error:
        return refuses_name(error, name)
    file_system.remove(name, folder)
    return False


def written_by_another(pid: int) -> bool:
    """Return whether another process of this number runs; what has ours was left by one that is gone."""
    return pid != os.getpid() and psutil.pid_exists(pid)


def _hash_of(file: int, item: Item) -> str:
    digest, placed, at = hashlib.sha256(), Placement(item.extents), 0
    while data := placed.read(file, at, HASH_BYTES):
        digest.update(data)
        at += len(data)
    return digest.hexdigest()
