"""Attributes of names on the wire and in the catalogue: bounded, checked once, and packed.

Only namespaces of extended attributes that mean the same on another machine are taken; others are refused at
the door, so that no restore ever sets what the server was not meant to keep.
"""

import struct

import msgspec

from streams.model.attributes import Attributes, content_bytes, data_ranges

ACCESS_ACL = b"system.posix_acl_access"
DEFAULT_ACL = b"system.posix_acl_default"
CAPABILITY = b"security.capability"
KEPT_NAMES = frozenset({ACCESS_ACL, DEFAULT_ACL, CAPABILITY, b"security.selinux"})
KEPT_PREFIXES = (b"user.", b"trusted.")
MAX_ATTRIBUTES_BYTES = 128 * 1024
"""Of one name, packed; Linux has values of up to 64 KiB."""
MAX_XATTR_NAME_BYTES = 255
MAX_OWNER_NAME = 256
MAX_EXTENTS = 4096
MAX_ID = 2**32 - 1
MAX_NUMBER = 2**63 - 1
MAX_SIZE = 2**53
NANOSECONDS = 10**9
_ACL_HEAD = struct.Struct("<I")
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_VERSION = 2
_ACL_GROUP, _ACL_MASK = 0x04, 0x10

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Attributes).decode


def pack(attributes: Attributes | None) -> bytes | None:
    """Return attributes as they are kept; equal ones have equal bytes."""
    return None if attributes is None else _pack(attributes)


def unpack(packed: bytes | None) -> Attributes | None:
    """Return what ``pack`` has packed; raise ``msgspec.DecodeError`` for anything else."""
    return None if packed is None else _unpack(packed)


def is_kept(name: bytes) -> bool:
    """Return whether an extended attribute of this name is backed up and restored."""
    return name in KEPT_NAMES or (
        name.startswith(KEPT_PREFIXES) and len(name) <= MAX_XATTR_NAME_BYTES and b"\0" not in name
    )


def problem_of_attributes(attributes: Attributes, size_bytes: int) -> str | None:
    """Return why attributes of a name of this size cannot be kept; None where they can."""
    numbers = ((attributes.uid, MAX_ID), (attributes.gid, MAX_ID))
    numbers += ((attributes.hard_link, MAX_NUMBER), (attributes.device, MAX_NUMBER))
    if any(number is not None and not 0 <= number <= most for number, most in numbers):
        return "a number among its attributes is impossible"
    owners = (attributes.user, attributes.group)
    if any(len(name) > MAX_OWNER_NAME or (name and not name.isprintable()) for name in owners):
        return "the name of its owner is impossible"
    names = [name for name, _ in attributes.xattrs]
    if not all(map(is_kept, names)) or names != sorted(set(names)):
        return "its extended attributes are not sorted, or of a kind that is not kept"
    if attributes.mtime is not None and not (
        -MAX_NUMBER <= attributes.mtime[0] <= MAX_NUMBER and 0 <= attributes.mtime[1] < NANOSECONDS
    ):
        return "its time is impossible"
    if attributes.extents is not None and not _are_extents(attributes.extents, size_bytes):
        return "its parts do not lie within it, one after another"
    if len(_pack(attributes)) > MAX_ATTRIBUTES_BYTES:
        return f"its attributes are larger than {MAX_ATTRIBUTES_BYTES:,} bytes"
    return None


def _are_extents(extents: tuple[int, ...], size_bytes: int) -> bool:
    if len(extents) % 2 or len(extents) > 2 * MAX_EXTENTS or size_bytes > MAX_SIZE:
        return False
    end = 0
    for offset, length in data_ranges(extents):
        if offset < end or length <= 0:
            return False
        end = offset + length
    return end <= size_bytes


def mode_without_acl(mode: int, acl: bytes) -> int:
    """Return the mode of a file that loses its ACL: the group has what its own entry and the mask allow.

    In the mode of a file with an ACL the bits of the group are the mask, which is no right of the group.
    """
    found: dict[int, int] = {}
    if len(acl) >= _ACL_HEAD.size and _ACL_HEAD.unpack_from(acl)[0] == _ACL_VERSION:
        entries = acl[_ACL_HEAD.size :]
        usable = len(entries) - len(entries) % _ACL_ENTRY.size
        found = {tag: rights for tag, rights, _ in _ACL_ENTRY.iter_unpack(entries[:usable])}
    group = found.get(_ACL_GROUP, 0) & found.get(_ACL_MASK, 0o7) & 0o7
    return (mode & ~0o070) | (group << 3 & mode & 0o070)


__all__ = [
    "ACCESS_ACL",
    "CAPABILITY",
    "DEFAULT_ACL",
    "Attributes",
    "content_bytes",
    "data_ranges",
    "is_kept",
    "mode_without_acl",
    "pack",
    "problem_of_attributes",
    "unpack",
]
