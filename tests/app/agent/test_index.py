import sqlite3
from pathlib import Path

import pytest

from app.agent.index import FullRow, Index
from streams.failures import ConfigRejected


def row(folder: bytes, name: bytes, size: int = 1) -> FullRow:
    return (folder, name, 0o100644, size, 2, 3, 4, b"h" * 32, None)


@pytest.fixture
def index(tmp_path: Path):
    with_index = Index(tmp_path)
    yield with_index
    with_index.close()


def test_rows_are_found_by_folder_with_any_name(index: Index) -> None:
    index.put([row(b"/a", b"\xff\n"), row(b"/a", b"x", 2), row(b"/a/x", b"y")])
    assert index.folder(b"/a") == {
        b"\xff\n": (b"\xff\n", 0o100644, 1, 2, 3, 4, b"h" * 32, None),
        b"x": (b"x", 0o100644, 2, 2, 3, 4, b"h" * 32, None),
    }
    index.put([row(b"/a", b"x", 9)])
    assert index.folder(b"/a")[b"x"][2] == 9
    assert index.count() == 3


def test_below_is_a_folder_and_not_its_neighbours(index: Index) -> None:
    index.put(
        [
            row(b"/a", b"b"),
            row(b"/a/b", b"c"),
            row(b"/a/b/c", b"d"),
            row(b"/a/b.x", b"e"),
            row(b"/a/b0", b"f"),
        ]
    )
    assert sorted(index.below(b"/a/b")) == [b"/a/b/c", b"/a/b/c/d"]
    assert len(list(index.below(b"/"))) == 5
    index.remove([(b"/a/b", b"c")])
    assert list(index.below(b"/a/b")) == [b"/a/b/c/d"]


def test_facts_and_rows_outlive_the_process_and_clear_forgets_them(tmp_path: Path) -> None:
    first = Index(tmp_path)
    first.put([row(b"/a", b"b")])
    first.keep_fact("client_id", "x")
    first.close()
    second = Index(tmp_path)
    assert second.fact("client_id") == "x"
    assert second.count() == 1
    second.clear()
    assert (second.count(), second.fact("client_id")) == (0, None)
    second.close()


def test_a_damaged_index_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"this is no database" * 100)
    index = Index(tmp_path)
    assert index.count() == 0
    index.close()


def test_one_agent_at_a_time(tmp_path: Path, index: Index) -> None:
    with pytest.raises(ConfigRejected, match="another agent"):
        Index(tmp_path)


def test_a_failed_write_leaves_everything_as_it_was(index: Index) -> None:
    index.put([row(b"/a", b"b")])
    with pytest.raises(sqlite3.ProgrammingError):
        index.remove([(b"/a", b"b"), None])  # type: ignore[list-item]
    assert index.count() == 1
