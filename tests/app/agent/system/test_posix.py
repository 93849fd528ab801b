"""Names in open folders, and what is known of them."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agent.system.posix import POSIX


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "in").mkdir()
    opened = os.open(tmp_path / "in", os.O_RDONLY)
    yield opened
    os.close(opened)


def test_what_is_made_is_found_and_never_through_a_link(folder: int, tmp_path: Path) -> None:
    file = POSIX.create(b"f", folder)
    os.write(file, b"x")
    os.close(file)
    POSIX.make_folder(b"d", folder, 0o700)
    POSIX.make_symlink(os.fsencode(tmp_path / "in" / "f"), b"l", folder)
    POSIX.make_special(b"p", folder, stat.S_IFIFO | 0o600, 0)
    POSIX.link(b"f", folder, b"g", folder)
    assert sorted(POSIX.names(folder)) == [b"d", b"f", b"g", b"l", b"p"]
    assert stat.S_ISLNK(POSIX.stat(b"l", folder).st_mode)
    assert POSIX.read_link(b"l", folder) == os.fsencode(tmp_path / "in" / "f")
    for refused in (POSIX.open_file, POSIX.open_folder, POSIX.pass_through):
        with pytest.raises(OSError) as raised:
            os.close(refused(b"l", folder))
        assert raised.value.errno in (errno.ELOOP, errno.ENOTDIR)
    with pytest.raises(FileExistsError):
        POSIX.create(b"f", folder)
    with pytest.raises(FileExistsError):
        POSIX.link(b"f", folder, b"l", folder)
    POSIX.rename(b"g", b"l", folder)
    POSIX.remove(b"l", folder)
    POSIX.remove_folder(b"d", folder)
    assert sorted(POSIX.names(folder)) == [b"f", b"p"]


def test_a_handle_sets_what_is_known_of_a_link_and_not_of_what_it_leads_to(
    folder: int, tmp_path: Path
) -> None:
    os.close(POSIX.create(b"f", folder))
    before = POSIX.stat(b"f", folder)
    POSIX.make_symlink(b"f", b"l", folder)
    handle = POSIX.handle(b"l", folder)
    try:
        POSIX.set_time(POSIX.by_handle(handle), 10**18)
    finally:
        os.close(handle)
    assert POSIX.stat(b"l", folder).st_mtime_ns == 10**18
    assert POSIX.stat(b"f", folder).st_mtime_ns == before.st_mtime_ns


def test_a_pipe_is_opened_without_waiting_for_who_writes(folder: int) -> None:
    POSIX.make_special(b"p", folder, stat.S_IFIFO | 0o600, 0)
    os.close(POSIX.open_file(b"p", folder))
    os.close(POSIX.open_leased(b"p", folder))
