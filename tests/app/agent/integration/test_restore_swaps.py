"""A restore where others may write: what they swap, hold open or forge gains and replaces nothing."""

import os
import stat
from pathlib import Path

import pytest

from app.agent import target_place
from app.agent.file_system import FileSystem
from app.agent.restore_plan import Item, Parts
from app.agent.restore_tree import TargetTree
from app.agent.system.posix import POSIX
from app.agent.target_note import TargetNote
from streams.model.attributes import Attributes
from streams.model.files import FileVersion
from streams.model.vocabulary import EntryKind
from tests.app.agent.integration.test_attribute_round_trip import as_root
from tests.app.agent.integration.test_restore import a_false_server, folder, from_false, version
from tests.app.agent.integration.test_restore_others import NOBODY, special

VICTIM = 12345
THEIRS = b"theirs"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    target = tmp_path / "in" / "to"
    target.mkdir(parents=True)
    return target


def of(uid: int, path: bytes, mode: int = 0o755) -> FileVersion:
    return version(
        path, kind=EntryKind.FOLDER, sha256=None, mode=mode, attributes=Attributes(uid=uid, gid=uid)
    )


@as_root
@pytest.mark.parametrize("owner", [0, NOBODY])
async def test_a_note_that_somebody_else_has_written_gives_no_folder_away(
    tmp_path: Path, to: Path, owner: int
) -> None:
    there = to / "there"
    there.mkdir(mode=0o700)
    root = os.open(to, os.O_RDONLY)
    TargetNote(POSIX, root, "Restored from /s of laptop").write([(b"there",)], b"temporary")
    os.close(root)
    os.chown(to / ".tidewatch-RESTORING", owner, owner)
    entries = [folder(b"/s"), of(NOBODY, b"/s/there"), version(b"/s/f", b"1", 1)]
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 0
    at = there.stat()
    assert (at.st_uid, stat.S_IMODE(at.st_mode)) == ((NOBODY, 0o755) if owner == 0 else (0, 0o700))
    assert (to / "f").read_bytes() == b"1"


@as_root
@pytest.mark.parametrize(
    ("owner", "modes", "stays"),
    [
        (NOBODY, (0o644, 0o644), False),
        (NOBODY, (0o644, 0o4755), False),
        (0, (0o666, 0o4755), False),
        (0, (0o666, 0o644), True),
        (0, (0o644, 0o4755), True),
        (VICTIM, (0o644, 0o644), True),
    ],
)
async def test_a_file_that_its_owner_may_have_open_is_given_to_nobody_else(
    tmp_path: Path, to: Path, owner: int, modes: tuple[int, int], stays: bool
) -> None:
    (to / "f").write_bytes(b"1")
    mode, wanted = modes
    (to / "f").chmod(mode)
    os.chown(to / "f", owner, owner)
    uid = owner if owner == VICTIM else 0
    with (to / "f").open("r+b") as held:
        entry = version(b"/s/f", b"1", 1, mode=wanted, attributes=Attributes(uid=uid, gid=uid))
        async with a_false_server([folder(b"/s"), entry], {1: b"1"}) as url:
            assert await from_false(url, tmp_path, "--overwrite") == 0
        held.write(b"2")
    at = (to / "f").stat()
    assert (at.st_uid, at.st_mode & 0o777) == (uid, wanted & 0o777)
    assert (to / "f").read_bytes() == (b"2" if stays else b"1")


@as_root
async def test_a_folder_that_was_swapped_while_it_was_made_is_given_to_nobody(
    tmp_path: Path, to: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mkdir = os.mkdir

    def swapped(name: bytes, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        if name == b"home":
            os.rename(name, b"moved", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            mkdir(name, 0o755, dir_fd=dir_fd)
            (to / "home" / ".profile").write_bytes(THEIRS)
            os.chown(name, NOBODY, NOBODY, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", swapped)
    entries = [folder(b"/s"), of(VICTIM, b"/s/home", 0o700), of(VICTIM, b"/s/other", 0o700)]
    async with a_false_server(entries, {}) as url:
        assert await from_false(url, tmp_path) == 0
    owners = {name: (to / name).stat().st_uid for name in ("home", "other")}
    assert owners == {"home": NOBODY, "other": VICTIM}
    assert "mode of 1" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["deleted", "before", "meanwhile"])
async def test_another_name_is_made_of_the_file_that_was_restored_and_of_no_other(
    tmp_path: Path, to: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    first, link, make = to / "a" / "first", os.link, TargetTree.make_hard_link

    def swap() -> None:
        first.unlink()
        if moment != "deleted":
            first.write_bytes(THEIRS)

    def swapped_before(tree: TargetTree, item: Item, further: Item, *, overwrite: bool) -> bool:
        swap()
        return make(tree, item, further, overwrite=overwrite)

    def swapped_meanwhile(name: bytes, *names: bytes, **more: int) -> None:
        if name == b"first":
            swap()
        link(name, *names, **more)  # type: ignore[arg-type]

    if moment == "meanwhile":
        monkeypatch.setattr(os, "link", swapped_meanwhile)
    else:
        monkeypatch.setattr(TargetTree, "make_hard_link", swapped_before)
    attributes = Attributes(uid=os.geteuid(), gid=os.getegid(), hard_link=7)
    entries = [folder(b"/s"), folder(b"/s/a"), folder(b"/s/b")]
    entries += [version(name, b"1", 1, attributes=attributes) for name in (b"/s/a/first", b"/s/b/other")]
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == (1 if moment == "meanwhile" else 0)
    restored = to / "b" / "other"
    assert not restored.exists() if moment == "meanwhile" else restored.read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "hard link"])
async def test_what_came_between_the_look_and_the_name_is_not_replaced(
    tmp_path: Path,
    to: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    look = target_place.look

    def comes_between(system: FileSystem, name: bytes, above: int) -> os.stat_result | None:
        at = look(system, name, above)
        if name == b"name" and at is None:
            (to / "name").write_bytes(THEIRS)
        return at

    same = Attributes(uid=os.geteuid(), gid=os.getegid(), hard_link=7)
    entries = {
        "file": [version(b"/s/name", b"1", 1)],
        "link": [version(b"/s/name", kind=EntryKind.LINK, sha256=None, link_target=b"to")],
        "pipe": [special(b"/s/name", stat.S_IFIFO)],
        "hard link": [version(path, b"1", 1, attributes=same) for path in (b"/s/first", b"/s/name")],
    }[kind]
    monkeypatch.setattr(target_place, "look", comes_between)
    async with a_false_server([folder(b"/s"), *entries], {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 1
    assert "not restored: /s/name: something of this name is there by now" in capsys.readouterr().err
    assert (to / "name").read_bytes() == THEIRS
    assert sorted(os.listdir(to)) == ["first", "name"][kind != "hard link" :]


async def test_a_leftover_that_cannot_be_removed_costs_no_folder(tmp_path: Path, to: Path) -> None:
    for above in (to, to / "d"):
        (above / ".tidewatch-999999999-1.part" / "inner").mkdir(parents=True)
    entries = [folder(b"/s"), folder(b"/s/d"), version(b"/s/d/f", b"1", 1)]
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 0
    assert (to / "d" / "f").read_bytes() == b"1"


def test_a_disk_without_hard_links_takes_files_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    tree = TargetTree(tmp_path / "to")
    parts: Parts = (b"f",)
    file = tree.new_file(parts, overwrite=False)
    file.write(b"1")
    file.keep(Item(parts, b"/f", EntryKind.FILE, 1, 1, 0, 0o644, None, None), overwrite=False)
    file.close()
    tree.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == {"f": b"1"}
