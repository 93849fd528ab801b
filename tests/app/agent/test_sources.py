"""A source that is not there is never taken for one whose files were deleted."""

import os
import shutil
from pathlib import Path

import pytest

from app.agent.found import Step
from app.agent.index import Index
from app.agent.scan import Scanner
from app.agent.sources import Place, Sources
from app.agent.system.mounts import FileSystems
from app.agent.vanished import VanishedNames
from tests.app.agent.test_scan import settle


@pytest.fixture(params=[(1, ""), (0, "ONE")], ids=["number", "name"])
def disk(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> dict[str, object]:
    """The number and the name by which the file system is known that ``root`` is on."""
    known_by = dict(zip(("number", "name"), request.param, strict=True))
    monkeypatch.setattr(FileSystems, "number", lambda *_: known_by["number"])
    monkeypatch.setattr(FileSystems, "name", lambda *_: known_by["name"])
    return known_by


def scan(root: Path, index: Index, gone: tuple[Path, ...] = ()) -> Step:
    path = os.fsencode(root)
    known = Sources(index, [path], [os.fsencode(each) for each in gone])
    scanner, whole = Scanner([path], index, sources=known), Step()
    while not whole.done:
        step = scanner.step()
        for name in ("found", "vanished", "failed", "missing"):
            getattr(whole, name).extend(getattr(step, name))
        whole.done = step.done
    settle(index, whole)
    return whole


def replace(folder: Path, *names: str) -> None:
    """Put another folder at the place of one, as an unmounted or another disk does."""
    folder.rename(folder.with_name(f"{folder.name}-away"))
    folder.mkdir()
    for name in names:
        (folder / name).write_text("x")


def put_back(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.with_name(f"{folder.name}-away").rename(folder)


@pytest.mark.parametrize("left", [(), ("lost+found",)])
def test_an_empty_folder_at_the_place_of_a_full_one_is_missing(
    root: Path, index: Index, left: tuple[str, ...]
) -> None:
    scan(root, index)
    replace(root, *left)
    for _ in range(2):
        step = scan(root, index)
        assert (step.vanished, step.found) == ([], [])
        ((path, reason),) = step.missing
        assert path == os.fsencode(root) and "its disk may not be mounted" in reason
    put_back(root)
    step = scan(root, index)
    assert (step.vanished, step.missing) == ([], [])


def test_the_same_folder_without_its_files_is_an_empty_one(root: Path, index: Index) -> None:
    scan(root, index)
    for path in root.iterdir():
        path.unlink()
    step = scan(root, index)
    assert step.missing == [] and len(step.vanished) == 3


def test_an_index_that_was_lost_does_not_make_an_empty_folder_a_deletion(root: Path, index: Index) -> None:
    scan(root, index)
    index.forget_source(os.fsencode(root))
    for path in root.iterdir():
        path.unlink()
    step = scan(root, index)
    assert step.vanished == [] and len(step.missing) == 1


@pytest.mark.parametrize(
    ("put", "missing"),
    [
        ("other names", True),
        ("one name of the old", True),
        ("a folder of the old", True),
        ("all names of the old", True),
        ("a copy", False),
        ("a copy of most", False),
    ],
)
def test_another_file_system_without_the_old_files_is_missing(
    root: Path, index: Index, disk: dict[str, object], put: str, missing: bool
) -> None:
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "er" / "file").write_text("x")
    scan(root, index)
    for path in (root / "a", root / "b", root / "c", root / "deep" / "er" / "file"):
        os.utime(path, (1e9, 1e9))
    scan(root, index)
    match put:
        case "other names":
            replace(root, "x", "y")
        case "one name of the old":
            replace(root, "x", "b")
        case "a folder of the old":
            replace(root)
            (root / "deep" / "er").mkdir(parents=True)
        case "all names of the old":
            replace(root, "a", "b", "c")
        case _:
            replace(root)
            shutil.copytree(root.with_name("root-away"), root, dirs_exist_ok=True)
            if put == "a copy of most":
                (root / "a").unlink()
                (root / "b").write_text("changed")
    disk.update(number=disk["number"] and 2, name=disk["name"] and "TWO")
    step = scan(root, index)
    assert bool(step.missing) is missing
    assert not missing or step.vanished == step.found == []
    assert [Path(os.fsdecode(path)).name for path in step.vanished] == ["a"] * (put == "a copy of most")
    if missing:
        step = scan(root, index, gone=(root,))
        assert step.missing == [] and step.vanished


@pytest.mark.parametrize(
    ("now", "before", "another"),
    [
        ("1:7:A", "1:7:A", False),
        ("1:1:A", "1:1:B", True),
        ("2:2:A", "1:1:A", False),
        ("2:7:", "1:7:", False),
        ("1:8:", "1:7:", True),
        ("1:1:", "1:1:", False),
        ("2:2:", "1:1:", None),
        ("2:0:", "1:0:", None),
        ("1:0:A", "1:0", None),
        ("1:7:A", "1:7", False),
        ("1:7:A", "nonsense", None),
        ("1:7:A:mounted", "1:7:A", False),
        ("1:7:A:mounted", "1:7:A:mounted", False),
        ("1:7:A:plain", "1:7:A:mounted", True),
        ("1:7:A:mounted", "1:7:A:plain", True),
        ("1:1::mounted:x", "1:1::mounted:y", True),
        ("1:0::mounted:x", "2:0::mounted:y", True),
        ("1:0::mounted:x", "1:0::mounted:x", False),
        ("1:0::mounted:x", "2:0::mounted:x", None),
        ("1:7:A:mounted:x", "2:7:A:mounted:x", False),
        ("1:7:A:mounted:x", "2:7:B:mounted:x", True),
        ("1:7:A:mounted:x", "1:7:A:mounted", False),
        ("1:1::mounted:x", "1:1::mounted", None),
    ],
)
def test_a_file_system_is_known_by_what_it_carries_in_itself(
    now: str, before: str, another: bool | None
) -> None:
    assert Place(now, "2").is_on_another(Place(before, "2")) is another


def test_where_nothing_tells_file_systems_apart_one_name_is_enough(
    root: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = iter(range(100, 200))
    monkeypatch.setattr(Place, "of", lambda *_, **__: Place(f"{next(devices)}:0:", "1"))
    scan(root, index)
    replace(root, "a")
    step = scan(root, index)
    assert step.missing == [] and len(step.vanished) == 2


def test_what_is_below_a_mount_of_the_same_file_system_is_another_folder(
    root: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = {os.fsencode(root)}
    monkeypatch.setattr(FileSystems, "mount_points", mounts)
    scan(root, index)
    mounts.clear()
    replace(root, "a", "left over")
    step = scan(root, index)
    assert (step.vanished, len(step.missing)) == ([], 1)
    put_back(root)
    assert scan(root, index).missing == []


@pytest.mark.parametrize("same", [True, False])
def test_a_source_of_a_lost_index_is_known_by_its_files(root: Path, index: Index, same: bool) -> None:
    scan(root, index)
    index.forget_source(os.fsencode(root))
    if not same:
        replace(root, "a", "b", "c", "d")
        os.utime(root / "b", (1e9, 1e9))
        for name in ("a", "c"):
            (root / name).write_text("longer")
    step = scan(root, index)
    assert bool(step.missing) is not same and step.vanished == []


def test_a_file_at_the_place_of_a_folder_is_missing_too(root: Path, index: Index) -> None:
    scan(root, index)
    shutil.rmtree(root)
    root.write_text("x")
    step = scan(root, index)
    assert (step.vanished, len(step.missing)) == ([], 1)


@pytest.mark.parametrize("how", ["empty", "other", "gone", "gone with what is above"])
def test_a_disk_missing_below_a_path_is_not_deleted(
    root: Path, index: Index, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    disk = root / "media" / "disk"
    disk.mkdir(parents=True)
    (disk / "in").mkdir()
    (disk / "in" / "file").write_text("x")
    (root / "media" / "plain").write_text("x")
    mounts = {os.fsencode(disk)}
    monkeypatch.setattr(FileSystems, "mount_points", mounts)
    scan(root, index)
    mounts.clear()
    if how == "empty":
        replace(disk)
    elif how == "other":
        replace(disk, "other")
        monkeypatch.setattr(FileSystems, "number", lambda *_: 4711)
    elif how == "gone":
        shutil.rmtree(disk)
    else:
        shutil.rmtree(root / "media")
    step = scan(root, index)
    assert [path for path, _ in step.missing] == [os.fsencode(disk)]
    plain = [os.fsencode(root / "media" / "plain")]
    assert step.vanished == (plain if how == "gone with what is above" else [])
    step = scan(root, index, gone=(disk,))
    assert step.missing == []
    assert os.fsencode(disk / "in" / "file") in step.vanished


def test_what_is_meant_to_be_gone_is_gone(root: Path, index: Index) -> None:
    scan(root, index)
    replace(root)
    step = scan(root, index, gone=(root,))
    assert (len(step.vanished), step.missing) == (3, [])


def test_what_was_backed_up_and_is_not_given_any_more_is_found(index: Index, tmp_path: Path) -> None:
    for name in ("old", "old-2", "old/in", "kept", "kept/in"):
        (tmp_path / "t" / name).mkdir(parents=True)
        (tmp_path / "t" / name / "file").write_text("x")
    for name in ("old", "old-2", "kept"):
        scan(tmp_path / "t" / name, index)
    path = {name: os.fsencode(tmp_path / "t" / name) for name in ("old", "old-2", "kept", "kept/in")}
    assert index.outside([path["kept"]]) == [path["old"], path["old-2"]]
    assert index.outside([path["kept/in"], path["old"]]) == [path["kept"], path["old-2"]]
    assert index.outside(path.values()) == []
    assert index.outside([b"/"]) == []
    assert index.outside([]) == [path["kept"], path["old"], path["old-2"]]


async def test_vanished_names_are_kept_in_order_on_the_disk_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.agent.vanished.IN_MEMORY_BYTES", 10)
    monkeypatch.setattr("app.agent.vanished.PART_BYTES", 3)
    names = VanishedNames()
    assert list(names.parts(2)) == []
    await names.add([b"/one", b"/two\n"])
    await names.add([b"/three"])
    assert list(names.parts(2)) == [[b"/one", b"/two\n"], [b"/three"]]
    names.close()
