"""Mount points are found, and file systems told apart."""

import os
import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from app.agent.system import mounts
from app.agent.system.mounts import FileSystems, serial_of

MOUNTED = (
    b"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    rb"22 21 0:5 / /mnt/with\040blank\134and\011tab rw shared:1 - tmpfs tmpfs rw" + b"\n"
    b"23 21 8:1 /srv/full /srv/caf\xc3\xa9 rw - ext4 /dev/sda1 rw\nbroken\n"
)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that tells what is mounted; an open folder is on the mount of number 22."""
    written = tmp_path / "mountinfo"
    monkeypatch.setattr(mounts, "MOUNTS", written)
    monkeypatch.setattr(mounts, "DISKS", tmp_path / "disks")
    monkeypatch.setattr(mounts, "OPEN_FILES", tmp_path / "files")
    (tmp_path / "files").mkdir()
    return written


def traits(mounted: Path, line: str) -> str:
    """Return what an open folder is known by where this is mounted there."""
    mounted.write_text(f"22 21 {line}\n")
    folder = os.open(mounted.parent, os.O_RDONLY)
    try:
        (mounted.parent / "files" / str(folder)).write_text("pos:\t0\nmnt_id:\t22\n")
        return FileSystems().traits(folder)
    finally:
        os.close(folder)


def test_mount_points_are_read_as_the_kernel_writes_them(mounted: Path) -> None:
    assert FileSystems().mount_points == frozenset()
    mounted.write_bytes(MOUNTED)
    expected = {b"/", b"/mnt/with blank\\and\ttab", "/srv/café".encode()}
    assert FileSystems().mount_points == expected


def test_disks_are_known_by_the_names_of_their_file_systems(
    mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.open("/dev", os.O_RDONLY)
    try:
        assert FileSystems().name(folder) == ""
        (tmp_path / "disks").mkdir()
        (tmp_path / "disks" / "1234-ABCD").symlink_to("/dev/null")
        (tmp_path / "disks" / "away").symlink_to("/dev/of-no-disk")
        null, fstat = os.stat("/dev/null").st_rdev, os.fstat
        on_it = os.stat_result((*fstat(folder)[:2], null, *fstat(folder)[3:]))
        monkeypatch.setattr(os, "fstat", lambda _: on_it)
        assert FileSystems().name(folder) == "1234-ABCD"
    finally:
        os.close(folder)


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("0:60 / /m rw - nfs4 nas:/a rw,addr=10.0.0.1", "0:61 / /m ro - nfs4 nas:/a ro,addr=10.0.0.1", True),
        ("0:60 / /m rw - nfs4 nas:/a rw,addr=10.0.0.1", "0:60 / /m rw - nfs4 nas:/b rw,addr=10.0.0.1", False),
        ("0:60 / /m rw - nfs4 nas:/a rw,addr=10.0.0.1", "0:60 / /m rw - nfs4 nas:/a rw,addr=10.0.0.2", False),
        (
            "0:60 / /m rw - cifs //nas/a rw,unc=\\\\nas\\a",
            "0:60 / /m rw - cifs //nas/b rw,unc=\\\\nas\\b",
            False,
        ),
        ("0:60 / /m rw - fuse.sshfs me@host:/a rw", "0:60 / /m rw - fuse.sshfs me@host:/b rw", False),
        ("0:60 / /m rw - fuse.sshfs disk rw", "0:60 / /m rw - fuse.rclone disk rw", False),
        ("0:60 / /m rw - fuse.x disk rw", "0:60 / /m rw,noatime - fuse.x disk rw,user_id=7", True),
        ("8:1 /a /m rw - ext4 /dev/sda1 rw", "8:1 /b /m rw - ext4 /dev/sda1 rw", False),
        ("8:1 /a /m rw - ext4 /dev/sda1 rw", "8:17 /a /m rw - ext4 /dev/sdb1 rw", True),
    ],
)
def test_mounts_are_told_apart_by_what_is_mounted(mounted: Path, before: str, now: str, same: bool) -> None:
    assert (traits(mounted, before) == traits(mounted, now)) is same


def test_disks_without_a_number_are_told_apart_by_their_size(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "8:1 / /m rw - vfat /dev/sda1 rw"
    monkeypatch.setattr(mounts, "_size_of", lambda _: 1)
    before = traits(mounted, line)
    assert traits(mounted, line) == before
    monkeypatch.setattr(mounts, "_size_of", lambda _: 2)
    assert traits(mounted, line) != before


def sector(start: bytes, at: int, value: bytes, *more: tuple[int, bytes]) -> bytes:
    boot = bytearray(512)
    boot[: len(start)] = start
    for offset, part in ((510, b"\x55\xaa"), (at, value), *more):
        boot[offset : offset + len(part)] = part
    return bytes(boot)


SERIAL = struct.pack("<I", 0x1234ABCD)
XFS = uuid.UUID("6b1a7c1e-3f0c-4f2e-9a41-1f2f3f4f5f6f")


@pytest.mark.parametrize(
    ("boot", "name"),
    [
        (sector(b"", 67, SERIAL, (66, b"\x29"), (82, b"FAT32   ")), "1234-ABCD"),
        (sector(b"", 39, SERIAL, (38, b"\x29"), (54, b"FAT16   ")), "1234-ABCD"),
        (sector(b"\xeb\x76\x90EXFAT   ", 100, SERIAL), "1234-ABCD"),
        (sector(b"\xeb\x52\x90NTFS    ", 72, struct.pack("<Q", 0x1A2B3C4D5E6F7081)), "1A2B3C4D5E6F7081"),
        (sector(b"XFSB", 32, XFS.bytes), str(XFS)),
        (sector(b"", 39, SERIAL, (54, b"FAT16   ")), ""),
        (sector(b"anything", 0, b""), ""),
        (bytes(512), ""),
        (b"short", ""),
    ],
)
def test_the_first_sector_of_a_disk_names_it(boot: bytes, name: str) -> None:
    assert serial_of(boot) == name


@pytest.mark.integration
@pytest.mark.needs("mkfs.vfat")
@pytest.mark.parametrize(
    ("make", "given", "name"),
    [
        (("mkfs.vfat", "-F", "32", "-i", "1234abcd"), 64 << 20, "1234-ABCD"),
        (("mkfs.vfat", "-F", "16", "-i", "1234abcd"), 16 << 20, "1234-ABCD"),
    ],
)
def test_what_the_tools_write_is_read(tmp_path: Path, make: tuple[str, ...], given: int, name: str) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(given)
    subprocess.run([*make, image], check=True, capture_output=True)
    assert serial_of(image.read_bytes()[:512]) == name
