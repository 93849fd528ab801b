"""Locks and users."""

import os
from pathlib import Path

from app.agent.system import process


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert process.hold(first)
    assert not process.hold(second)
    os.close(first)
    assert process.hold(second)
    os.close(second)


def test_users_and_groups_are_found_by_number_and_by_name() -> None:
    assert (process.user_name(0), process.user_id("root"), process.group_name(0)) == ("root", 0, "root")
    assert process.group_id("root") == 0
    assert process.user_name(2**31 - 7) is None is process.group_name(2**31 - 7)
    assert process.user_id("no such user") is None is process.group_id("no\0group")
