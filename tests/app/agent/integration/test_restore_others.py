"""A restore beside others: who swaps names meanwhile, and what cannot be made takes nothing with it."""

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from app.agent.restore_plan import Item, Parts
from app.agent.restore_tree import TargetTree
from app.agent.target_file import NewFile
from app.agent.target_place import NamePlacer
from app.wire.blob_batch import encode_batch
from streams.model.attributes import Attributes
from streams.model.files import FileVersion
from streams.model.vocabulary import EntryKind
from tests.app.agent.integration.test_attribute_round_trip import LIST, as_root, can_set, first
from tests.app.agent.integration.test_restore import a_false_server, folder, from_false, version
from tests.app.agent.machines import a_server, restore

NOBODY = 65534


def special(path: bytes, kind: int, device: int | None = None) -> FileVersion:
    attributes = Attributes(uid=0, gid=0, device=device)
    return version(path, kind=EntryKind.SPECIAL, sha256=None, mode=kind | 0o6755, attributes=attributes)


@as_root
@pytest.mark.parametrize("kind", ["folder", "pipe"])
async def test_who_swaps_a_name_gets_no_rights_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    to = tmp_path / "in" / "to"
    to.mkdir(parents=True)

    def swap(name: bytes | str, above: int | None) -> None:
        """Do what somebody can who may write in the target."""
        os.rename(name, b"moved", src_dir_fd=above, dst_dir_fd=above)
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o755, dir_fd=above)
        os.write(file, b"#!/bin/sh")
        os.fchown(file, NOBODY, NOBODY)
        os.close(file)

    if kind == "folder":
        entry = version(
            b"/s/name", kind=EntryKind.FOLDER, sha256=None, mode=0o6755, attributes=Attributes(uid=0, gid=0)
        )
        finish = TargetTree.finish

        def finish_later(tree: TargetTree, item: Item) -> None:
            swap(b"name", os.open(to, os.O_RDONLY))
            finish(tree, item)

        monkeypatch.setattr(TargetTree, "finish", finish_later)
    else:
        entry = special(b"/s/name", stat.S_IFIFO)
        mknod = os.mknod

        def make(name: bytes, mode: int, device: int, *, dir_fd: int) -> None:
            mknod(name, mode, device, dir_fd=dir_fd)
            swap(name, dir_fd)

        monkeypatch.setattr(os, "mknod", make)
    async with a_false_server([version(b"/s/f", b"1", 1), entry], {1: b"1"}) as url:
        code = await from_false(url, tmp_path)
    said = capsys.readouterr().err
    for path in to.iterdir():
        if stat.S_ISREG(path.lstat().st_mode) and path.name != "f":
            assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (NOBODY, 0o755)
    assert (code == 1 and "not restored: /s/name" in said) or "mode of 1" in said


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
async def test_a_disk_below_that_takes_no_more_costs_what_belongs_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """As with another file system that is mounted in the target."""
    below = tmp_path / "in" / "to" / "mounted"
    below.mkdir(parents=True)
    device, fstat, new_file = below.stat().st_ino, os.fstat, TargetTree.new_file

    def other_device(file: int) -> os.stat_result:
        at = fstat(file)
        return os.stat_result((*at[:2], 999, *at[3:])) if at.st_ino == device else at

    def refuse(tree: TargetTree, parts: Parts, **more: object) -> NewFile:
        if parts[0] == b"mounted":
            raise OSError(number, os.strerror(number))
        return new_file(tree, parts, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fstat", other_device)
    monkeypatch.setattr(TargetTree, "new_file", refuse)
    entries = [folder(b"/s"), folder(b"/s/mounted")]
    entries += [version(b"/s/mounted/f", b"1", 1), version(b"/s/g", b"2", 2)]
    async with a_false_server(entries, {1: b"1", 2: b"2"}) as url:
        assert await from_false(url, tmp_path) == 1
    assert f"not restored: /s/mounted/f: {os.strerror(number)}" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path / "in" / "to")) == ["g", "mounted"]


@as_root
async def test_rights_are_not_lent_to_a_file_that_its_owner_may_still_write(tmp_path: Path) -> None:
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    for name in ("lends", "plain"):
        (source / name).write_text(name)
    (source / "lends").chmod(0o4755)
    to.mkdir()
    for name in ("lends", "plain"):
        (to / name).write_text(name)
        os.chown(to / name, NOBODY, NOBODY)
    outside = tmp_path / "outside"
    (to / "plain").unlink()
    outside.write_text("plain")
    os.chown(outside, NOBODY, NOBODY)
    os.link(outside, to / "plain")
    inode = (to / "lends").stat().st_ino
    async with a_server(tmp_path / "data") as server:
        assert await first(server, source, tmp_path / "state") == 0
        token = ("--server", server.url, "--token-file", server.info.token_file)
        assert await restore("laptop", *token, "--to", to, "--overwrite") == 0
    at = (to / "lends").stat()
    assert (at.st_uid, stat.S_IMODE(at.st_mode), at.st_ino == inode) == (0, 0o4755, False)
    assert (to / "plain").stat().st_uid == 0
    assert outside.stat().st_uid == NOBODY


async def test_a_device_that_was_not_made_is_told_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", refuse)
    entries = [version(b"/s/f", b"1", 1), special(b"/s/null", stat.S_IFCHR, os.makedev(1, 3))]
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 1
    said = capsys.readouterr()
    assert "not restored: /s/null: Operation not permitted" in said.err
    assert "special" not in said.out
    assert os.listdir(tmp_path / "in" / "to") == ["f"]


async def test_an_inherited_acl_that_stays_is_told_and_costs_no_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "in" / "to"
    to.mkdir(parents=True)
    if not can_set(to, "system.posix_acl_access", LIST):
        pytest.skip("this file system has no ACLs")
    os.setxattr(to, "system.posix_acl_default", LIST)
    for number in (errno.EPERM, errno.EIO):

        def refuse(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "removexattr", refuse)
        async with a_false_server([version(b"/s/f", b"1", 1)], {1: b"1"}) as url:
            assert await from_false(url, tmp_path) == 0
        assert "ACL of 1" in capsys.readouterr().err
        assert (to / "f").read_bytes() == b"1"
        (to / "f").unlink()


async def test_a_link_is_there_also_where_nothing_of_it_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As without /proc: what an open handle stands for cannot be changed there."""
    stat_of = os.stat

    def no_proc(path: object, **more: object) -> object:
        if isinstance(path, str) and path.startswith("/proc/self/fd/"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return stat_of(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", no_proc)
    entries = [version(b"/s/f", b"1", 1)]
    entries.append(
        version(
            b"/s/l", kind=EntryKind.LINK, sha256=None, link_target=b"to",
            attributes=Attributes(uid=7, gid=7),
        )
    )  # fmt: skip
    async with a_false_server(entries, {1: b"1"}) as url:
        assert await from_false(url, tmp_path) == 0
    assert sorted(os.listdir(tmp_path / "in" / "to")) == ["f", "l"]
    assert "owner of 1" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
async def test_the_other_names_are_made_where_the_first_one_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Below a folder that cannot be made, and at a name that cannot."""
    made = TargetTree.make_folder

    def refuse(tree: TargetTree, parts: Parts, *, overwrite: bool) -> bool:
        if parts == (b"a",):
            raise PermissionError(errno.EACCES, "Permission denied")
        return made(tree, parts, overwrite=overwrite)

    monkeypatch.setattr(TargetTree, "make_folder", refuse)
    same = {"attributes": Attributes(uid=os.geteuid(), gid=os.getegid(), hard_link=7)}
    if kind == "link":
        same |= {"kind": EntryKind.LINK, "sha256": None, "link_target": b"to"}  # type: ignore[dict-item]
    elif kind == "pipe":
        same |= {"kind": EntryKind.SPECIAL, "sha256": None, "mode": stat.S_IFIFO | 0o600}  # type: ignore[dict-item]
    data = b"" if kind != "file" else b"1"
    names = [b"/s/a/1", b"/s/b/2", b"/s/b/3", b"/s/b/4"]
    entries = [folder(b"/s"), folder(b"/s/a"), folder(b"/s/b")]
    entries += [version(name, data, n, **same) for n, name in enumerate(names)]
    to = tmp_path / "in" / "to"
    (to / "b" / "2").mkdir(parents=True)
    contents = dict.fromkeys(range(4), data)
    async with a_false_server(entries, contents) as url:
        assert await from_false(url, tmp_path, "--overwrite") == 1
    said = capsys.readouterr()
    assert said.err.count("not restored:") == 1
    inodes = {path.lstat().st_ino for path in (to / "b").iterdir() if path.name != "2"}
    assert sorted(os.listdir(to / "b")) == ["2", "2~2", "3", "4"]
    assert len(inodes) == 1


@pytest.mark.parametrize("kind", ["file", "link"])
async def test_a_first_name_that_fails_leaves_its_part_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place = NamePlacer.place

    def refuse(placer: NamePlacer, parts: Parts, *more: object) -> bytes:
        if parts[-1] == b"1":
            raise OSError(errno.EIO, "Input/output error")
        return place(placer, parts, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(NamePlacer, "place", refuse)
    same = {"attributes": Attributes(uid=os.geteuid(), gid=os.getegid(), hard_link=7)}
    if kind == "link":
        same |= {"kind": EntryKind.LINK, "sha256": None, "link_target": b"to"}  # type: ignore[dict-item]
    data = b"" if kind == "link" else b"1"
    entries = [version(b"/s/%d" % n, data, n, **same) for n in range(1, 5)]
    async with a_false_server(entries, dict.fromkeys(range(5), data)) as url:
        assert await from_false(url, tmp_path) == 1
    to = tmp_path / "in" / "to"
    assert sorted(os.listdir(to)) == ["2", "3", "4"]
    assert len({path.lstat().st_ino for path in to.iterdir()}) == 1


def put_there(at: Path, kind: str, outside: Path) -> None:
    if kind == "file":
        at.write_text("theirs")
    elif kind == "folder":
        at.mkdir()
        (at / "inner").write_text("theirs")
    elif kind == "link":
        at.symlink_to(outside)
    else:
        os.mkfifo(at)


def tree_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        is_file = stat.S_ISREG(path.lstat().st_mode)
        content = path.read_bytes() if is_file else os.readlink(path) if path.is_symlink() else None
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, path.lstat().st_ino, content)
    return found


@pytest.mark.parametrize("there", ["file", "folder", "link", "pipe"])
async def test_what_is_of_another_type_is_left_or_replaced_as_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    outside, to = tmp_path / "outside", tmp_path / "in" / "to"
    (outside / "kept").mkdir(parents=True)
    before = tree_of(outside)
    wanted = {
        "file": [version(b"/s/name", b"1", 1)],
        "folder": [folder(b"/s/name"), version(b"/s/name/inner", b"1", 1)],
        "link": [version(b"/s/name", kind=EntryKind.LINK, sha256=None, link_target=b"/nowhere")],
        "pipe": [special(b"/s/name", stat.S_IFIFO)],
    }
    for kind, entries in wanted.items():
        if kind == there == "folder":
            continue  # Both are one folder.
        if kind == there == "pipe":
            continue
        to.mkdir(parents=True)
        put_there(to / "name", there, outside)
        found = tree_of(to)
        async with a_false_server([folder(b"/s"), *entries], {1: b"1"}) as url:
            assert await from_false(url, tmp_path) == 2, (kind, there)
            assert tree_of(to) == found
            capsys.readouterr()
            code = await from_false(url, tmp_path, "--overwrite")
        stays = there == "folder" or (there == "link" and kind == "folder")
        assert code == (1 if stays else 0), (kind, there)
        made = to / ("name~2" if stays else "name")
        assert stat.S_IFMT(made.lstat().st_mode) == {
            "file": stat.S_IFREG, "folder": stat.S_IFDIR, "link": stat.S_IFLNK, "pipe": stat.S_IFIFO,
        }[kind]  # fmt: skip
        if stays:
            assert {name: fact for name, fact in tree_of(to).items() if name in found} == found
            assert "renamed: /s/name" in capsys.readouterr().err
        if kind == "folder":
            assert (made / "inner").read_bytes() == b"1"
        shutil.rmtree(to)
    assert tree_of(outside) == before


ONE, TWO = b"content of one", b"content of two"
HASHES = [hashlib.sha256(data).hexdigest() for data in (ONE, TWO)]


@pytest.mark.parametrize(
    ("batch", "whole"),
    [
        (b"", ["one", "two"]),
        (b"garbage", ["one", "two"]),
        (encode_batch([(HASHES[0], ONE)])[:-1], ["one", "two"]),
        (encode_batch([(HASHES[0], ONE), (HASHES[1], TWO)]) + b"more", ["one", "two"]),
        (b"x" * 1_000_000, ["one", "two"]),
        (encode_batch([(HASHES[0], TWO), (HASHES[1], TWO)]), ["two"]),
        (encode_batch([(HASHES[0], ONE + b"!"), (HASHES[1], TWO)]), ["one", "two"]),
        (encode_batch([(HASHES[0], b""), (HASHES[1], TWO)]), ["two"]),
        (encode_batch([("00" * 32, ONE), (HASHES[1], TWO)]), ["one", "two"]),
    ],
)
async def test_only_what_has_its_hash_comes_out_of_a_batch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], batch: bytes, whole: list[str]
) -> None:
    entries = [folder(b"/s"), version(b"/s/one", ONE, 1), version(b"/s/two", TWO, 2)]
    async with a_false_server(entries, {1: ONE, 2: TWO}, batch=batch) as url:
        assert await from_false(url, tmp_path) == (0 if len(whole) == 2 else 1)
    to = tmp_path / "in" / "to"
    assert {path.name: path.read_bytes() for path in to.iterdir()} == {
        name: ONE if name == "one" else TWO for name in whole
    }
    assert capsys.readouterr().err.count("not restored:") == 2 - len(whole)
