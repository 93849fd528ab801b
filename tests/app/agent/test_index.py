import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.agent.index import UNSURE, FullRow, Index
from app.agent.index_file import IndexDamaged
from streams.model.failures import ConfigRejected


def row(folder: bytes, name: bytes, size: int = 1) -> FullRow:
    return (folder, name, 0o100644, size, 2, 3, 4, b"h" * 32, None, None)


@pytest.fixture
def index(tmp_path: Path):
    with_index = Index(tmp_path)
    yield with_index
    with_index.close()


def test_rows_are_found_by_folder_with_any_name(index: Index) -> None:
    index.put([row(b"/a", b"\xff\n"), row(b"/a", b"x", 2), row(b"/a/x", b"y")])
    assert index.folder(b"/a") == {
        b"\xff\n": (b"\xff\n", 0o100644, 1, 2, 3, 4, b"h" * 32, None, None),
        b"x": (b"x", 0o100644, 2, 2, 3, 4, b"h" * 32, None, None),
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


def test_facts_and_rows_outlive_the_process(tmp_path: Path) -> None:
    first = Index(tmp_path)
    first.put([row(b"/a", b"b")], "r1")
    first.keep_fact("client_id", "x")
    first.close()
    second = Index(tmp_path)
    assert (second.fact("client_id"), second.fact("revision")) == ("x", "r1")
    assert (second.count(), second.begun_again) == (1, "")
    second.close()


def _other_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def _other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE other (x); PRAGMA user_version = 2;")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(b"this is no database" * 100), "is damaged"),
        (lambda path: path.write_bytes(b""), ""),
        (_other_version, "another version"),
        (_other_tables, "is damaged"),
    ],
)
def test_an_index_that_cannot_be_used_is_begun_again_and_told(
    tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(tmp_path / "index.db")
    index = Index(tmp_path)
    assert index.count() == 0
    assert (told in index.begun_again) and (bool(told) == bool(index.begun_again))
    index.close()


def test_damage_that_is_met_later_is_named_and_the_index_begun_again(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.put([row(b"/%d" % number, b"n" * 200) for number in range(500)])
    index.close()
    path = tmp_path / "index.db"
    data = bytearray(path.read_bytes())
    data[16384:] = b"\xa5" * (len(data) - 16384)
    path.write_bytes(data)
    index = Index(tmp_path)
    with pytest.raises(IndexDamaged):
        for number in range(500):
            index.folder(b"/%d" % number)
    index.start_again()
    assert index.count() == 0
    index.put([row(b"/a", b"b")])
    assert index.count() == 1
    index.close()


def test_rows_that_cannot_be_kept_are_told_and_no_revision_is_kept_after_them(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([row(b"/a", b"b")], "r1")
    index._writer.execute("PRAGMA max_page_count = 1")
    index.put([row(b"/a", b"n%05d" % number) for number in range(5000)], "r2")
    assert "full" in index.write_problem
    index._writer.execute("PRAGMA max_page_count = 100000")
    index.put([row(b"/a", b"c")], "r3")
    assert (index.count(), index.fact("revision")) == (2, "r1")
    index.begin_rebuild()
    index.end_rebuild("x", "r3")
    assert (index.count(), index.fact("revision"), index.write_problem) == (0, "r3", "")


def test_a_rebuild_believes_what_both_have_and_nothing_else(index: Index) -> None:
    same, other, gone = row(b"/a", b"same"), row(b"/a", b"other"), row(b"/a", b"gone")
    index.put([same, other, gone], "r1")
    index.begin_rebuild()
    index.add_at_server(
        [
            (b"/a", b"same", 0o100644, 1, 2, b"h" * 32, None, None),
            (b"/a", b"other", 0o100644, 1, 2, b"x" * 32, None, None),
            (b"/a", b"new", 0o100644, 1, 2, b"h" * 32, None, None),
        ]
    )
    index.end_rebuild("client", "r2")
    unsure = (0o100644, 1, 2, UNSURE, 0)
    assert index.folder(b"/a") == {
        b"same": same[1:],
        b"other": (b"other", *unsure, b"x" * 32, None, None),
        b"new": (b"new", *unsure, b"h" * 32, None, None),
    }
    assert (index.fact("client_id"), index.fact("revision")) == ("client", "r2")


def test_one_agent_at_a_time(tmp_path: Path, index: Index) -> None:
    with pytest.raises(ConfigRejected, match="another agent"):
        Index(tmp_path)


def test_a_failed_write_leaves_everything_as_it_was(index: Index) -> None:
    index.put([row(b"/a", b"b")])
    with pytest.raises(sqlite3.ProgrammingError):
        index.remove([(b"/a", b"b"), None])  # type: ignore[list-item]
    assert index.count() == 1


def test_closing_waits_for_a_call_that_was_given_up(tmp_path: Path) -> None:
    index = Index(tmp_path)
    inside, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def change() -> None:
        inside.set()
        assert go_on.wait(30)
        index._set("name", "value")
        done.append("written")

    def close() -> None:
        index.close()
        done.append("closed")

    writing = threading.Thread(target=index._write, args=(change,))
    writing.start()
    assert inside.wait(30)
    closing = threading.Thread(target=close)
    closing.start()
    closing.join(0.2)
    go_on.set()
    writing.join(30)
    closing.join(30)
    assert done == ["written", "closed"]
