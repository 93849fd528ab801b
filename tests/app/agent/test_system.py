"""What the agent asks of the operating system stands in one module."""

import os
import re
from pathlib import Path

import pytest

from app.agent import system

AGENT = Path(system.__file__).parent
OF_THE_SYSTEM = re.compile(
    r"^import (?:fcntl|resource|pwd|grp)\b|add_signal_handler|mountinfo|geteuid", re.MULTILINE
)
OF_ATTRIBUTES = {"restore_attributes.py", "attributes.py"}


def test_locks_signals_users_and_mounts_are_asked_for_in_one_module() -> None:
    others = [
        path for path in AGENT.glob("*.py") if path.name != "system.py" and path.name not in OF_ATTRIBUTES
    ]
    assert len(others) > 30
    assert [path.name for path in others if OF_THE_SYSTEM.search(path.read_text())] == []


def test_mount_points_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "mountinfo"
    written.write_bytes(
        b"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        rb"22 21 0:5 / /mnt/with\040blank\134and\011tab rw shared:1 - tmpfs tmpfs rw" + b"\n"
        b"23 21 8:1 /srv/full /srv/caf\xc3\xa9 rw - ext4 /dev/sda1 rw\nbroken\n"
    )
    monkeypatch.setattr(system, "MOUNTS", written)
    expected = {b"/", b"/mnt/with blank\\and\ttab", "/srv/café".encode()}
    assert system.mount_points() == expected
    monkeypatch.setattr(system, "MOUNTS", tmp_path / "none")
    assert system.mount_points() == frozenset()


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert system.hold(first)
    assert not system.hold(second)
    os.close(first)
    assert system.hold(second)
    os.close(second)


def test_disks_are_known_by_the_names_of_their_file_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "DISKS", tmp_path / "none")
    assert system.disk_names() == {}
    monkeypatch.setattr(system, "DISKS", tmp_path)
    (tmp_path / "1234-ABCD").symlink_to("/dev/null")
    (tmp_path / "away").symlink_to("/dev/of-no-disk")
    assert system.disk_names() == {os.stat("/dev/null").st_rdev: "1234-ABCD"}
