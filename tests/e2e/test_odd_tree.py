"""The comparison that the end-to-end tests rest on must itself see every kind of difference."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.odd_tree import differences, make_odd_tree


@pytest.fixture
def twins(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    assert make_odd_tree(one, 150) == 150
    shutil.copytree(one, other, symlinks=True)
    return one, other


def test_a_copy_is_no_different(twins: tuple[Path, Path]) -> None:
    assert differences(*twins) == []


def _shorten(root: Path) -> None:
    path = root / "docs/plain.txt"
    kept = path.stat()
    path.write_bytes(b"something else")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))


def _relink(root: Path) -> None:
    (root / "dangling").unlink()
    (root / "dangling").symlink_to("/elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        _shorten,
        _relink,
        lambda root: (root / "plain.txt").unlink(),
        lambda root: (root / "new").write_bytes(b""),
        lambda root: (root / "empty folder" / "within").rmdir(),
        lambda root: (root / "plain.txt").chmod(0o640),
        lambda root: os.utime(root / "docs", ns=(0, 5)),
    ],
)
def test_every_difference_is_seen(twins: tuple[Path, Path], change: Callable[[Path], object]) -> None:
    change(twins[1])
    assert differences(*twins)
