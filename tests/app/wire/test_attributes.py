import struct

import msgspec
import pytest

from app.wire.attributes import (
    ACCESS_ACL,
    MAX_ATTRIBUTES_BYTES,
    MAX_EXTENTS,
    Attributes,
    content_bytes,
    mode_without_acl,
    pack,
    problem_of_attributes,
    unpack,
)
from app.wire.http import AgentEntry, Entries, encode
from streams.model.vocabulary import EntryKind


def acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


FULL = Attributes(
    uid=1000, gid=2**32 - 1, user="ann", group="Domänen-Benutzer",
    xattrs=((b"system.posix_acl_access", acl((1, 6, 0))), (b"user.x", b"\0\xff" * 30_000)),
    hard_link=2**63 - 1, device=259, extents=(0, 10, 4096, 7), mtime=(-(2**40), 999_999_999),
)  # fmt: skip


def test_attributes_survive_packing_and_the_wire() -> None:
    assert problem_of_attributes(FULL, 5000) is None
    assert unpack(pack(FULL)) == FULL
    assert pack(unpack(pack(FULL))) == pack(FULL)
    assert msgspec.json.decode(encode(FULL), type=Attributes) == FULL
    assert (pack(None), unpack(None)) == (None, None)
    with pytest.raises(msgspec.DecodeError):
        unpack(b"\xc1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"uid": -1},
        {"gid": 2**32},
        {"hard_link": 2**63},
        {"device": -1},
        {"user": "x" * 257},
        {"group": "line\nbreak"},
        {"xattrs": ((b"security.ima", b""),)},
        {"xattrs": ((b"system.nfs4_acl", b""),)},
        {"xattrs": ((b"user." + b"x" * 255, b""),)},
        {"xattrs": ((b"user.a\0b", b""),)},
        {"xattrs": ((b"user.b", b""), (b"user.a", b""))},
        {"xattrs": ((b"user.a", b""), (b"user.a", b""))},
        {"xattrs": ((b"user.a", b"x" * MAX_ATTRIBUTES_BYTES),)},
        {"extents": (0,)},
        {"extents": (0, 0)},
        {"extents": (-1, 5)},
        {"extents": (10, 5, 12, 5)},
        {"extents": (4990, 11)},
        {"extents": tuple(range(0, 4 * MAX_EXTENTS, 2))},
        {"mtime": (0, 10**9)},
        {"mtime": (2**63, 0)},
    ],
)
def test_what_no_restore_could_set_is_refused_at_the_door(wrong: dict[str, object]) -> None:
    attributes = msgspec.structs.replace(Attributes(), **wrong)
    assert problem_of_attributes(attributes, 5000) is not None
    entry = AgentEntry(
        raw_path=b"/f", kind=EntryKind.FILE, size_bytes=5000, mtime_ns=0, mode=0o644, sha256="0" * 64,
        attributes=attributes,
    )  # fmt: skip
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(msgspec.json.encode({"entries": [entry]}), type=Entries)


@pytest.mark.parametrize(
    ("kind", "mode", "attributes", "good"),
    [
        (EntryKind.SPECIAL, 0o010644, None, True),
        (EntryKind.SPECIAL, 0o140755, Attributes(uid=1), True),
        (EntryKind.SPECIAL, 0o020600, Attributes(device=259), True),
        (EntryKind.SPECIAL, 0o020600, None, False),
        (EntryKind.SPECIAL, 0o010600, Attributes(device=259), False),
        (EntryKind.SPECIAL, 0o644, None, False),
        (EntryKind.SPECIAL, 0o100644, None, False),
        (EntryKind.FILE, 0o060755, None, False),
        (EntryKind.FOLDER, 0o755, Attributes(device=1), False),
        (EntryKind.FOLDER, 0o755, Attributes(extents=()), False),
    ],
)
def test_a_special_file_has_a_type_and_a_device_a_number(
    kind: EntryKind, mode: int, attributes: Attributes | None, good: bool
) -> None:
    entry = AgentEntry(raw_path=b"/f", kind=kind, size_bytes=0, mtime_ns=0, mode=mode, attributes=attributes)
    if kind is EntryKind.FILE:
        entry = msgspec.structs.replace(entry, sha256="0" * 64)
    if good:
        assert Entries(entries=(entry,)).entries == (entry,)
    else:
        with pytest.raises(ValueError, match="cannot be kept"):
            Entries(entries=(entry,))


@pytest.mark.parametrize("told", [0, 1, 2**40])
def test_the_size_of_a_link_is_that_of_its_target_whatever_is_told(told: int) -> None:
    entry = AgentEntry(
        raw_path=b"/l", kind=EntryKind.LINK, size_bytes=told, mtime_ns=0, mode=0o120777, link_target=b"there"
    )
    (kept,) = Entries(entries=(msgspec.json.decode(msgspec.json.encode(entry), type=AgentEntry),)).entries
    assert kept.size_bytes == 5


def test_a_link_to_nothing_is_refused() -> None:
    entry = AgentEntry(
        raw_path=b"/l", kind=EntryKind.LINK, size_bytes=0, mtime_ns=0, mode=0o120777, link_target=b""
    )
    with pytest.raises(ValueError, match="its target is empty"):
        Entries(entries=(entry,))


def test_the_content_of_a_sparse_file_is_what_its_parts_hold() -> None:
    assert content_bytes(5000, None) == content_bytes(5000, Attributes()) == 5000
    assert content_bytes(5000, Attributes(extents=())) == 0
    assert content_bytes(5000, FULL) == 17


@pytest.mark.parametrize(
    ("mode", "entries", "without"),
    [
        # user::rw- user:1234:rw- group::r-- mask::rw- other::---: the group bits of the mode are the mask.
        (0o660, [(1, 6, 0), (2, 6, 1234), (4, 4, 0), (16, 6, 0), (32, 0, 0)], 0o640),
        (0o670, [(1, 6, 0), (2, 7, 1), (4, 0, 0), (16, 7, 0), (32, 0, 0)], 0o600),
        # The mask allows less than the group's entry.
        (0o640, [(1, 6, 0), (2, 6, 1), (4, 6, 0), (16, 4, 0), (32, 0, 0)], 0o640),
        (0o2755, [(1, 7, 0), (4, 5, 0), (32, 5, 0)], 0o2755),
    ],
)
def test_the_mask_of_an_acl_is_no_right_of_the_group(
    mode: int, entries: list[tuple[int, int, int]], without: int
) -> None:
    assert mode_without_acl(mode, acl(*entries)) == without


@pytest.mark.parametrize("broken", [b"", b"\2\0\0\0", b"\1\0\0\0" + b"x" * 8, b"\2\0\0\0\4\0"])
def test_an_acl_that_is_none_gives_the_group_nothing(broken: bytes) -> None:
    assert mode_without_acl(0o664, broken) == 0o604
    assert ACCESS_ACL == b"system.posix_acl_access"
