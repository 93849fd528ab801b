import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.agent.restore_tree import InTheWay, TargetTree
from streams.failures import ConfigRejected


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TargetTree]:
    opened = TargetTree(tmp_path / "to")
    yield opened
    opened.close()


def put(tree: TargetTree, parts: tuple[bytes, ...], data: bytes = b"x", *, overwrite: bool = False) -> None:
    file = tree.new_file(parts, overwrite=overwrite)
    try:
        file.write(data)
        file.keep(0o640, 10**18, overwrite=overwrite)
    finally:
        file.close()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_to_elsewhere_is_not_walked_through(tree: TargetTree, tmp_path: Path, overwrite: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "to" / "link").symlink_to(outside)
    if overwrite:
        put(tree, (b"link", b"file"), overwrite=True)
        assert not (tmp_path / "to" / "link").is_symlink()
    else:
        with pytest.raises(InTheWay):
            put(tree, (b"link", b"file"))
    with pytest.raises((OSError, InTheWay)):
        tree.make_link((b"link", b"x", b"y", b".."), b"t", 0, overwrite=False)
    assert list(outside.iterdir()) == []


def test_a_link_of_the_same_name_is_replaced_and_not_followed(tree: TargetTree, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "to" / "name").symlink_to(victim)
    with pytest.raises(InTheWay):
        put(tree, (b"name",), b"new")
    put(tree, (b"name",), b"new", overwrite=True)
    assert victim.read_text() == "untouched"
    assert (tmp_path / "to" / "name").read_bytes() == b"new"
    assert os.listdir(tmp_path / "to") == ["name"]


def test_what_a_killed_restore_left_is_cleared_away(
    tree: TargetTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != 4242)
    folder = tmp_path / "to" / "a"
    folder.mkdir()
    kept = [".tidewatch-4243-1.part", ".tidewatch-x-1.part", ".tidewatch-1.part", "file.part"]
    for name in (".tidewatch-4242-7.part", f".tidewatch-{os.getpid()}-7.part", *kept):
        (folder / name).write_text("half")
    tree.clear_leftovers((b"a",))
    assert sorted(os.listdir(folder)) == sorted(kept)


def test_what_was_not_kept_leaves_nothing(tree: TargetTree, tmp_path: Path) -> None:
    file = tree.new_file((b"a", b"b"), overwrite=False)
    file.write(b"half")
    assert len(os.listdir(tmp_path / "to" / "a")) == 1
    file.close()
    assert os.listdir(tmp_path / "to" / "a") == []


def test_modes_and_times_are_kept_without_lending_rights(tree: TargetTree, tmp_path: Path) -> None:
    file = tree.new_file((b"f",), overwrite=False)
    file.keep(0o6755, 10**18 + 7, overwrite=False)
    file.close()
    at = (tmp_path / "to" / "f").stat()
    assert (stat.S_IMODE(at.st_mode), at.st_mtime_ns) == (0o755, 10**18 + 7)
    assert tree.make_folder((b"d",), overwrite=False)
    assert not tree.make_folder((b"d",), overwrite=False)
    tree.finish_folder((b"d",), 0o1511, 5)
    at = (tmp_path / "to" / "d").stat()
    assert (stat.S_IMODE(at.st_mode), at.st_mtime_ns) == (0o1511, 5)


def test_what_stands_in_the_way(tree: TargetTree, tmp_path: Path) -> None:
    assert tree.is_empty()
    put(tree, (b"d", b"f"))
    assert not tree.is_empty()
    assert tree.stands_in_the_way((b"d", b"f"), folder=False)
    assert tree.stands_in_the_way((b"d", b"f", b"below"), folder=False)
    assert tree.stands_in_the_way((b"d", b"f"), folder=True)
    assert tree.stands_in_the_way((b"d",), folder=False)
    assert not tree.stands_in_the_way((b"d",), folder=True)
    assert not tree.stands_in_the_way((b"d", b"other"), folder=False)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigRejected, match="--to"):
        TargetTree(tmp_path / "file" / "to")
