import os
from pathlib import Path

import pytest

from app.agent import sparse
from app.agent.sparse import Placement, cut_extents, extents_of, has_only_holes_between
from app.agent.system import open_file

BLOCK = 64 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file whose 2nd and 5th of 6 blocks hold data; skips where there are no holes."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for number in (1, 4):
            file.seek(number * BLOCK)
            file.write(bytes([number]) * BLOCK)
        file.truncate(6 * BLOCK)
    if path.stat().st_blocks * 512 >= 6 * BLOCK:
        pytest.skip("this file system keeps no holes")
    return path


def extents(path: Path) -> tuple[int, ...] | None:
    with path.open("rb") as file:
        return extents_of(file.fileno(), os.fstat(file.fileno()))


def test_the_parts_that_hold_data_are_found(path: Path) -> None:
    assert extents(path) == (BLOCK, BLOCK, 4 * BLOCK, BLOCK)
    path.write_bytes(b"dense" * BLOCK)
    assert extents(path) is None
    with path.open("wb") as file:
        file.truncate(10 * BLOCK)
    assert extents(path) == ()


def test_many_parts_are_joined_over_the_smallest_holes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("wb") as file:
        # Holes of one block after every block, and a large one in the middle.
        for number in (*range(0, 40, 2), *range(400, 440, 2)):
            file.seek(number * BLOCK)
            file.write(b"x" * BLOCK)
        file.truncate(500 * BLOCK)
    monkeypatch.setattr(sparse, "MAX_EXTENTS", 8)
    found = extents(path)
    assert found is not None
    assert len(found) <= 16
    assert sum(found[1::2]) < 100 * BLOCK
    content = path.read_bytes()
    holes = bytearray(content)
    for offset, length in zip(found[::2], found[1::2], strict=True):
        holes[offset : offset + length] = bytes(length)
    assert not any(holes)


def test_a_file_system_that_tells_nothing_of_holes_has_dense_files(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", refuse)
    assert extents(path) is None


def test_a_system_that_tells_nothing_of_holes_has_dense_files(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = extents(path)
    monkeypatch.setattr(open_file, "TELLS_HOLES", False)
    monkeypatch.delattr(os, "SEEK_DATA")
    assert extents(path) is None
    with path.open("rb") as file:
        assert has_only_holes_between(file.fileno(), parts, 6 * BLOCK)


@pytest.mark.parametrize("piece", [1000, BLOCK, 3 * BLOCK])
def test_what_is_read_and_placed_is_the_same_file(path: Path, tmp_path: Path, piece: int) -> None:
    found = extents(path)
    placed, content = Placement(found), b""
    with path.open("rb") as file:
        while data := placed.read(file.fileno(), len(content), piece):
            content += data
    assert content == b"\1" * BLOCK + b"\4" * BLOCK
    copy = tmp_path / "copy"
    with copy.open("wb+") as file:
        for at in range(0, len(content), piece):
            placed.write(file.fileno(), at, content[at : at + piece])
        os.ftruncate(file.fileno(), 6 * BLOCK)
        with pytest.raises(ValueError, match="more than"):
            placed.write(file.fileno(), len(content), b"x")
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stat().st_blocks == path.stat().st_blocks


def test_whether_a_file_has_zeros_where_there_are_holes(path: Path) -> None:
    parts = extents(path)

    def right() -> bool:
        with path.open("rb") as file:
            return has_only_holes_between(file.fileno(), parts, 6 * BLOCK)

    assert right()
    content = bytearray(path.read_bytes())
    path.write_bytes(content)
    assert right()
    for at in (0, 2 * BLOCK, 6 * BLOCK - 1):
        content[at] = 1
        path.write_bytes(content)
        assert not right()
        content[at] = 0


def test_parts_are_cut_where_a_file_became_shorter() -> None:
    assert cut_extents((10, 5, 20, 5), 10) == (10, 5, 20, 5)
    assert cut_extents((10, 5, 20, 5), 7) == (10, 5, 20, 2)
    assert cut_extents((10, 5, 20, 5), 5) == (10, 5)
    assert cut_extents((10, 5), 0) == ()
