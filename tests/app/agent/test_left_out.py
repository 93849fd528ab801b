"""Exclusions besides patterns: caches, marked folders, large files, other disks, our own data."""

import os
from pathlib import Path

import pytest

from app.agent.found import Step
from app.agent.index import Index
from app.agent.left_out import (
    CACHE,
    CACHE_SIGNATURE,
    LARGE,
    OF_THE_SERVER,
    OTHER_FILE_SYSTEM,
    OWN,
    Exclusions,
)
from app.agent.scan import Scanner
from app.wire.http import server_id_of
from tests.app.agent.test_scan import found, names, settle


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a").write_text("a")
    (folder / "in" / "b").write_text("b" * 100)
    (folder / "top").write_text("x")
    return folder


def scan(root: Path | bytes, index: Index, exclusions: Exclusions = Exclusions()) -> Step:  # noqa: B008
    scanner, whole = Scanner([os.fsencode(root)], index, (), exclusions), Step()
    while not whole.done:
        step = scanner.step()
        for name in ("found", "vanished", "failed", "left_out"):
            getattr(whole, name).extend(getattr(step, name))
        whole.done = step.done
    return whole


def reasons(root: Path, step: Step) -> dict[str, str]:
    return {names(root, [path])[0]: reason for path, reason in step.left_out}


def test_a_tagged_cache_is_an_empty_folder_with_its_tag(root: Path, index: Index) -> None:
    settle(index, scan(root, index))
    (root / "in" / "CACHEDIR.TAG").write_bytes(CACHE_SIGNATURE + b"\n# made by a test\n")
    everything = scan(root, index)
    assert everything.left_out == []
    step = scan(root, index, Exclusions(caches=True))
    assert reasons(root, step) == {"in": CACHE}
    assert "in/CACHEDIR.TAG" in found(root, step)
    assert names(root, step.vanished) == ["in/a", "in/b"]


@pytest.mark.parametrize("content", [b"", b"Signature: something else", CACHE_SIGNATURE[:-1]])
def test_a_tag_without_its_signature_marks_nothing(root: Path, index: Index, content: bytes) -> None:
    (root / "in" / "CACHEDIR.TAG").write_bytes(content)
    assert scan(root, index, Exclusions(caches=True)).left_out == []


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_tag_that_is_no_file_marks_nothing(root: Path, index: Index, kind: str) -> None:
    tag = root / "in" / "CACHEDIR.TAG"
    if kind == "pipe":
        os.mkfifo(tag)
    elif kind == "link":
        (root / "elsewhere").write_bytes(CACHE_SIGNATURE)
        tag.symlink_to("../elsewhere")
    else:
        tag.mkdir()
    assert scan(root, index, Exclusions(caches=True)).left_out == []


def test_a_marker_leaves_out_what_is_beside_it(root: Path, index: Index) -> None:
    (root / "in" / ".nobackup").touch()
    step = scan(root, index, Exclusions(markers=(b".nobackup", b".other")))
    assert found(root, step) == [".", "in", "in/.nobackup", "top"]
    assert reasons(root, step) == {"in": "it has .nobackup"}


def test_large_files_are_left_out_whether_known_or_not(root: Path, index: Index) -> None:
    step = scan(root, index, Exclusions(max_bytes=99))
    assert reasons(root, step) == {"in/b": LARGE} and "in/b" not in found(root, step)
    settle(index, scan(root, index))
    step = scan(root, index, Exclusions(max_bytes=99))
    assert names(root, step.vanished) == ["in/b"]


def test_our_own_folder_is_left_out_by_whatever_path_one_comes_there(root: Path, index: Index) -> None:
    link = root / "link"
    link.symlink_to("in")
    step = scan(root, index, Exclusions(own_folders=(os.fsencode(link),)))
    assert reasons(root, step) == {"in": OWN}
    assert found(root, step) == [".", "in", "link", "top"]
    step = scan(root / "in", index, Exclusions(own_folders=(os.fsencode(root / "in"),)))
    assert [reason for _, reason in step.left_out] == [OWN]


@pytest.mark.parametrize(("server_id", "left_out"), [(server_id_of("word"), True), ("other", False)])
@pytest.mark.parametrize("name", ["server.id", "identity"])
def test_the_data_of_the_server_that_is_backed_up_to_is_left_out(
    root: Path, index: Index, server_id: str, left_out: bool, name: str
) -> None:
    (root / "in" / name).write_text("word\n" if name == "identity" else f"{server_id_of('word')}\n")
    step = scan(root, index, Exclusions(server_id=server_id))
    assert reasons(root, step) == ({"in": OF_THE_SERVER} if left_out else {})
    assert ("in/a" in found(root, step)) is not left_out


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="nothing is mounted there")
def test_other_file_systems_are_left_out_where_that_is_wished(index: Index) -> None:
    step = scan(b"/dev", index, Exclusions(one_file_system=True))
    assert (b"/dev/shm", OTHER_FILE_SYSTEM) in step.left_out
    assert b"/dev/shm" in [f.path for f in step.found]
    assert not [f.path for f in step.found if f.path.startswith(b"/dev/shm/")]
