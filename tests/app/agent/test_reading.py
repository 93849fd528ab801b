import errno
import fcntl
import hashlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.agent import reading
from app.agent.folders import Folders
from app.agent.found import Found
from app.agent.reading import FileFailed, FileGone, FileReader, opened
from app.agent.sparse import Placement
from app.agent.system.posix import PosixFileSystem


def found(path: Path) -> Found:
    at = os.lstat(path)
    return Found(os.fsencode(path), at.st_mode, at.st_size, at.st_mtime_ns, at.st_ino, at.st_ctime_ns, None)


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    content = FileReader().small(Folders(), found(path), 100, 3)
    assert content is not None
    assert (content.data, content.still) == (b"content", True)
    assert content.sha256 == hashlib.sha256(b"content").hexdigest()
    assert FileReader().small(Folders(), found(path), 3, 3) is None


def test_a_large_file_is_hashed_without_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "f"
    data = bytes(range(256)) * 10_000
    path.write_bytes(data)
    content = FileReader().hash(Folders(), found(path))
    assert (content.sha256, content.size, content.data) == (hashlib.sha256(data).hexdigest(), len(data), None)


def test_what_is_no_file_any_more_is_gone_and_a_pipe_does_not_hold_us(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    was = found(path)
    path.unlink()
    with pytest.raises(FileGone):
        FileReader().small(Folders(), was, 10, 0)
    os.mkfifo(path)
    with pytest.raises(FileGone):
        FileReader().hash(Folders(), was)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(FileFailed), opened(Folders(), was.path):
        pass


@pytest.mark.parametrize("error", [errno.ENOENT, errno.ENXIO, errno.ENODEV])
def test_a_file_that_is_there_and_is_not_found_when_it_is_opened_has_failed(
    tmp_path: Path, error: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")

    class Failing(PosixFileSystem):
        def open_leased(self, *_: object) -> int:
            raise OSError(error, os.strerror(error))

    with pytest.raises(FileFailed):
        FileReader().small(Folders(file_system=Failing()), found(path), 10, 0)


def test_a_file_that_changes_is_read_again_and_then_called_inconsistent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0")
    read = reading.read_up_to
    changes = iter((b"11", b"222"))

    def read_and_change(placed: Placement, file: int, size: int, at: int = 0) -> bytes:
        data = read(placed, file, size, at)
        change = next(changes, None)
        if change is not None:
            path.write_bytes(change)
        return data

    monkeypatch.setattr(reading, "read_up_to", read_and_change)
    content = FileReader().small(Folders(), found(path), 100, 3)
    assert content is not None
    assert (content.data, content.still) == (b"222", True)
    changes = iter((b"1", b"22", b"333", b"4444", b"55555"))
    content = FileReader().small(Folders(), found(path), 100, 3)
    assert content is not None
    assert not content.still
    assert content.sha256 == hashlib.sha256(content.data or b"").hexdigest()


def test_a_copy_is_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"ab" * 1_000_000)
    content = FileReader().copy(Folders(), found(path), tmp_path / "copy")
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).hexdigest() == content.sha256
    assert not content.still


def test_a_folder_above_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"ours")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "f").write_bytes(b"secret")
    was = found(tmp_path / "d" / "f")
    (tmp_path / "d").rename(tmp_path / "away")
    (tmp_path / "d").symlink_to(tmp_path / "secret")
    for read in (
        lambda: FileReader().small(Folders(), was, 100, 0),
        lambda: FileReader().hash(Folders(), was),
    ):
        with pytest.raises(FileFailed, match="replaced by a link"):
            read()


def test_a_folder_that_was_replaced_by_another_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "f").write_bytes(b"old")
    with Folders() as folders:
        assert FileReader().small(folders, found(folder / "f"), 100, 0) is not None
        folder.rename(tmp_path / "away")
        (tmp_path / "away" / "f").unlink()
        folder.mkdir()
        (folder / "f").write_bytes(b"new")
        content = FileReader().small(folders, found(folder / "f"), 100, 0)
    assert content is not None
    assert content.data == b"new"


def test_a_leased_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"content")
    holder = os.open(path, os.O_RDWR)
    # The main thread gives the lease up when it is asked to, while another one waits in the kernel.
    handler = signal.signal(signal.SIGIO, lambda *_: fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_UNLCK))
    try:
        fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(FileReader().small, Folders(), found(path), 100, 0)
            content = reading.result()
    finally:
        os.close(holder)
        signal.signal(signal.SIGIO, handler)
    assert content is not None
    assert content.data == b"content"


@pytest.mark.parametrize("said", [0, 2, 4096])
def test_a_file_that_holds_more_or_less_than_it_says_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"four")
    fstat = os.fstat

    def lying(file: int) -> os.stat_result:
        at = fstat(file)
        more = {name: getattr(at, name) for name in dir(at) if name.startswith("st_")}
        return os.stat_result([*at[:6], said, *at[7:10]], {**more, "st_blocks": said})

    monkeypatch.setattr(os, "fstat", lying)
    content = FileReader().small(Folders(), found(path), 100_000, 0)
    assert content is not None
    assert (content.data, content.size, content.still, content.honest) == (b"four", 4, True, False)
    if said < 4:
        with pytest.raises(FileFailed, match="longer than it says"):
            FileReader().small(Folders(), found(path), 3, 0)
