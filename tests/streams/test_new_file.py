"""A file that is there whole or not at all, whatever the disk refuses."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.model.failures import CommandFailed
from streams.model.new_file import NewFile, make_folder


def save_new(target: Path, data: bytes) -> Path:
    make_folder(target)
    with NewFile(target, numbered=True) as new:
        new.write(data)
        return new.publish()


def _refusing(code: int) -> Callable[..., None]:
    def refuse(*_args: object, **_words: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.fixture(params=[None, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EACCES])
def _any_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param is not None:
        monkeypatch.setattr(os, "link", _refusing(request.param))


@pytest.mark.usefixtures("_any_disk")
def test_it_arrives_on_disks_without_hard_links_and_over_no_other_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    assert save_new(target, b"one") == target
    assert save_new(target, b"two") == tmp_path / "a (2).txt"
    with pytest.raises(CommandFailed, match=r"a\.txt: already exists") as refused:
        NewFile(target)
    assert refused.value.server_code == "file_exists"
    with NewFile(tmp_path / "b.txt") as new:
        new.write(b"three")
        (tmp_path / "b.txt").write_bytes(b"came meanwhile")
        with pytest.raises(CommandFailed, match=r"b\.txt: already exists"):
            new.publish()
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"a.txt": b"one", "a (2).txt": b"two", "b.txt": b"came meanwhile"}


@pytest.mark.usefixtures("_any_disk")
def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "elsewhere")
    assert save_new(tmp_path / "a.txt", b"one") == tmp_path / "a (2).txt"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("refused", [OSError(errno.EINVAL, "x"), OSError(errno.ENOSYS, "x")])
def test_a_file_system_without_fsync_gets_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: OSError
) -> None:
    monkeypatch.setattr(os, "fsync", _refusing(refused.errno or 0))
    assert save_new(tmp_path / "a.txt", b"one").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("code", "reason", "word"),
    [
        (errno.ENOSPC, "the disk is full", "disk_full"),
        (errno.EDQUOT, "the disk quota is used up", "disk_full"),
        (errno.EIO, "Input/output error", "not_written"),
        (errno.EFBIG, "takes no file of this size", "not_written"),
    ],
)
def test_what_the_disk_refuses_names_the_file_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str, word: str
) -> None:
    monkeypatch.setattr(os, "fsync", _refusing(code))
    with pytest.raises(CommandFailed, match=rf"out/a\.txt: cannot be written: .*{reason}") as refused:
        save_new(tmp_path / "out" / "a.txt", b"one")
    assert refused.value.server_code == word
    assert refused.value.hint
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_said_at_the_write_and_nothing_is_left_open(tmp_path: Path) -> None:
    with NewFile(tmp_path / "a.txt") as new:
        new.file.close()
        new.file = Path("/dev/full").open("wb")  # noqa: SIM115
        with pytest.raises(CommandFailed, match=r"a\.txt: cannot be written: the disk is full"):
            for _ in range(1000):
                new.write(b"x" * 1000)
    assert new.file.closed
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_or_vanishes_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"gone/a\.txt: cannot be written: the folder does not exist"):
        NewFile(tmp_path / "gone" / "a.txt")
    folder = tmp_path / "going"
    folder.mkdir()
    with NewFile(folder / "a.txt") as new:
        new.write(b"one")
        folder.rename(tmp_path / "gone")
        with pytest.raises(
            CommandFailed, match=r"going/a\.txt: cannot be written: the folder does not exist"
        ):
            new.publish()


def test_a_name_that_the_disk_refuses_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="the name is too long"):
        NewFile(tmp_path / ("x" * 300))
    longest = tmp_path / ("ü" * 127)
    assert save_new(longest, b"one") == longest
    assert [path.name for path in tmp_path.iterdir()] == [longest.name]


def test_what_is_left_by_an_error_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with NewFile(tmp_path / "a.txt") as new:
            new.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
